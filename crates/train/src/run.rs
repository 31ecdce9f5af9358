//! The training loop of one stack.

mod checks;
mod ends;
pub(crate) mod read_back;
mod replicas;
mod save;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Instant;

use burn::tensor::Device;
use isoflop_checkpoint::is_point;
use isoflop_data::{Corpus, Windows};
use isoflop_device::panic_message;
use isoflop_model::{MicroBatch, ReplicaStep, Steps, is_host};
use isoflop_plan::{Cell, CellId, Stack};

use crate::checkpoint::{self, State};
use crate::energy::{self, Draw};
use crate::error::TrainError;
use crate::event::{Control, Event, Overhead, StackEnd, TrainOptions};
use crate::feed::{Feed, Request};
use crate::schedule::learning_rate;
use crate::smoothed::Smoothed;
use checks::check;
use read_back::Pending;
use replicas::{fresh, holds, resumed};

/// Seconds between progress events.
const EVENT_SECONDS: f64 = 0.1;

/// Trains the cells of a stack in lock-step and reports each as it ends.
///
/// Cells in `finished` are left out. A checkpoint of the same stack in `options.checkpoint_dir`
/// is gone on from; on the CPU the result is bitwise that of an uninterrupted run.
///
/// # Errors
/// If the stack does not fit the data, a checkpoint cannot be read or written, or the device fails.
pub fn run_stack(
    stack: &Stack,
    finished: &BTreeSet<CellId>,
    corpus: &Corpus,
    device: &Device,
    options: &TrainOptions,
    events: &mut dyn FnMut(Event) -> Control,
) -> Result<StackEnd, TrainError> {
    let windows = check(stack, corpus)?;
    let wanted: Vec<usize> =
        (0..stack.cells.len()).filter(|&i| !finished.contains(&stack.cells[i].id)).collect();
    if wanted.is_empty() {
        return Ok(StackEnd::Completed);
    }
    let mut steps = 0;
    let result = catch_unwind(AssertUnwindSafe(|| {
        let began = Instant::now();
        let mut run = Run::open(stack, &wanted, finished, windows, device, options)?;
        spent(events, Overhead::TakingUp, began);
        let end = run.go(events, &mut steps)?;
        if end == StackEnd::Completed
            && let Some(path) = &run.checkpoint
        {
            checkpoint::remove(path)?;
        }
        Ok(end)
    }));
    result.unwrap_or_else(|panic| {
        let what = panic_message(&*panic);
        Err(TrainError::Device { stack: stack.id.clone(), step: steps, what })
    })
}

struct Run<'a> {
    stack: &'a Stack,
    finished: &'a BTreeSet<CellId>,
    windows: Windows<'a>,
    options: &'a TrainOptions,
    checkpoint: Option<PathBuf>,
    state: State,
    steps: Steps,
    /// What is to be said before training.
    notice: Option<String>,
    pending: Vec<Pending>,
    latest: Vec<f64>,
    smoothed: Vec<Smoothed>,
    /// Steps between read-backs, and when the last one ended.
    readback: usize,
    read_at: Instant,
    /// From this process's start at the stack to the end of its first step, in which kernels are compiled.
    first_step_seconds: Option<f64>,
    draw: Draw<'a>,
}

impl<'a> Run<'a> {
    fn open(
        stack: &'a Stack,
        wanted: &[usize],
        finished: &'a BTreeSet<CellId>,
        windows: Windows<'a>,
        device: &Device,
        options: &'a TrainOptions,
    ) -> Result<Self, TrainError> {
        let checkpoint = options.checkpoint_dir.as_ref().map(|d| checkpoint::path(d, stack));
        let found = match &checkpoint {
            Some(path) => checkpoint::read(path, stack, device)?,
            None => None,
        };
        let mut notice = None;
        let meter = options.meter.as_deref();
        let state = match found {
            Some(state) if holds(&state, wanted) => resumed(state, wanted),
            Some(state) => {
                notice = Some(format!(
                    "the checkpoint of stack {} lacks a cell that was trained but never recorded: \
                     its first {} steps are trained again",
                    stack.id, state.optim.step
                ));
                fresh(stack, wanted, device, meter)
            }
            None => fresh(stack, wanted, device, meter),
        };
        Ok(Self {
            stack,
            finished,
            windows,
            options,
            checkpoint,
            latest: vec![f64::NAN; state.replicas.len()],
            smoothed: vec![Smoothed::default(); state.replicas.len()],
            state,
            steps: Steps::new(),
            notice,
            pending: Vec::new(),
            readback: 1,
            read_at: Instant::now(),
            first_step_seconds: None,
            draw: Draw::new(meter, options.attempt.device_share),
        })
    }

    fn cells(&self) -> &'a [Cell] {
        &self.stack.cells
    }

    /// Steps done.
    fn step(&self) -> u64 {
        self.state.optim.step
    }

    /// The longest of a replica's cells, whose schedule it follows.
    fn longest_cell(&self, replica: usize) -> &'a Cell {
        &self.cells()[self.state.replicas[replica].cells[0]]
    }

    /// Replicas that train.
    fn width(&self) -> usize {
        self.state.replicas.len()
    }

    fn go(
        &mut self,
        events: &mut dyn FnMut(Event) -> Control,
        steps: &mut u64,
    ) -> Result<StackEnd, TrainError> {
        if let Some(notice) = self.notice.take()
            && events(Event::Warning(notice)) == Control::Stop
        {
            return Ok(StackEnd::Interrupted);
        }
        let first = &self.cells()[0];
        let (windows, sequences) = (self.windows, first.hyper.batch_sequences);
        if events(Event::Ready { stack: self.stack, step: self.step() }) == Control::Stop {
            return Ok(StackEnd::Interrupted);
        }
        std::thread::scope(|scope| {
            let feed = Feed::start(scope, windows, sequences);
            let (mut saved, mut told, mut told_at) = (Instant::now(), Instant::now(), self.step());
            // An evaluation that was stopped is still due; all else of that step is done.
            if self.step() > 0 && self.end_step(events) == Control::Stop && self.width() > 0 {
                return Ok(StackEnd::Interrupted);
            }
            self.fork();
            let began = Instant::now();
            let mut asked = self.request(0);
            if self.width() > 0 {
                feed.ask(asked.clone());
                let on_adapter = !is_host(&self.state.model.device());
                if on_adapter && events(Event::Compiling { stack: self.stack }) == Control::Stop {
                    return Ok(StackEnd::Interrupted);
                }
                self.check_products(events)?;
                self.draw.restart();
            }
            while self.width() > 0 {
                *steps = self.step();
                let started = Instant::now();
                let batch = feed.take(&self.request(0));
                asked = self.request(1);
                feed.ask(asked.clone());
                self.train_step(&feed, &batch, sequences);
                if self.pending.len() >= self.readback || self.changes_next() {
                    self.read_back()?;
                }
                self.share_time(started.elapsed().as_secs_f64());
                self.first_step_seconds.get_or_insert_with(|| began.elapsed().as_secs_f64());
                let width = self.width();
                let mut control = self.end_step(events);
                if self.width() != width && self.width() > 0 {
                    self.check_products(events)?;
                    self.read_at = Instant::now();
                    self.draw.restart();
                }
                if self.width() > 0 && self.request(0) != asked {
                    feed.ask(self.request(0));
                }
                let waited = told.elapsed().as_secs_f64();
                if waited >= EVENT_SECONDS {
                    let width = self.width().max(1) as u64;
                    let tokens = (self.step() - told_at) * first.batch_tokens() * width;
                    let event = Event::Step {
                        stack: self.stack,
                        step: self.step(),
                        loss: &self.latest,
                        smoothed: &self.smoothed.iter().map(|s| s.value()).collect::<Vec<_>>(),
                        tokens_per_second: tokens as f64 / waited,
                        active: self.width(),
                        flops_done: self.flops_done(),
                    };
                    control = worse(control, events(event));
                    (told, told_at) = (Instant::now(), self.step());
                }
                let due = saved.elapsed().as_secs_f64() >= self.options.checkpoint_seconds;
                if self.width() > 0 && (due || control == Control::Stop) {
                    self.read_back()?;
                    self.share_energy();
                    self.save(events)?;
                    (saved, self.read_at) = (Instant::now(), Instant::now());
                    self.draw.restart();
                }
                if control == Control::Stop && self.width() > 0 {
                    return Ok(StackEnd::Interrupted);
                }
            }
            Ok(StackEnd::Completed)
        })
    }

    /// What the feed is asked for `ahead` steps from now, if the replicas stay as they are.
    fn request(&self, ahead: u64) -> Request {
        let seeds = (0..self.width()).map(|i| self.longest_cell(i).seed).collect();
        Request { step: self.step() + ahead, seeds }
    }

    /// One optimizer step of all replicas.
    fn train_step(&mut self, feed: &Feed, batch: &[i32], sequences: usize) {
        let step = self.step();
        let longest: Vec<&Cell> = (0..self.width()).map(|i| self.longest_cell(i)).collect();
        let (z, rule) = (longest[0].hyper.z_loss as f32, longest[0].hyper.optimizer);
        let settings: Vec<ReplicaStep> = longest
            .iter()
            .map(|cell| ReplicaStep {
                learning_rate: learning_rate(&cell.hyper, step, cell.steps),
                weight_decay: cell.hyper.weight_decay,
                beta1: cell.hyper.beta1,
                beta2: cell.hyper.beta2,
                epsilon: cell.hyper.epsilon,
                clip_norm: cell.hyper.clip_norm,
            })
            .collect();
        let micro = self.micro_batch();
        let batches: Vec<MicroBatch> = (0..sequences)
            .step_by(micro)
            .map(|start| {
                let end = (start + micro).min(sequences);
                let (inputs, targets) = feed.tokens(batch, settings.len(), start..end);
                let share = (end - start) as f32 / sequences as f32;
                MicroBatch { inputs, targets, share }
            })
            .collect();
        let state = &mut self.state;
        let (model, optim) = (&mut state.model, &mut state.optim);
        let (loss, norm) = self.steps.step(model, optim, &batches, z, rule, &settings);
        self.pending.push(Pending { step, loss, norm });
    }

    /// Whether a replica ends, forks or is evaluated after the step just done.
    fn changes_next(&self) -> bool {
        let step = self.step();
        self.state.replicas.iter().any(|replica| {
            replica.cells.iter().any(|&i| {
                let cell = &self.cells()[i];
                is_point(step, cell.steps, self.options.valid_points as u64)
                    || cell.stable_steps() <= step && replica.cells.len() > 1
            })
        })
    }

    /// Splits a step and the time spent on all replicas among them, and among the cells that share one.
    fn share_time(&mut self, seconds: f64) {
        let width = self.width() as f64;
        for replica in &mut self.state.replicas {
            let share = 1.0 / replica.cells.len() as f64;
            for progress in &mut replica.progress {
                progress.train_seconds += seconds / width * share;
                progress.computed_steps += share;
            }
        }
        self.draw.timed(seconds);
        let lost = self.state.replicas.iter().any(|replica| replica.lost.is_some());
        if lost || self.draw.is_due() || self.changes_next() {
            self.share_energy();
        }
    }

    /// Splits what the steps since the last reading of the meter drew, as [`Run::share_time`] splits their time.
    fn share_energy(&mut self) {
        let width = self.width() as f64;
        let drawn = self.draw.take();
        for replica in &mut self.state.replicas {
            let share = 1.0 / (width * replica.cells.len() as f64);
            for progress in &mut replica.progress {
                energy::add(&mut progress.energy, drawn, share);
            }
        }
    }

    /// FLOPs of the wanted cells so far; what several of them share is counted once.
    fn flops_done(&self) -> f64 {
        self.stack.spent_flops(|cell| !self.finished.contains(&cell.id), self.step())
    }
}

/// Tells what something besides steps and evaluations took. Who is asked to stop hears it at the next event.
fn spent(events: &mut dyn FnMut(Event) -> Control, on: Overhead, began: Instant) {
    events(Event::Spent { on, seconds: began.elapsed().as_secs_f64() });
}

fn worse(a: Control, b: Control) -> Control {
    if a == Control::Stop { a } else { b }
}
