//! Training one stack, with its records.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

use isoflop_ledger::{Append, CHECKPOINT_FOLDER, LedgerError, now_utc};
use isoflop_plan::{CellId, Stack};
use isoflop_record::{Attempt, Record, Status};
use isoflop_train::{Control, Event, StackEnd, TrainError, TrainOptions, run_stack};

use super::{Prepared, Shared, Surroundings};
use crate::error::StudyError;
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

/// Trains one stack to its end, or until it is asked to stop.
///
/// # Errors
///
/// If a record or a checkpoint cannot be written or read, or the stack does not fit the data.
pub(super) fn train_stack(
    study: &Prepared,
    stack: &Stack,
    index: usize,
    around: &Surroundings,
) -> Result<StackOutcome, StudyError> {
    let attempt = Attempt {
        study: study.config.study.name.clone(),
        data_sha256: study.corpus.sha256().to_owned(),
        passport: study.passport.to_owned(),
        device_share: around.device_share,
        started_utc: now_utc(),
        now: now_utc,
    };
    let (finished, folder) = {
        let ledger = &around.lock().ledger;
        let ids = stack.cells.iter().map(|cell| cell.id.clone());
        let finished: BTreeSet<CellId> = ids.filter(|id| ledger.is_done(id)).collect();
        (finished, ledger.folder().join(CHECKPOINT_FOLDER))
    };
    let train = &study.config.train;
    let options = TrainOptions {
        attempt,
        meter: study.meter.clone(),
        checkpoint_dir: Some(folder),
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
    };
    let mut failure: Option<LedgerError> = None;
    let device = &study.device.device;
    let result = run_stack(stack, &finished, study.corpus, device, &options, &mut |event| {
        let asked_at = Instant::now();
        let mut shared = around.lock();
        match event {
            Event::Step { step, loss, smoothed, tokens_per_second, .. } => {
                shared.training.step(index, step, loss, smoothed, tokens_per_second);
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
                *folder = shared.ledger.folder().join(CHECKPOINT_FOLDER);
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
        Err(error @ TrainError::Device { .. }) => {
            let text = without_hint(&error.to_string());
            let mut shared = around.lock();
            shared.training.observer().warn(format!("{error}"));
            let left: Vec<_> = shared.ledger.remaining(&stack.cells).into_iter().cloned().collect();
            for cell in &left {
                let status = Status::Failed { error: text.clone() };
                shared.keep(options.attempt.record(stack, cell, status))?;
            }
            Ok(StackOutcome::Failed(left.len()))
        }
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
    /// What is shared, for a moment. A panic of another stack's training does not make it unsound: records
    /// are written whole or not at all.
    pub(super) fn lock(&self) -> MutexGuard<'a, Shared<'d>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn without_hint(text: &str) -> String {
    text.split("\nhint: ").next().unwrap_or_default().to_owned()
}
