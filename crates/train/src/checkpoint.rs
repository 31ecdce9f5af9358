//! A stack's state on disk: one safetensors file, written aside and renamed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use isoflop_model::{OptimState, ParamSpec, StackModel};
use isoflop_plan::Stack;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::TrainError;
use crate::replica::Replica;

/// Raised when the file's layout changes.
const FORMAT: u32 = 2;

/// Everything that a stack goes on from.
pub(crate) struct State {
    pub(crate) model: StackModel,
    pub(crate) optim: OptimState,
    pub(crate) replicas: Vec<Replica>,
}

/// The part of the state that is not a tensor, as JSON in the file's header.
#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    stack: String,
    cells: Vec<String>,
    step: u64,
    replicas: Vec<Replica>,
    /// SHA-256 of the tensors' bytes, in the order of [`names`].
    sha256: String,
}

/// File of a stack's checkpoint.
pub fn path(dir: &Path, stack: &Stack) -> PathBuf {
    dir.join(format!("{}.safetensors", stack.id))
}

fn cell_names(stack: &Stack) -> Vec<String> {
    stack.cells.iter().map(|c| c.id.0.clone()).collect()
}

/// Groups of tensors in the file, in its order.
const GROUPS: [&str; 3] = ["weights", "first", "second"];

fn names(specs: &[ParamSpec]) -> impl Iterator<Item = (usize, String)> + '_ {
    GROUPS.iter().flat_map(move |group| {
        specs.iter().enumerate().map(move |(i, s)| (i, format!("{group}/{}", s.name)))
    })
}

/// Writes the state; an older checkpoint stays whole until the new one is complete.
pub(crate) fn write(path: &Path, stack: &Stack, state: &State) -> Result<(), TrainError> {
    let io = |source| TrainError::Io { path: path.to_owned(), source };
    let groups = [state.model.weights(), &state.optim.first, &state.optim.second];
    let data: Vec<TensorData> = groups.iter().flat_map(|g| g.iter().map(|t| t.to_data())).collect();
    let views: Vec<(String, TensorView)> = names(state.model.specs())
        .zip(&data)
        .map(|((_, name), data)| {
            let view = TensorView::new(Dtype::F32, data.shape().to_vec(), data.as_bytes())
                .expect("the bytes of a tensor fit its shape");
            (name, view)
        })
        .collect();
    let header = Header {
        format: FORMAT,
        stack: stack.id.clone(),
        cells: cell_names(stack),
        step: state.optim.step,
        replicas: state.replicas.clone(),
        sha256: digest(data.iter().map(|data| data.as_bytes())),
    };
    let header = serde_json::to_string(&header).expect("a header is plain data");
    let meta = HashMap::from([("isoflop".to_owned(), header)]);
    let bytes = serialize(views, Some(meta)).map_err(|e| io(std::io::Error::other(e)))?;
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(io)?;
    }
    let aside = path.with_extension("tmp");
    let mut file = File::create(&aside).map_err(io)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&aside, path).map_err(io)
}

/// Reads a checkpoint; `None` where there is none.
pub(crate) fn read(
    path: &Path,
    stack: &Stack,
    device: &Device,
) -> Result<Option<State>, TrainError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(TrainError::Io { path: path.to_owned(), source }),
    };
    let corrupt = |what: String| TrainError::Corrupt { path: path.to_owned(), what };
    let (_, meta) = SafeTensors::read_metadata(&bytes).map_err(|e| corrupt(e.to_string()))?;
    let header = meta.metadata().as_ref().and_then(|m| m.get("isoflop"));
    let header = header.ok_or_else(|| corrupt("it has no training state".into()))?;
    let header: Header = serde_json::from_str(header).map_err(|e| corrupt(e.to_string()))?;
    if header.format != FORMAT {
        let what = format!("its format is {}, this program reads {FORMAT}", header.format);
        return Err(corrupt(what));
    }
    if header.stack != stack.id || header.cells != cell_names(stack) {
        return Err(corrupt("it belongs to other cells".into()));
    }
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| corrupt(e.to_string()))?;
    let first = &stack.cells[0];
    let specs = isoflop_model::param_specs(&first.shape);
    let r = header.replicas.len();
    let mut loaded = Vec::new();
    let mut read = Vec::new();
    for (i, name) in names(&specs) {
        let view = tensors.tensor(&name).map_err(|e| corrupt(format!("{name}: {e}")))?;
        let want = [r, specs[i].rows, specs[i].cols];
        if view.dtype() != Dtype::F32 || view.shape() != want {
            return Err(corrupt(format!("{name} is {:?}, not {want:?}", view.shape())));
        }
        read.push(view.data());
        let elements: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        loaded.push(Tensor::<3>::from_data(TensorData::new(elements, want), device));
    }
    if digest(read) != header.sha256 {
        return Err(corrupt("its tensors are not those that were written".into()));
    }
    let second = loaded.split_off(2 * specs.len());
    let moments = loaded.split_off(specs.len());
    Ok(Some(State {
        model: StackModel::from_weights(&first.shape, loaded, first.hyper.precision),
        optim: OptimState::resumed(header.step, moments, second),
        replicas: header.replicas,
    }))
}

fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    parts.into_iter().for_each(|part| hash.update(part));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
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
