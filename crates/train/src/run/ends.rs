//! What is due at the end of a step: held-out losses, and cells that have ended.

use std::time::Instant;

use isoflop_checkpoint::{CellProgress, is_point};
use isoflop_device::memory_bytes;

use isoflop_record::{Record, RunInfo, Status, Valid, ValidPoint};

use super::replicas::select_model;
use super::{Run, spent, worse};
use crate::energy;
use crate::evaluate::evaluate;
use crate::event::{Control, Event, Overhead};

impl Run<'_> {
    /// Evaluates replicas that are due, reports cells that ended, and lets replicas fork.
    pub(super) fn end_step(&mut self, events: &mut dyn FnMut(Event) -> Control) -> Control {
        let step = self.step();
        if self.evaluate_due(step, events) == Control::Stop {
            return Control::Stop;
        }
        let mut control = Control::Continue;
        let mut keep = Vec::new();
        let width = self.width();
        // Asking the system takes tens of microseconds: a good part of a small model's step.
        let mut memory = None;
        for index in 0..width {
            let replica = &mut self.state.replicas[index];
            let over = |i: usize| self.stack.cells[i].steps <= step;
            if replica.lost.is_none() && !replica.cells.iter().any(|&i| over(i)) {
                keep.push(index);
                continue;
            }
            let lost = replica.lost.clone();
            let device = self.state.model.device();
            let memory = *memory.get_or_insert_with(|| memory_bytes(&device));
            let ended: Vec<_> = replica.cells.drain(..).zip(replica.progress.drain(..)).collect();
            for (cell, progress) in ended {
                let status = match &lost {
                    Some((step, reason)) => {
                        Status::Diverged { step: *step, reason: reason.clone() }
                    }
                    None => Status::Finished,
                };
                let record = self.record(cell, status, progress);
                let run = RunInfo { stack_width: width, peak_memory_bytes: memory, ..record.run };
                let record = Record { run, ..record };
                control = worse(control, events(Event::CellDone(Box::new(record))));
            }
        }
        let began = Instant::now();
        if keep.len() < width {
            self.keep(&keep);
        }
        let forked = self.fork();
        if forked || keep.len() < width {
            spent(events, Overhead::Regrouping, began);
        }
        control
    }

    /// What a cell came to.
    fn record(&self, index: usize, status: Status, progress: CellProgress) -> Record {
        let cell = &self.stack.cells[index];
        let context = cell.shape.context;
        let tokens = (self.windows.corpus().valid_sequences(context) * context) as u64;
        let bytes = self.windows.corpus().valid_bytes(context);
        let bits = |nats: f64| nats * tokens as f64 / std::f64::consts::LN_2 / bytes;
        let last = progress.valid_curve.last().filter(|_| status == Status::Finished);
        let valid = last.map(|&(_, loss_nats)| Valid {
            loss_nats,
            bits_per_byte: (bytes > 0.0).then(|| bits(loss_nats)),
            tokens,
            true_loss_nats: self.windows.corpus().valid_true_nats(context),
        });
        let point = |(step, loss_nats)| ValidPoint { step, loss_nats };
        let mut record = self.options.attempt.record(self.stack, cell, status);
        record.result.valid = valid;
        record.result.curve = progress.curve;
        record.result.valid_curve = progress.valid_curve.into_iter().map(point).collect();
        record.run.resumed = progress.resumed;
        record.run.train_seconds = progress.train_seconds;
        record.run.eval_seconds = progress.eval_seconds;
        record.run.energy_joules = progress.energy.map(|energy| energy.joules);
        record.run.energy_source = progress.energy.map(|energy| energy.source);
        record.run.first_step_seconds = self.first_step_seconds;
        // Rates are of what was computed: steps that cells share were computed once.
        let tokens = progress.computed_steps * cell.batch_tokens() as f64;
        record.run = record.run.with_rates(tokens, progress.computed_steps * cell.step_flops());
        record
    }

    /// Held-out losses of the replicas with a cell that is due one and does not have it. Stopped
    /// meanwhile, it leaves all as it was.
    fn evaluate_due(&mut self, step: u64, events: &mut dyn FnMut(Event) -> Control) -> Control {
        let points = self.options.valid_points as u64;
        let cells = self.cells();
        let due = |(i, progress): (&usize, &CellProgress)| {
            let known = progress.valid_curve.last().is_some_and(|point| point.0 == step);
            is_point(step, cells[*i].steps, points) && !known
        };
        let replicas: Vec<usize> = (0..self.width())
            .filter(|&i| {
                let replica = &self.state.replicas[i];
                replica.lost.is_none() && replica.cells.iter().zip(&replica.progress).any(due)
            })
            .collect();
        if replicas.is_empty() {
            return Control::Continue;
        }
        let started = Instant::now();
        self.draw.restart();
        let (stack, sequences) = (self.stack, self.options.eval_sequences.max(1));
        let held_out = self.windows.valid();
        let mut losses = Vec::with_capacity(replicas.len());
        for replicas in replicas.chunks(self.evaluated_at_once()) {
            let model = select_model(&self.state.model, replicas);
            let found = evaluate(&model, &held_out, sequences, || {
                events(Event::Evaluating { stack, step }) == Control::Continue
            });
            let Some(found) = found else { return Control::Stop };
            losses.extend(found);
        }
        let seconds = started.elapsed().as_secs_f64();
        self.draw.timed(seconds);
        let evaluated = replicas.len() as f64;
        let (seconds, drawn) = (seconds / evaluated, self.draw.take());
        for (&index, loss) in replicas.iter().zip(losses) {
            let replica = &mut self.state.replicas[index];
            let count = replica.cells.iter().zip(&replica.progress).filter(|&x| due(x)).count();
            let count = count as f64;
            for (cell, progress) in replica.cells.iter().zip(&mut replica.progress) {
                if due((cell, progress)) {
                    progress.valid_curve.push((step, loss));
                    progress.eval_seconds += seconds / count;
                    energy::add(&mut progress.energy, drawn, 1.0 / (evaluated * count));
                }
            }
            if !loss.is_finite() {
                replica.lost = Some((step - 1, format!("the held-out loss is {loss}")));
            }
        }
        self.read_at = Instant::now(); // what follows is steps again
        Control::Continue
    }
}
