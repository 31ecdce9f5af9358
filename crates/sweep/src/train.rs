//! Trains what the ledger does not have yet.

use std::collections::BTreeSet;

use anyhow::Context;
use isoflop_data::Corpus;
use isoflop_ledger::{Append, CHECKPOINT_FOLDER, Ledger, LedgerError, Record, Status, now_utc};
use isoflop_plan::{CellId, Config, Grid, Stack, Throughput, stack_memory};
use isoflop_train::device::TrainDevice;
use isoflop_train::{Control, Event, StackEnd, TrainError, TrainOptions, run_stack};

use crate::progress::{CellEnd, Progress, StackPlan, Training};
use crate::record::Origin;
use crate::signals::{Signal, Signals};
use crate::study::memory_bytes;

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
    /// A signal came; checkpoints hold the rest.
    Interrupted(Signal),
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
    let plan = |stack| StackPlan { stack, expected_rate: expected_rate(stack, job.throughput) };
    let plans = job.grid.stacks.iter().map(plan).collect();
    let mut training = Training::new(progress, plans, done);
    let mut failed = 0;
    let mut end = None;
    for (index, stack) in job.grid.stacks.iter().enumerate() {
        if ledger.remaining(&stack.cells).is_empty() {
            continue;
        }
        if let Some(signal) = signals.received() {
            end = Some(End::Interrupted(signal));
            break;
        }
        training.begin_stack(index);
        let outcome = train_stack(job, stack, ledger, &mut training, signals)?;
        training.end_stack(outcome != StackOutcome::Interrupted);
        match (outcome, signals.received()) {
            (StackOutcome::Interrupted, Some(signal)) => {
                end = Some(End::Interrupted(signal));
                break;
            }
            (StackOutcome::Interrupted, None) => {
                anyhow::bail!("training stopped without being asked to")
            }
            (StackOutcome::Failed(cells), _) => failed += cells,
            (StackOutcome::Completed, _) => {}
        }
    }
    training.stopped();
    Ok(end.unwrap_or(End::Completed { failed }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StackOutcome {
    Completed,
    Interrupted,
    Failed(usize),
}

fn train_stack(
    job: &Job,
    stack: &Stack,
    ledger: &mut Ledger,
    training: &mut Training,
    signals: &Signals,
) -> anyhow::Result<StackOutcome> {
    let started_utc = now_utc();
    let origin = Origin {
        study: &job.config.study.name,
        data_sha256: job.corpus.sha256(),
        passport: job.passport,
        stack,
        started_utc: &started_utc,
    };
    let finished: BTreeSet<CellId> =
        stack.cells.iter().map(|cell| cell.id.clone()).filter(|id| ledger.is_done(id)).collect();
    let options = options(job, stack, ledger);
    let mut failure: Option<anyhow::Error> = None;
    let mut told = false;
    let result =
        run_stack(stack, &finished, job.corpus, &job.device.device, &options, &mut |event| {
            match event {
                Event::Step { step, loss, tokens_per_second, .. } => {
                    training.step(step, loss, tokens_per_second);
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
                    match record.and_then(|record| Ok(keep(ledger, training, record)?)) {
                        Ok(()) => {}
                        Err(error) => {
                            failure.get_or_insert(error);
                        }
                    }
                }
                Event::Warning(text) => training.progress().warn(text),
                Event::Checkpoint { .. } => {}
            }
            if let Some(signal) = signals.received()
                && !std::mem::replace(&mut told, true)
            {
                let text = format!(
                    "{signal}: writing a checkpoint, then leaving (once more to leave at once)"
                );
                training.progress().note(text);
            }
            if told || failure.is_some() { Control::Stop } else { Control::Continue }
        });
    if let Some(error) = failure {
        return Err(error);
    }
    match result {
        Ok(StackEnd::Completed) => Ok(StackOutcome::Completed),
        Ok(StackEnd::Interrupted) => Ok(StackOutcome::Interrupted),
        Err(error @ TrainError::Device { .. }) => {
            let text = without_hint(&error.to_string());
            training.progress().warn(format!("{error}"));
            let left: Vec<_> = ledger.remaining(&stack.cells).into_iter().cloned().collect();
            for cell in &left {
                keep(ledger, training, origin.failed(cell, text.clone()))?;
            }
            Ok(StackOutcome::Failed(left.len()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot train stack {}", stack.id)),
    }
}

/// Puts a record on the disk and tells of it.
fn keep(ledger: &mut Ledger, training: &mut Training, record: Record) -> Result<(), LedgerError> {
    let (status, reason) = match &record.result.status {
        Status::Finished => ("finished", None),
        Status::Diverged { step, reason } => ("diverged", Some(format!("step {step}: {reason}"))),
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
    match ledger.append(record.clone())? {
        Append::Written => training.cell(&end),
        Append::AlreadyThere { same: true } => {}
        Append::AlreadyThere { same: false } => training.progress().warn(format!(
            "cell {id} was trained twice with different results; the first stands \
             (on a GPU sums may be rounded differently each time)"
        )),
    }
    Ok(())
}

fn options(job: &Job, stack: &Stack, ledger: &Ledger) -> TrainOptions {
    let train = &job.config.train;
    TrainOptions {
        checkpoint_dir: Some(ledger.folder().join(CHECKPOINT_FOLDER)),
        checkpoint_seconds: train.checkpoint_seconds,
        micro_batch_sequences: train
            .micro_batch_sequences
            .or_else(|| micro_batch(stack, memory_bytes(job.config, job.device))),
        eval_sequences: train.eval_sequences,
        curve_points: train.curve_points,
        valid_points: train.valid_points,
    }
}

/// The largest half, quarter ... of the batch that is expected to fit; `None` where the whole does, or nothing is known.
fn micro_batch(stack: &Stack, memory_bytes: Option<u64>) -> Option<usize> {
    let (first, most) = (stack.cells.first()?, memory_bytes?);
    let needs =
        |sequences| stack_memory(&first.shape, &first.hyper, stack.cells.len(), sequences).total();
    let mut sequences = first.hyper.batch_sequences;
    while sequences > 1 && needs(sequences) > most {
        sequences = sequences.div_ceil(2);
    }
    (sequences < first.hyper.batch_sequences).then_some(sequences)
}

fn expected_rate(stack: &Stack, throughput: Option<&Throughput>) -> Option<f64> {
    throughput?.flops_per_second(stack.cells.first()?.shape.width)
}

fn without_hint(text: &str) -> String {
    text.split("\nhint: ").next().unwrap_or_default().to_owned()
}
