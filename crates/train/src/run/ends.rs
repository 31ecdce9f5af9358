//! What is due at the end of a step: held-out losses, and cells that have ended.

use std::time::Instant;

use super::lanes::select_model;
use super::{Run, worse};
use crate::device::memory_bytes;
use crate::evaluate::evaluate;
use crate::outcome::{Control, Event, Outcome, Status};
use crate::replica::{Track, is_point};

impl Run<'_> {
    /// Evaluates lanes that are due, reports cells that ended, and lets lanes fork.
    pub(super) fn end_step(&mut self, events: &mut dyn FnMut(Event) -> Control) -> Control {
        let step = self.step();
        if self.evaluate_due(step, events) == Control::Stop {
            return Control::Stop;
        }
        let mut control = Control::Continue;
        let mut keep = Vec::new();
        let width = self.lanes();
        // Asking the system takes tens of microseconds: a good part of a small model's step.
        let mut memory = None;
        for lane in 0..width {
            let replica = &mut self.state.replicas[lane];
            let over = |i: usize| self.stack.cells[i].steps <= step;
            if replica.lost.is_none() && !replica.cells.iter().any(|&i| over(i)) {
                keep.push(lane);
                continue;
            }
            let lost = replica.lost.clone();
            let device = self.state.model.device();
            let memory = *memory.get_or_insert_with(|| memory_bytes(&device));
            let ended: Vec<_> = replica.cells.drain(..).zip(replica.tracks.drain(..)).collect();
            for (index, track) in ended {
                let cell = &self.stack.cells[index];
                let status = match &lost {
                    Some((step, reason)) => {
                        Status::Diverged { step: *step, reason: reason.clone() }
                    }
                    None => Status::Finished,
                };
                let valid = if lost.is_none() { track.valid_curve.last().copied() } else { None };
                let context = cell.shape.context;
                let corpus = self.windows.corpus();
                let tokens = (corpus.valid_sequences(context) * context) as u64;
                let bytes = corpus.valid_bytes(context);
                let bits = |nats: f64| nats * tokens as f64 / std::f64::consts::LN_2 / bytes;
                let outcome = Outcome {
                    cell: cell.id.clone(),
                    status,
                    valid_loss_nats: valid.map(|v| v.1),
                    valid_bits_per_byte: valid.map(|v| bits(v.1)).filter(|_| bytes > 0.0),
                    valid_tokens: tokens,
                    valid_true_nats: corpus.valid_true_nats(context),
                    curve: track.curve,
                    valid_curve: track.valid_curve,
                    train_seconds: track.train_seconds,
                    computed_steps: track.computed_steps,
                    eval_seconds: track.eval_seconds,
                    stack_width: width,
                    resumed: track.resumed,
                    peak_memory_bytes: memory,
                };
                control = worse(control, events(Event::CellDone(outcome)));
            }
        }
        if keep.len() < width {
            self.keep(&keep);
        }
        self.fork();
        control
    }

    /// Held-out losses of the lanes with a cell that is due one and does not have it. Stopped
    /// meanwhile, it leaves all as it was.
    fn evaluate_due(&mut self, step: u64, events: &mut dyn FnMut(Event) -> Control) -> Control {
        let points = self.options.valid_points as u64;
        let cells = self.cells();
        let due = |(i, track): (&usize, &Track)| {
            let known = track.valid_curve.last().is_some_and(|point| point.0 == step);
            is_point(step, cells[*i].steps, points) && !known
        };
        let lanes: Vec<usize> = (0..self.lanes())
            .filter(|&l| {
                let replica = &self.state.replicas[l];
                replica.lost.is_none() && replica.cells.iter().zip(&replica.tracks).any(due)
            })
            .collect();
        if lanes.is_empty() {
            return Control::Continue;
        }
        let started = Instant::now();
        let (stack, sequences) = (self.stack, self.options.eval_sequences.max(1));
        let held_out = self.windows.valid();
        let mut losses = Vec::with_capacity(lanes.len());
        for lanes in lanes.chunks(self.evaluated_at_once()) {
            let model = select_model(&self.state.model, lanes);
            let found = evaluate(&model, &held_out, sequences, || {
                events(Event::Evaluating { stack, step }) == Control::Continue
            });
            let Some(found) = found else { return Control::Stop };
            losses.extend(found);
        }
        let seconds = started.elapsed().as_secs_f64() / lanes.len() as f64;
        for (&lane, loss) in lanes.iter().zip(losses) {
            let replica = &mut self.state.replicas[lane];
            let count = replica.cells.iter().zip(&replica.tracks).filter(|&x| due(x)).count();
            let count = count as f64;
            for (index, track) in replica.cells.iter().zip(&mut replica.tracks) {
                if due((index, track)) {
                    track.valid_curve.push((step, loss));
                    track.eval_seconds += seconds / count;
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
