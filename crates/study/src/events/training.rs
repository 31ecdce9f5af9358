//! How far the training of a grid is.

use std::collections::BTreeSet;
use std::time::Instant;

use isoflop_plan::{Cell, CellId, Evaluation, Grid, Stack};
use isoflop_record::Record;
use isoflop_speed::{Forecast, Rates, StackWork};

use super::Observer;
use super::reports::{Ending, Reports, Steps};
use super::update::{Overall, StackName, Update, Work};
use super::work::{done_flops, total_flops, trained_flops};

/// Keeps count of cells and FLOPs while stacks train, and tells of it.
pub struct Training<'a> {
    observer: &'a mut dyn Observer,
    stacks: &'a [Stack],
    evaluation: Evaluation,
    done: BTreeSet<CellId>,
    total_cells: usize,
    forecast: Forecast,
    started: Instant,
    /// Training FLOPs done of every stack. The forecast counts evaluations too.
    trained_flops: Vec<f64>,
    /// Steps done of every stack.
    steps: Vec<u64>,
    /// The device of every stack that was taken up, where there are several.
    on: Vec<Option<String>>,
    /// What others say of the time left.
    expected: Option<Option<f64>>,
    total_flops: f64,
}

impl<'a> Training<'a> {
    /// Begins to tell of these stacks, of whose cells `done` have ended before. They are taken up in this
    /// `order` by so many workers, and train at these rates as far as is known.
    pub fn new(
        observer: &'a mut dyn Observer,
        grid: &'a Grid,
        rates: Option<&Rates>,
        order: &[usize],
        workers: usize,
        done: BTreeSet<CellId>,
    ) -> Self {
        let (stacks, evaluation) = (&grid.stacks[..], grid.evaluation);
        let work = stacks.iter().map(|stack| {
            let work = work_of(stack, evaluation, &done, rates);
            StackWork::new(work.flops, work.step_flops)
                .done(work.done_flops)
                .expected(work.flops_per_second)
        });
        let mut forecast = Forecast::new(work.collect(), order.to_vec(), workers);
        for (index, stack) in stacks.iter().enumerate() {
            if stack.cells.iter().all(|cell| done.contains(&cell.id)) {
                forecast.end(index, 0.0);
            }
        }
        let trained = stacks.iter().map(|stack| trained_flops(stack, &done, 0)).collect();
        let total_cells = stacks.iter().map(|stack| stack.cells.len()).sum();
        let training = Self {
            observer,
            stacks,
            evaluation,
            done,
            total_cells,
            forecast,
            started: Instant::now(),
            trained_flops: trained,
            steps: vec![0; stacks.len()],
            on: vec![None; stacks.len()],
            expected: None,
            total_flops: stacks.iter().map(Stack::cost_flops).sum(),
        };
        let work = |&index: &usize| work_of(&stacks[index], evaluation, &training.done, rates);
        let work: Vec<Work> = order.iter().map(work).collect();
        let update = Update::Started {
            overall: training.overall(),
            stacks: training.stacks.len(),
            workers,
            work: &work,
        };
        training.observer.tell(&update);
        training
    }

    /// Training is over, for now or for good.
    pub fn stopped(self) {
        let update = Update::Stopped { overall: self.overall(), seconds: self.seconds() };
        self.observer.tell(&update);
    }

    /// Keeps how far a stack is. FLOPs done of its work, evaluations among it.
    fn keep(&mut self, index: usize, step: u64) -> f64 {
        let stack = &self.stacks[index];
        self.steps[index] = step;
        self.trained_flops[index] = trained_flops(stack, &self.done, step);
        done_flops(stack, self.evaluation, &self.done, step)
    }

    /// A stack trains on this device from now on.
    pub fn put_on(&mut self, index: usize, device: &str) {
        self.on[index] = Some(device.to_owned());
    }

    /// Says how many seconds are left, in the place of what follows from the stacks' speeds on one device.
    pub fn expect(&mut self, seconds_left: Option<f64>) {
        self.expected = Some(seconds_left);
    }

    /// FLOPs left of a stack's work, evaluations among it.
    pub fn flops_left(&self, index: usize) -> f64 {
        let stack = &self.stacks[index];
        total_flops(stack, self.evaluation)
            - done_flops(stack, self.evaluation, &self.done, self.steps[index])
    }

    fn named(&self, index: usize) -> Named<'a> {
        let stack = &self.stacks[index];
        Named { id: &stack.id, label: stack_label(stack), device: self.on[index].clone() }
    }

    /// Since training began.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn overall(&self) -> Overall {
        let seconds = self.seconds();
        Overall {
            done_flops: self.trained_flops.iter().sum(),
            total_flops: self.total_flops,
            done_cells: self.done.len(),
            total_cells: self.total_cells,
            seconds,
            seconds_left: self.expected.unwrap_or_else(|| self.forecast.seconds_left(seconds)),
        }
    }
}

impl Reports for Training<'_> {
    fn observer(&mut self) -> &mut dyn Observer {
        self.observer
    }

    fn begin_stack(&mut self, index: usize) {
        self.forecast.begin(index, self.seconds());
        let stack = self.named(index);
        let overall = self.overall();
        self.observer.tell(&Update::StackBegun { stack: stack.name(), overall });
    }

    fn ready(&mut self, index: usize, step: u64) {
        let done = self.keep(index, step);
        self.forecast.ready(index, done, self.seconds());
        let stack = self.named(index);
        let overall = self.overall();
        self.observer.tell(&Update::StackReady {
            stack: stack.name(),
            step,
            done_flops: done,
            overall,
        });
    }

    fn compiling(&mut self, index: usize) {
        let stack = self.named(index);
        self.observer.tell(&Update::Compiling { stack: stack.name() });
    }

    fn step(&mut self, index: usize, at: &Steps) {
        let Steps { step, loss_nats, smoothed_loss_nats, tokens_per_second } = *at;
        let done = self.keep(index, step);
        self.forecast.advance(index, done, self.seconds());
        let stack = &self.stacks[index];
        let steps = stack.cells.iter().map(|cell| cell.steps).max().unwrap_or(0);
        let stack = self.named(index);
        let overall = self.overall();
        self.observer.tell(&Update::Step {
            stack: stack.name(),
            step,
            steps,
            loss_nats,
            smoothed_loss_nats,
            done_flops: done,
            tokens_per_second,
            overall,
        });
    }

    fn cell(&mut self, record: &Record) {
        if record.result.status.is_final() {
            self.done.insert(record.id().clone());
        }
        let overall = self.overall();
        self.observer.tell(&Update::Cell { record, overall });
    }

    fn end_stack(&mut self, index: usize, how: Ending) {
        let completed = how == Ending::Completed;
        let stack = &self.stacks[index];
        if completed {
            let last = stack.cells.iter().map(|cell| cell.steps).max().unwrap_or(0);
            self.keep(index, last);
            self.forecast.end(index, self.seconds());
        }
        let stack = self.named(index);
        let overall = self.overall();
        self.observer.tell(&Update::StackEnded { stack: stack.name(), completed, overall });
    }
}

/// What a stack is called.
struct Named<'a> {
    id: &'a str,
    label: String,
    device: Option<String>,
}

impl Named<'_> {
    fn name(&self) -> StackName<'_> {
        StackName { id: self.id, label: &self.label, device: self.device.as_deref() }
    }
}

/// `L2 d64 h2 x4`.
fn stack_label(stack: &Stack) -> String {
    match &stack.cells[..] {
        [] => stack.id.clone(),
        [only] => only.shape.to_string(),
        [first, ..] => format!("{} x{}", first.shape, stack.cells.len()),
    }
}

/// The work that a stack is.
fn work_of(
    stack: &Stack,
    evaluation: Evaluation,
    done: &BTreeSet<CellId>,
    rates: Option<&Rates>,
) -> Work {
    Work {
        id: stack.id.clone(),
        label: stack_label(stack),
        step_flops: stack.cells.first().map_or(0.0, Cell::step_flops),
        flops: total_flops(stack, evaluation),
        done_flops: done_flops(stack, evaluation, done, 0),
        flops_per_second: rates.and_then(|rates| rates.of(stack)).map(|rate| rate.flops_per_second),
    }
}
