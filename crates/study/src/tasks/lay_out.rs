//! Which task trains what.

use std::collections::BTreeSet;

use isoflop_ledger::{Locks, has_ledger};
use isoflop_plan::{CellId, Config, Dealt, Limit, Stack, deal};
use isoflop_text::counted;

use super::speed::{Costs, TaskSpeed};
use super::{Task, Tasks};
use crate::begun::keep_begun;
use crate::calibration::fit_calibrations;
use crate::error::StudyError;
use crate::events::Observer;
use crate::facts::StudyData;
use crate::open::{build_grid, open_ledger, prepare_data, settle};

/// What is wanted of the tasks.
#[derive(Debug, Clone)]
pub struct TaskWishes {
    /// How many, for what is not dealt out yet.
    pub count: usize,
    /// What makes them equally long.
    pub speed: TaskSpeed,
    /// As of [`RunOptions::extend`](crate::RunOptions::extend).
    pub extend: bool,
    /// What a second process that wants the folder is told this one runs.
    pub command: String,
}

/// Tasks of a study, and what is left to do of them.
#[derive(Debug, Clone, PartialEq)]
pub struct LaidOut {
    pub tasks: Tasks,
    /// Numbers of the tasks that have cells which have not ended.
    pub open: Vec<usize>,
    /// Tasks that are new, the costliest first.
    pub added: usize,
    /// Of the new ones: the share of the ideal time that they would take, and what limits it.
    pub balance: f64,
    pub limit: Limit,
    /// By what: FLOPs, or the speed of something.
    pub by: String,
    /// Seconds of the longest of the new ones, where they are known.
    pub seconds: Option<f64>,
}

/// Prepares the data, once for all tasks, and deals out the cells that no task has yet and that have not ended. No device is
/// opened but to be measured: where tasks are laid out need not be where they are trained.
///
/// # Errors
/// [`StudyError::Misuse`] where the precision is left to the device; else as [`run`](crate::run).
pub fn lay_out(
    config: &mut Config,
    wishes: &TaskWishes,
    observer: &mut dyn Observer,
) -> Result<LaidOut, StudyError> {
    fit_calibrations(config, observer)?;
    if config.train.precision.is_auto() {
        return Err(StudyError::Misuse(
            "train.precision is left to the device, and every task would choose for itself\nhint: say which, `--set train.precision=bf16` or f32".into(),
        ));
    }
    let corpus = prepare_data(config, observer)?;
    let data = StudyData::of(&corpus);
    let mut grid = build_grid(config, &corpus, &data, None)?;
    let folder = config.study.results.clone();
    let mut tasks = Tasks::read(&folder)?;
    // While tasks run nothing is written here; all that was settled stands.
    let running = has_ledger(&folder) && !isoflop_ledger::shard_writers(&folder)?.is_empty();
    let contents = match running {
        true => isoflop_ledger::read(&folder)?,
        false => {
            let mut ledger =
                open_ledger(config, wishes.extend, &wishes.command, Locks::WhereThere, observer)?;
            data.check_same(&folder, ledger.contents().records.len(), observer)?;
            settle(config, wishes.extend, &mut ledger, &data, observer)?;
            ledger.contents().clone()
        }
    };
    let done = contents.ended();
    let begun = keep_begun(&mut grid, &folder, |id| done.contains(id))?;
    let known: BTreeSet<CellId> = tasks.known().into_iter().cloned().collect();
    let missing = missing(&grid.stacks, &begun, |id| known.contains(id), |id| done.contains(id));
    if running && !missing.is_empty() {
        let cells: usize = missing.iter().map(|stack| stack.cells.len()).sum();
        return Err(StudyError::Misuse(format!(
            "{} of this grid are in no task of {}, where tasks are at work\nhint: wait for them to end, and give the same command again",
            counted(cells as u64, "cell"),
            folder.display()
        )));
    }
    let costs = Costs::new(&wishes.speed, config, &grid, &contents, observer)?;
    let Dealt { packings, balance, limit } =
        deal(&missing, wishes.count, |stack| costs.of(stack), |stack| begun.contains(&stack.id));
    let added = packings.len();
    let seconds = packings.first().and_then(|longest| costs.seconds(longest.cost));
    for packing in packings {
        let name = format!("task-{:04}", tasks.tasks.len());
        let ids = |stack: &Stack| stack.cells.iter().map(|cell| cell.id.clone()).collect();
        let flops = packing.stacks.iter().map(Stack::cost_flops).sum();
        let stacks = packing.stacks.iter().map(ids).collect();
        tasks.tasks.push(Task { name, flops, stacks });
    }
    if added > 0 {
        tasks.write(&folder)?;
    }
    let open = tasks.open(&contents);
    Ok(LaidOut { tasks, open, added, balance, limit, by: costs.by, seconds })
}

/// What no task has yet and has not ended. A stack that was `begun` stays whole, since its checkpoint is found by all of its cells,
/// but where a task has some of them.
fn missing(
    stacks: &[Stack],
    begun: &BTreeSet<String>,
    in_a_task: impl Fn(&CellId) -> bool,
    is_done: impl Fn(&CellId) -> bool,
) -> Vec<Stack> {
    let left = |stack: &Stack| {
        let cells = stack.cells.iter().filter(|cell| !in_a_task(&cell.id) && !is_done(&cell.id));
        let cells: Vec<_> = cells.cloned().collect();
        let whole = || stack.cells.iter().all(|cell| !in_a_task(&cell.id));
        match begun.contains(&stack.id) && whole() {
            _ if cells.is_empty() => None,
            true => Some(stack.clone()),
            false => Some(Stack::of(cells)),
        }
    };
    stacks.iter().filter_map(left).collect()
}

#[cfg(test)]
mod tests {
    use isoflop_plan::{DataFacts, Grid};

    use super::*;

    #[test]
    fn a_cell_is_in_one_task_and_what_was_begun_stays_whole() {
        let text = "[model]\ncontext = 64\n[grid]\nbudgets = [1e10]\nsizes = 3\nseeds = [0, 1]\n";
        let facts = DataFacts {
            vocab: 64,
            train_tokens: None,
            data_sha256: "00".repeat(32),
            bytes_per_token: None,
        };
        let stacks = Grid::build(&Config::parse(text, "a.toml").unwrap(), &facts).unwrap().stacks;
        let (stack, first) = (&stacks[0], stacks[0].cells[0].id.clone());
        assert_eq!(stack.cells.len(), 2);
        let (none, begun) = (BTreeSet::new(), BTreeSet::from([stack.id.clone()]));
        let is_first = |id: &CellId| *id == first;
        let never = |_: &CellId| false;
        assert_eq!(missing(&stacks, &none, never, never), stacks);
        // One cell has ended: it is left out, but not of a stack that goes on.
        assert_eq!(missing(&stacks, &none, never, is_first)[0].cells, stack.cells[1..]);
        assert_eq!(missing(&stacks, &begun, never, is_first), stacks);
        // One is a task's: nobody else trains it.
        assert_eq!(missing(&stacks, &begun, is_first, never)[0].cells, stack.cells[1..]);
        assert_eq!(missing(&stacks, &begun, |_| true, never), []);
    }
}
