//! A study in tasks: each trains its stacks into a shard of its own, by a process that shares nothing with the others but the
//! results folder.

mod lay_out;
mod speed;
mod train;

use std::collections::BTreeSet;
use std::path::Path;

use isoflop_durable::write_sealed;
use isoflop_ledger::Contents;
use isoflop_plan::CellId;
use serde::{Deserialize, Serialize};

use crate::error::StudyError;
use crate::sealed::{read_sealed, unreadable};

pub use lay_out::{LaidOut, TaskWishes, lay_out};
pub use speed::{StackTimes, TaskSpeed};
pub(crate) use train::stacks_of_cells;
pub use train::{TaskEnd, train_task};

/// Name of the file of tasks in a results folder.
pub const TASKS_FILE: &str = "tasks.json";

const SCHEMA: u32 = 1;

/// What one process trains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Also of its shard.
    pub name: String,
    /// Training FLOPs.
    pub flops: f64,
    /// Cells of each of its stacks, in the order in which they are trained.
    pub stacks: Vec<Vec<CellId>>,
}

/// The tasks of a study, in a file beside its ledger: the number of a task is its place. Tasks are added, and none is changed,
/// since a checkpoint is found by its stack's cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tasks {
    schema: u32,
    pub tasks: Vec<Task>,
}

impl Task {
    /// Its cells.
    pub fn cells(&self) -> impl Iterator<Item = &CellId> {
        self.stacks.iter().flatten()
    }
}

impl Tasks {
    /// Reads those of a results folder; none where it has no such file.
    ///
    /// # Errors
    /// [`StudyError::Unreadable`].
    pub fn read(folder: &Path) -> Result<Self, StudyError> {
        let path = folder.join(TASKS_FILE);
        let hint = "remove it, and the cells that are missing are dealt out anew; what their stacks had begun is lost";
        match read_sealed::<Self>(&path, hint)? {
            None => Ok(Self { schema: SCHEMA, tasks: Vec::new() }),
            Some(read) if read.schema == SCHEMA => Ok(read),
            Some(Self { schema, .. }) => {
                let why = format!("written in format {schema}, this version reads format {SCHEMA}");
                Err(unreadable(&path, hint, why.into()))
            }
        }
    }

    fn write(&self, folder: &Path) -> Result<(), StudyError> {
        Ok(write_sealed(&folder.join(TASKS_FILE), self)?)
    }

    /// Numbers of the tasks that have cells which have not ended.
    pub fn open(&self, contents: &Contents) -> Vec<usize> {
        let ended = contents.ended();
        let open = |task: &Task| task.cells().any(|id| !ended.contains(id));
        (0..self.tasks.len()).filter(|&number| open(&self.tasks[number])).collect()
    }

    fn known(&self) -> BTreeSet<&CellId> {
        self.tasks.iter().flat_map(Task::cells).collect()
    }
}
