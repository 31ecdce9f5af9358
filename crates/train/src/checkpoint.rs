//! A stack's state on disk, written aside and renamed.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use isoflop_checkpoint::{Checkpoint, Damage, Replica, write as bytes_of};
use isoflop_durable::{FileError, read_if_there, sync_folder, write_atomic};
use isoflop_model::{OptimState, StackModel, param_specs};
use isoflop_plan::{Shape, Stack};

use crate::error::TrainError;

/// Everything that a stack goes on from.
pub(crate) struct State {
    pub(crate) model: StackModel,
    pub(crate) optim: OptimState,
    pub(crate) replicas: Vec<Replica>,
}

/// File of a stack's checkpoint.
pub fn path(dir: &Path, stack: &Stack) -> PathBuf {
    dir.join(format!("{}.safetensors", stack.id))
}

fn layout(shape: &Shape) -> Vec<(String, usize, usize)> {
    param_specs(shape).into_iter().map(|spec| (spec.name, spec.rows, spec.cols)).collect()
}

/// Writes the state; an older checkpoint stays whole until the new one is complete.
pub(crate) fn write(path: &Path, stack: &Stack, state: &State) -> Result<(), TrainError> {
    let io = |source| TrainError::Io { path: path.to_owned(), source };
    let groups = [state.model.weights(), &state.optim.first, &state.optim.second];
    let data = groups.map(|group| group.iter().map(|t| t.to_data()).collect::<Vec<TensorData>>());
    let tensors = data.each_ref().map(|group| group.iter().map(TensorData::as_bytes).collect());
    let layout = layout(&stack.cells[0].shape);
    let bytes = bytes_of(stack, &layout, state.optim.step, &state.replicas, tensors)
        .map_err(|e| io(std::io::Error::other(e)))?;
    let failed = |error: FileError| TrainError::Io { path: error.path, source: error.source };
    // Its own folder alone: one above it that is not there was taken away.
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        match fs::create_dir(folder) {
            // Another stack's first checkpoint came at the same time.
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(io(error));
            }
            _ => {}
        }
        sync_folder(folder.parent().unwrap_or(folder)).map_err(failed)?;
    }
    write_atomic(path, &bytes).map_err(failed)
}

/// Reads a checkpoint; `None` where there is none.
pub(crate) fn read(
    path: &Path,
    stack: &Stack,
    device: &Device,
) -> Result<Option<State>, TrainError> {
    let failed = |source| TrainError::Io { path: path.to_owned(), source };
    let Some(bytes) = read_if_there(path).map_err(failed)? else { return Ok(None) };
    let first = &stack.cells[0];
    let layout = layout(&first.shape);
    let corrupt = |Damage(what)| TrainError::Corrupt { path: path.to_owned(), what };
    let Checkpoint { step, replicas, tensors } =
        Checkpoint::read(&bytes, stack, &layout).map_err(corrupt)?;
    let tensor = |(data, (_, rows, columns)): (&&[u8], &(String, usize, usize))| {
        let elements: Vec<f32> =
            data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let shape = [replicas.len(), *rows, *columns];
        Tensor::<3>::from_data(TensorData::new(elements, shape), device)
    };
    let [weights, first_moments, second_moments] =
        tensors.map(|group| group.iter().zip(&layout).map(tensor).collect::<Vec<_>>());
    Ok(Some(State {
        model: StackModel::from_weights(&first.shape, weights, first.hyper.precision),
        optim: OptimState::resumed(step, first_moments, second_moments),
        replicas,
    }))
}

/// Removes a finished stack's checkpoint.
pub(crate) fn remove(path: &Path) -> Result<(), TrainError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(TrainError::Io { path: path.to_owned(), source: e })
        }
        _ => Ok(()),
    }
}
