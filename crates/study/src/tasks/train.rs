//! One task of a study.

use std::path::Path;

use isoflop_device::TrainDevice;
use isoflop_ledger::{CONFIG_FILE, Contents, Ledger};
use isoflop_plan::{CellId, DeviceName, Grid, Stack};
use isoflop_text::counted;

use super::{TASKS_FILE, Task, Tasks};
use crate::begun::{CellsById, take_from_whole};
use crate::calibration::fit_calibrations;
use crate::clock::Clock;
use crate::devices::{self, Crew, Part};
use crate::error::StudyError;
use crate::events::Observer;
use crate::facts::StudyData;
use crate::limits::{refuse_too_large, stack_limits};
use crate::open::{build_grid, config_of, open_study_device, prepare_data, settle, tell_opened};
use crate::run::{Here, remove_checkpoints, train_here};
use crate::schedule::End;
use crate::stop::Stop;

/// How the training of a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEnd {
    /// Every cell of it has a record; so many failed and would be tried again.
    Done { failed: usize },
    /// It was asked to stop. Checkpoints hold what is not done: the same call goes on.
    Interrupted { by: String },
}

/// Trains what is missing of a task of a results folder, into its shard. `device` in the place of the configuration's.
///
/// # Errors
/// [`StudyError::Misuse`] where the folder has no such task; else as [`run`](crate::run).
pub fn train_task(
    folder: &Path,
    number: usize,
    device: Option<DeviceName>,
    command: &str,
    observer: &mut dyn Observer,
    stop: &dyn Stop,
) -> Result<TaskEnd, StudyError> {
    let mut clock = Clock::start();
    let task = task_of(folder, number)?;

    // plan: several devices open while the data is prepared
    let mut config = config_of(folder, &Contents::default())?;
    config.study.results = folder.to_owned();
    if let Some(name) = device {
        config.device.name = name;
    }
    let mut ledger = Ledger::open_shard(folder, &task.name, command)?;
    tell_opened(&ledger, observer);
    if task.cells().all(|id| ledger.is_done(id)) {
        remove_checkpoints(&ledger)?;
        let cells = counted(task.cells().count() as u64, "cell");
        observer.note(format!("all {cells} of {} have ended", task.name));
        return Ok(TaskEnd::Done { failed: 0 });
    }
    let mut on = match devices::several(&mut config, observer)? {
        Some(choices) => {
            fit_calibrations(&mut config, observer)?;
            On::Several(Box::new(Crew::start(&choices, &config, &devices::start, observer)?))
        }
        None => On::One(Box::new(open_study_device(&mut config, observer)?)),
    };
    clock.lap("device");

    // data
    let corpus = prepare_data(&config, observer)?;
    let data = StudyData::of(&corpus);
    let records = ledger.contents().records.len();
    data.check_same(folder, records.max(1), observer)?;
    let mut grid = build_grid(&config, &corpus, &data, None)?;
    grid.stacks = stacks_of(&task, &grid, folder)?;
    settle(&config, false, &mut ledger, &data, observer)?;
    take_from_whole(folder, ledger.folder(), &grid.stacks)?;
    clock.lap("data");

    // train -> shard
    let end = match &mut on {
        On::One(device) => {
            let limits = stack_limits(&config, device);
            refuse_too_large(&grid, limits, &device.info.label())?;
            let here = Here { device, limits, metering: &mut None };
            let part = Part { config: &config, corpus: &corpus, free: false };
            train_here(here, &part, &mut ledger, &mut grid, observer, stop, &mut clock)?
        }
        On::Several(crew) => {
            devices::open(crew, &mut config, observer)?;
            devices::refuse_for_all(&grid, crew)?;
            let part = Part { config: &config, corpus: &corpus, free: false };
            devices::train(crew, &part, &mut ledger, &mut grid, observer, stop, &mut clock)?
        }
    };
    match end {
        End::Interrupted { by } => Ok(TaskEnd::Interrupted { by }),
        End::Completed { failed } => {
            if failed == 0 {
                remove_checkpoints(&ledger)?;
            }
            Ok(TaskEnd::Done { failed })
        }
    }
}

/// Where a task trains.
enum On {
    One(Box<TrainDevice>),
    Several(Box<Crew<'static>>),
}

fn task_of(folder: &Path, number: usize) -> Result<Task, StudyError> {
    let mut tasks = Tasks::read(folder)?.tasks;
    if number >= tasks.len() {
        return Err(StudyError::Misuse(format!(
            "{} has no task {number}: its {TASKS_FILE} has {}\nhint: tasks are counted from 0; `sweep slurm` lays them out",
            folder.display(),
            counted(tasks.len() as u64, "task")
        )));
    }
    Ok(tasks.swap_remove(number))
}

/// Stacks of these cells of a grid; `None` where it has not all of them.
pub(crate) fn stacks_of_cells(stacks: &[Vec<CellId>], grid: &Grid) -> Option<Vec<Stack>> {
    let cells = CellsById::of(grid);
    stacks.iter().map(|ids| cells.stack(ids)).collect()
}

/// A task's stacks, of the cells that the configuration lays out.
fn stacks_of(task: &Task, grid: &Grid, folder: &Path) -> Result<Vec<Stack>, StudyError> {
    stacks_of_cells(&task.stacks, grid).ok_or_else(|| {
        StudyError::Misuse(format!(
            "{} of {} has cells that its {CONFIG_FILE} and the data as they are now do not lay out\nhint: remove {TASKS_FILE}, and the command that laid out the tasks does it anew",
            task.name,
            folder.display()
        ))
    })
}
