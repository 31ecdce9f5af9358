//! Training one stack, with its records.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

use isoflop_device::responds;
use isoflop_ledger::{Append, LedgerError, now_utc};
use isoflop_plan::{Cell, CellId, Stack};
use isoflop_record::{Attempt, Record, Status};
use isoflop_train::{Control, Event, StackEnd, TrainError, TrainOptions, run_stack};

use super::{Prepared, Shared, Surroundings};
use crate::error::StudyError;
use crate::events::Steps;
use crate::limits::evaluated_at_once;

/// How the training of a stack ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StackOutcome {
    /// Every cell has a record.
    Completed,
    /// Asked to stop; a checkpoint holds the rest.
    Interrupted,
    /// The device failed; so many cells are recorded as failed.
    Failed(usize),
}

/// Trains one stack to its end, or until it is asked to stop. What a device does wrong is tried once more; a stack that is too
/// large for its memory is trained in halves.
///
/// # Errors
///
/// If a record or a checkpoint cannot be written or read, the stack does not fit the data, or the device is gone.
pub(super) fn train_stack(
    study: &Prepared,
    stack: &Stack,
    index: usize,
    around: &Surroundings,
) -> Result<StackOutcome, StudyError> {
    let device = &study.device.device;
    let mut attempts = 2;
    let mut suspects_losses = true;
    loop {
        attempts -= 1;
        let options = options(study, stack, around, suspects_losses);
        let (error, what) = match attempt(study, stack, index, around, &options) {
            Err(StudyError::Train { source, stack }) => match *source {
                TrainError::Device { ref what, .. } => (source.to_string(), what.clone()),
                _ => return Err(StudyError::Train { source, stack }),
            },
            ended => return ended,
        };
        let open = |cell: &Cell| !around.lock().ledger.is_done(&cell.id);
        let halves = stack.halves(open);
        let failed = without_hint(&error);
        match Next::after(&what, responds(device), halves, attempts) {
            Next::Leave(words) => {
                return Err(StudyError::DeviceLost { stack: stack.id.clone(), what, words });
            }
            Next::Halve(halves) => {
                let instead = "its cells are trained in two stacks of half the width instead";
                around.warn(format!("{failed}; {instead}"));
                return train_halves(study, &halves, index, around);
            }
            Next::Fail => {
                around.warn(error.clone());
                return record_failures(stack, &options, &failed, around);
            }
            Next::Again => {
                around.warn(format!("{failed}; it is tried once more, from its last checkpoint"));
            }
        }
        suspects_losses = false;
    }
}

fn train_halves(
    study: &Prepared,
    halves: &[Stack],
    index: usize,
    around: &Surroundings,
) -> Result<StackOutcome, StudyError> {
    let mut failed = 0;
    for half in halves {
        match train_stack(study, half, index, around)? {
            StackOutcome::Completed => {}
            StackOutcome::Failed(cells) => failed += cells,
            StackOutcome::Interrupted => return Ok(StackOutcome::Interrupted),
        }
    }
    Ok(if failed == 0 { StackOutcome::Completed } else { StackOutcome::Failed(failed) })
}

/// Records what is left of a stack as failed.
fn record_failures(
    stack: &Stack,
    options: &TrainOptions,
    error: &str,
    around: &Surroundings,
) -> Result<StackOutcome, StudyError> {
    let mut shared = around.lock();
    let left: Vec<_> = stack.cells.iter().filter(|cell| !shared.ledger.is_done(&cell.id)).collect();
    for &cell in &left {
        let status = Status::Failed { error: error.to_owned() };
        shared.keep(options.attempt.record(stack, cell, status))?;
    }
    Ok(StackOutcome::Failed(left.len()))
}

/// What is done about a stack that the device failed at.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// The device is gone. Its words.
    Leave(String),
    /// Less at once.
    Halve([Stack; 2]),
    Again,
    /// The cells are recorded as failed, and the next stack is taken up.
    Fail,
}

impl Next {
    /// After a device said `what`, and how it responds now. `halves` where the stack has several replicas; so many `attempts` are
    /// left.
    pub(super) fn after(
        what: &str,
        responds: Result<(), String>,
        halves: Option<[Stack; 2]>,
        attempts: usize,
    ) -> Self {
        let what = what.to_lowercase();
        let words = ["memory", "alloc", "too big", "toobig", "too large"];
        let of_memory = words.iter().any(|word| what.contains(word));
        match (responds, halves) {
            (Err(words), _) => Self::Leave(words),
            (Ok(()), Some(halves)) if of_memory => Self::Halve(halves),
            (Ok(()), _) if attempts > 0 => Self::Again,
            (Ok(()), _) => Self::Fail,
        }
    }
}

fn options(
    study: &Prepared,
    stack: &Stack,
    around: &Surroundings,
    suspects_losses: bool,
) -> TrainOptions {
    let train = &study.config.train;
    TrainOptions {
        attempt: Attempt {
            study: study.config.study.name.clone(),
            data_sha256: study.corpus.sha256().to_owned(),
            passport: study.passport.to_owned(),
            device_share: around.device_share,
            started_utc: now_utc(),
            now: now_utc,
        },
        meter: study.meter.clone(),
        checkpoint_dir: Some(around.lock().ledger.checkpoints()),
        suspects_losses,
        checkpoint_seconds: train.checkpoint_seconds,
        micro_batch_sequences: study.limits.micro_batch(stack),
        eval_sequences: train.eval_sequences,
        evaluated_at_once: evaluated_at_once(
            study.limits,
            study.device,
            stack,
            train.eval_sequences,
        ),
        curve_points: train.curve_points,
        valid_points: train.valid_points,
    }
}

/// Trains a stack as far as the device goes.
fn attempt(
    study: &Prepared,
    stack: &Stack,
    index: usize,
    around: &Surroundings,
    options: &TrainOptions,
) -> Result<StackOutcome, StudyError> {
    let finished: BTreeSet<CellId> = {
        let ledger = &around.lock().ledger;
        stack.cells.iter().map(|cell| cell.id.clone()).filter(|id| ledger.is_done(id)).collect()
    };
    let mut failure: Option<LedgerError> = None;
    let device = &study.device.device;
    let result = run_stack(stack, &finished, study.corpus, device, options, &mut |event| {
        let asked_at = Instant::now();
        around.watch.sign(index, &event);
        let mut shared = around.lock();
        match event {
            Event::Step { step, loss, smoothed, tokens_per_second, .. } => {
                let steps = Steps {
                    step,
                    loss_nats: loss,
                    smoothed_loss_nats: smoothed,
                    tokens_per_second,
                };
                shared.training.step(index, &steps);
                if let Err(error) = shared.ledger.check() {
                    failure.get_or_insert(error);
                }
                shared.overheads.add_telling(asked_at.elapsed().as_secs_f64());
            }
            Event::CellDone(record) => {
                if let Err(error) = shared.keep(*record) {
                    failure.get_or_insert(error);
                }
            }
            Event::Saving { folder } => {
                if let Err(error) = shared.ledger.check() {
                    failure.get_or_insert(error);
                }
                *folder = shared.ledger.checkpoints();
            }
            Event::Warning(text) => shared.training.observer().warn(text),
            Event::Compiling { .. } => shared.training.compiling(index),
            Event::Ready { step, .. } => shared.training.ready(index, step),
            Event::Spent { on, seconds } => shared.overheads.add(on, seconds),
            Event::Checkpoint { .. } | Event::Evaluating { .. } => {}
        }
        let asked = around.stop.asked();
        if let Some(by) = &asked
            && !around.told.swap(true, Ordering::SeqCst)
        {
            shared.training.observer().note(format!(
                "{by}: writing a checkpoint, then leaving (once more to leave at once)"
            ));
        }
        let stop = asked.is_some() || failure.is_some() || around.abort.load(Ordering::SeqCst);
        if stop { Control::Stop } else { Control::Continue }
    });
    if let Some(error) = failure {
        return Err(error.into());
    }
    match result {
        Ok(StackEnd::Completed) => Ok(StackOutcome::Completed),
        Ok(StackEnd::Interrupted) => Ok(StackOutcome::Interrupted),
        Err(source) => Err(StudyError::Train { stack: stack.id.clone(), source: source.into() }),
    }
}

impl Shared<'_> {
    /// Puts a record on the disk and tells of it.
    fn keep(&mut self, record: Record) -> Result<(), LedgerError> {
        let began = Instant::now();
        let appended = self.ledger.append(record.clone());
        self.overheads.add_records(began.elapsed().as_secs_f64());
        match appended? {
            Append::Written => self.training.cell(&record),
            Append::AlreadyThere { same: true } => {}
            Append::AlreadyThere { same: false } => self.training.observer().warn(format!(
                "cell {} was trained twice with different results; the first stands \
                 (on a GPU sums may be rounded differently each time)",
                record.id()
            )),
        }
        Ok(())
    }
}

impl<'a, 'd> Surroundings<'a, 'd> {
    fn warn(&self, text: String) {
        self.lock().training.observer().warn(text);
    }

    /// What is shared, for a moment. A panic of another stack's training does not make it unsound: records
    /// are written whole or not at all.
    pub(super) fn lock(&self) -> MutexGuard<'a, Shared<'d>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn without_hint(text: &str) -> String {
    text.split("\nhint: ").next().unwrap_or_default().to_owned()
}
