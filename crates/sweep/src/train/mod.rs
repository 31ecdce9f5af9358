//! Trains what the ledger does not have yet.

mod queue;
mod stack;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use isoflop_data::Corpus;
use isoflop_device::TrainDevice;
use isoflop_ledger::Ledger;
use isoflop_plan::{CellId, Config, Grid, Stack, Throughput};
use isoflop_train::Workers;

use crate::progress::{Progress, StackPlan, Training};
use crate::signals::{Signal, Signals};
use crate::study::stack_limits;
pub use queue::Queue;
use stack::{StackOutcome, train_stack};

/// A study that is ready to train.
pub struct Job<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The cells, in stacks.
    pub grid: &'a Grid,
    /// The data.
    pub corpus: &'a Corpus,
    /// The device.
    pub device: &'a TrainDevice,
    /// Hash of the passport that the records refer to.
    pub passport: &'a str,
    /// Speed measured beforehand, for the forecast.
    pub throughput: Option<&'a Throughput>,
}

/// How training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every cell has a record; so many failed and would be tried again.
    Completed {
        /// Cells that failed.
        failed: usize,
    },
    /// A signal came; checkpoints hold what is not done.
    Interrupted(Signal),
}

/// What the stacks that train at once have in common.
struct Desk<'d> {
    ledger: &'d mut Ledger,
    training: Training<'d>,
}

/// One place for a stack to train at, as the stack sees it.
struct Place<'a, 'd> {
    desk: &'a Mutex<Desk<'d>>,
    signals: &'a Signals,
    /// Set where one stack cannot go on and the others are to stop.
    abort: &'a AtomicBool,
    /// Set once the person has been told that the signal was heard.
    told: &'a AtomicBool,
    /// Share of the device's time.
    device_share: f64,
}

/// Trains every cell that has not ended yet, stack by stack, and records each as it ends.
///
/// # Errors
///
/// If a record or a checkpoint cannot be written or read, or the grid does not fit the data. What the device does wrong ends in
/// records of failed cells, not here.
pub fn train(
    job: &Job,
    ledger: &mut Ledger,
    progress: &mut Progress,
    signals: &Signals,
) -> anyhow::Result<End> {
    let done: BTreeSet<CellId> = job
        .grid
        .cells
        .iter()
        .map(|planned| planned.cell.id.clone())
        .filter(|id| ledger.is_done(id))
        .collect();
    let stacks = &job.grid.stacks;
    let open: Vec<usize> =
        (0..stacks.len()).filter(|&i| !ledger.remaining(&stacks[i].cells).is_empty()).collect();
    let workers = workers(job.config, job.device, open.iter().map(|&i| &stacks[i]))?;
    let queue = Queue::new(open, workers.count());

    let plan = |stack| StackPlan { stack, expected_rate: expected_rate(stack, job.throughput) };
    let plans = stacks.iter().map(plan).collect();
    let training = Training::new(progress, plans, queue.order(), workers.count(), done);
    let desk = Mutex::new(Desk { ledger, training });
    let (abort, told) = (AtomicBool::new(false), AtomicBool::new(false));
    let place = Place {
        desk: &desk,
        signals,
        abort: &abort,
        told: &told,
        device_share: 1.0 / workers.count() as f64,
    };
    let failed = queue.work(&workers, |index| {
        if abort.load(Ordering::SeqCst) || signals.received().is_some() {
            return Ok(None);
        }
        place.desk().training.begin_stack(index);
        let outcome = train_stack(job, &stacks[index], index, &place);
        let stop = !matches!(outcome, Ok(StackOutcome::Completed | StackOutcome::Failed(_)));
        place.desk().training.end_stack(index, !stop);
        match outcome {
            Ok(StackOutcome::Completed) => Ok(Some(0)),
            Ok(StackOutcome::Failed(cells)) => Ok(Some(cells)),
            Ok(StackOutcome::Interrupted) => Ok(None),
            Err(error) => {
                abort.store(true, Ordering::SeqCst);
                Err(error)
            }
        }
    });
    desk.into_inner().unwrap_or_else(|poison| poison.into_inner()).training.stopped();
    match (failed?, signals.received()) {
        (_, Some(signal)) => Ok(End::Interrupted(signal)),
        (Some(failed), None) => Ok(End::Completed { failed }),
        (None, None) => anyhow::bail!("training stopped without being asked to"),
    }
}

/// The places at which these stacks can train at once.
pub fn workers<'a>(
    config: &Config,
    device: &TrainDevice,
    stacks: impl Iterator<Item = &'a Stack>,
) -> anyhow::Result<Workers> {
    let limits = stack_limits(config, device);
    let (mut count, mut bytes) = (0, 0);
    for stack in stacks {
        count += 1;
        bytes = limits.stack_bytes(stack).max(bytes);
    }
    let wanted = config.device.stacks_at_once;
    Ok(Workers::new(&device.device, wanted, count, bytes, limits.memory_bytes)?)
}

fn expected_rate(stack: &Stack, throughput: Option<&Throughput>) -> Option<f64> {
    throughput?.flops_per_second(stack.cells.first()?.shape.width)
}
