//! Training one stack, with its records.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use anyhow::Context;
use isoflop_ledger::{Append, CHECKPOINT_FOLDER, Ledger, LedgerError, Record, Status, now_utc};
use isoflop_plan::{CellId, Stack};
use isoflop_train::{Control, Event, StackEnd, TrainError, TrainOptions, run_stack};

use super::{Desk, Job, Place};
use crate::progress::CellEnd;
use crate::record::Origin;
use crate::study::{evaluated_at_once, stack_limits};

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
    job: &Job,
    stack: &Stack,
    index: usize,
    place: &Place,
) -> anyhow::Result<StackOutcome> {
    let started_utc = now_utc();
    let origin = Origin {
        study: &job.config.study.name,
        data_sha256: job.corpus.sha256(),
        passport: job.passport,
        stack,
        device_share: place.device_share,
        started_utc: &started_utc,
    };
    let (finished, options) = {
        let ledger = &place.desk().ledger;
        let ids = stack.cells.iter().map(|cell| cell.id.clone());
        let finished: BTreeSet<CellId> = ids.filter(|id| ledger.is_done(id)).collect();
        (finished, options(job, stack, ledger))
    };
    let mut failure: Option<anyhow::Error> = None;
    let device = &job.device.device;
    let result = run_stack(stack, &finished, job.corpus, device, &options, &mut |event| {
        let mut desk = place.desk();
        match event {
            Event::Step { step, loss, tokens_per_second, .. } => {
                desk.training.step(index, step, loss, tokens_per_second);
            }
            Event::CellDone(outcome) => {
                let cell = stack.cells.iter().find(|cell| cell.id == outcome.cell);
                let record = cell
                    .with_context(|| {
                        format!(
                            "training reported cell {}, which is not in its stack",
                            outcome.cell
                        )
                    })
                    .map(|cell| origin.record(cell, outcome));
                if let Err(error) = record.and_then(|record| Ok(desk.keep(record)?)) {
                    failure.get_or_insert(error);
                }
            }
            Event::Warning(text) => desk.training.progress().warn(text),
            Event::Compiling { .. } => desk.training.compiling(index),
            Event::Checkpoint { .. } | Event::Evaluating { .. } => {}
        }
        let signal = place.signals.received();
        if let Some(signal) = signal
            && !place.told.swap(true, Ordering::SeqCst)
        {
            desk.training.progress().note(format!(
                "{signal}: writing a checkpoint, then leaving (once more to leave at once)"
            ));
        }
        let stop = signal.is_some() || failure.is_some() || place.abort.load(Ordering::SeqCst);
        if stop { Control::Stop } else { Control::Continue }
    });
    if let Some(error) = failure {
        return Err(error);
    }
    match result {
        Ok(StackEnd::Completed) => Ok(StackOutcome::Completed),
        Ok(StackEnd::Interrupted) => Ok(StackOutcome::Interrupted),
        Err(error @ TrainError::Device { .. }) => {
            let text = without_hint(&error.to_string());
            let mut desk = place.desk();
            desk.training.progress().warn(format!("{error}"));
            let left: Vec<_> = desk.ledger.remaining(&stack.cells).into_iter().cloned().collect();
            for cell in &left {
                desk.keep(origin.failed(cell, text.clone()))?;
            }
            Ok(StackOutcome::Failed(left.len()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot train stack {}", stack.id)),
    }
}

impl Desk<'_> {
    /// Puts a record on the disk and tells of it.
    fn keep(&mut self, record: Record) -> Result<(), LedgerError> {
        let (status, reason) = match &record.result.status {
            Status::Finished => ("finished", None),
            Status::Diverged { step, reason } => {
                ("diverged", Some(format!("step {step}: {reason}")))
            }
            Status::Failed { error } => ("failed", Some(error.clone())),
        };
        let end = CellEnd {
            cell: &record.result.cell,
            status,
            reason,
            valid_loss_nats: record.result.valid.map(|valid| valid.loss_nats),
            valid_bits_per_byte: record.result.valid.and_then(|valid| valid.bits_per_byte),
            train_seconds: record.run.train_seconds,
        };
        let id = record.id().to_string();
        match self.ledger.append(record.clone())? {
            Append::Written => self.training.cell(&end),
            Append::AlreadyThere { same: true } => {}
            Append::AlreadyThere { same: false } => self.training.progress().warn(format!(
                "cell {id} was trained twice with different results; the first stands \
                 (on a GPU sums may be rounded differently each time)"
            )),
        }
        Ok(())
    }
}

impl<'a, 'd> Place<'a, 'd> {
    /// The desk, for a moment. A panic of another stack's training does not make it unsound: records
    /// are written whole or not at all.
    pub(super) fn desk(&self) -> MutexGuard<'a, Desk<'d>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn options(job: &Job, stack: &Stack, ledger: &Ledger) -> TrainOptions {
    let train = &job.config.train;
    TrainOptions {
        checkpoint_dir: Some(ledger.folder().join(CHECKPOINT_FOLDER)),
        checkpoint_seconds: train.checkpoint_seconds,
        micro_batch_sequences: stack_limits(job.config, job.device).micro_batch(stack),
        eval_sequences: train.eval_sequences,
        evaluated_at_once: evaluated_at_once(job.config, job.device, stack),
        curve_points: train.curve_points,
        valid_points: train.valid_points,
    }
}

fn without_hint(text: &str) -> String {
    text.split("\nhint: ").next().unwrap_or_default().to_owned()
}
