//! Trains what the ledger does not have yet.

mod book;
mod queue;
mod stack;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use isoflop_data::Corpus;
use isoflop_device::{Meter, TrainDevice};
use isoflop_ledger::Ledger;
use isoflop_plan::{CellId, Config, Grid, StackLimits};
use isoflop_speed::Rates;
use isoflop_train::Workers;

use crate::error::StudyError;
use crate::events::{Ending, Observer, Reports, Training};
use crate::limits::workers;
use crate::overheads::Overheads;
use crate::stop::Stop;
pub(crate) use book::Book;
use queue::Queue;
pub(crate) use queue::Supply;
use stack::{StackOutcome, train_stack};
use watch::Watch;

/// A study that is ready to train.
pub(crate) struct Prepared<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The cells, in stacks.
    pub grid: &'a Grid,
    /// The data.
    pub corpus: &'a Corpus,
    pub device: &'a TrainDevice,
    /// How large stacks may become on it.
    pub limits: StackLimits,
    /// What counts its energy, if anything does.
    pub meter: Option<Arc<Meter>>,
    /// Hash of the passport that the records refer to.
    pub passport: &'a str,
    /// Rates measured beforehand, for the forecast.
    pub rates: Option<&'a Rates>,
}

/// How training ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Every cell has a record; so many failed and would be tried again.
    Completed {
        /// Cells that failed.
        failed: usize,
    },
    /// It was asked to stop; checkpoints hold what is not done.
    Interrupted { by: String },
}

/// What the stacks that train at once share, one at a time.
struct Shared<'d> {
    ledger: &'d mut dyn Book,
    training: &'d mut dyn Reports,
    /// Where the seconds of the workers went, those with stacks among them.
    overheads: &'d mut Overheads,
    busy_seconds: f64,
}

/// What a stack sees of the study it is part of.
struct Surroundings<'a, 'd> {
    shared: &'a Mutex<Shared<'d>>,
    stop: &'a dyn Stop,
    /// Set where one stack cannot go on and the others are to stop.
    abort: &'a AtomicBool,
    /// Set once the observer has been told that the request to stop was heard.
    told: &'a AtomicBool,
    watch: &'a Watch,
    /// Share of the device's time.
    device_share: f64,
}

/// Trains every cell that has not ended yet, stack by stack, and records each as it ends.
///
/// # Errors
///
/// If a record or a checkpoint cannot be written or read, or the grid does not fit the data. What the device does wrong ends in
/// records of failed cells, not here.
pub(crate) fn train(
    study: &Prepared,
    ledger: &mut Ledger,
    observer: &mut dyn Observer,
    stop: &dyn Stop,
    overheads: &mut Overheads,
) -> Result<End, StudyError> {
    let done: BTreeSet<CellId> = study
        .grid
        .cells
        .iter()
        .map(|planned| planned.cell.id.clone())
        .filter(|id| ledger.is_done(id))
        .collect();
    let stacks = &study.grid.stacks;
    let open: Vec<usize> =
        (0..stacks.len()).filter(|&i| !ledger.remaining(&stacks[i].cells).is_empty()).collect();
    let open_stacks = open.iter().map(|&i| &stacks[i]);
    let workers = workers(study.config, study.limits, study.device, open_stacks)?;
    let count = workers.count();
    let queue = Queue::new(open, count);

    let mut training = Training::new(observer, study.grid, study.rates, queue.order(), count, done);
    *overheads = Overheads::of(count);
    let desk = Desk { book: ledger, reports: &mut training, supply: &queue, stop };
    let ended = train_supplied(study, desk, &workers, overheads);
    training.stopped();
    match (ended?, stop.asked()) {
        (_, Some(by)) => Ok(End::Interrupted { by }),
        (Some(failed), None) => Ok(End::Completed { failed }),
        (None, None) => Err(StudyError::Stopped),
    }
}

/// Whom the training of stacks deals with.
pub(crate) struct Desk<'d> {
    pub book: &'d mut dyn Book,
    pub reports: &'d mut dyn Reports,
    pub supply: &'d dyn Supply,
    pub stop: &'d dyn Stop,
}

/// Trains the stacks that are supplied, one to each free worker. Returns the number of cells that failed, or `None` if it stopped
/// before the last.
///
/// # Errors
/// As [`train`].
pub(crate) fn train_supplied(
    study: &Prepared,
    desk: Desk,
    workers: &Workers,
    overheads: &mut Overheads,
) -> Result<Option<usize>, StudyError> {
    let Desk { book: ledger, reports: training, supply, stop } = desk;
    let (stacks, count) = (&study.grid.stacks, workers.count());
    let shared = Mutex::new(Shared { ledger, training, overheads, busy_seconds: 0.0 });
    let watch = Watch::default();
    let (abort, told) = (AtomicBool::new(false), AtomicBool::new(false));
    let around = Surroundings {
        shared: &shared,
        stop,
        abort: &abort,
        told: &told,
        watch: &watch,
        device_share: 1.0 / count as f64,
    };
    let began = Instant::now();
    let work = |index: usize| {
        if abort.load(Ordering::SeqCst) || stop.asked().is_some() {
            return Ok(None);
        }
        let taken_up = Instant::now();
        around.lock().training.begin_stack(index);
        let outcome = train_stack(study, &stacks[index], index, &around);
        watch.end(index);
        let how = match &outcome {
            Ok(StackOutcome::Completed | StackOutcome::Failed(_)) => Ending::Completed,
            Ok(StackOutcome::Interrupted) => Ending::Interrupted,
            Err(_) => Ending::Broken,
        };
        {
            let mut shared = around.lock();
            shared.training.end_stack(index, how);
            shared.busy_seconds += taken_up.elapsed().as_secs_f64();
        }
        match outcome {
            Ok(StackOutcome::Completed) => Ok(Some(0)),
            Ok(StackOutcome::Failed(cells)) => Ok(Some(cells)),
            Ok(StackOutcome::Interrupted) => Ok(None),
            Err(error) => {
                abort.store(true, Ordering::SeqCst);
                supply.close();
                Err(error)
            }
        }
    };
    let tell = |index: usize, text: String| {
        let text = format!("stack {}: {text}", stacks[index].id);
        around.lock().training.observer().warn(text);
    };
    // The CPU is not a device that hangs, and takes its time.
    let failed = match study.device.info.is_cpu() {
        true => queue::work(supply, workers, work),
        false => watch.during(tell, || queue::work(supply, workers, work)),
    };
    let shared = shared.into_inner().unwrap_or_else(|poison| poison.into_inner());
    let idle = count as f64 * began.elapsed().as_secs_f64() - shared.busy_seconds;
    shared.overheads.add_waiting(idle);
    failed
}
