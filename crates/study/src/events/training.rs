//! How far the training of a grid is.

use std::collections::BTreeSet;
use std::time::Instant;

use isoflop_plan::{Cell, CellId, Evaluation, Grid, Stack};
use isoflop_record::Record;
use isoflop_speed::{Forecast, Rates, StackWork};

use super::Observer;
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

    /// Where others tell of things besides.
    pub fn observer(&mut self) -> &mut dyn Observer {
        self.observer
    }

    /// The stack of this index, in the order given, is taken up.
    pub fn begin_stack(&mut self, index: usize) {
        self.forecast.begin(index, self.seconds());
        let stack = &self.stacks[index];
        let label = stack_label(stack);
        let overall = self.overall();
        self.observer.tell(&Update::StackBegun {
            stack: StackName { id: &stack.id, label: &label },
            overall,
        });
    }

    /// The weights of a running stack are there, and it stands at this step.
    pub fn ready(&mut self, index: usize, step: u64) {
        let done = self.keep(index, step);
        self.forecast.ready(index, done, self.seconds());
        let stack = &self.stacks[index];
        let label = stack_label(stack);
        let overall = self.overall();
        self.observer.tell(&Update::StackReady {
            stack: StackName { id: &stack.id, label: &label },
            step,
            done_flops: done,
            overall,
        });
    }

    /// The first step of a running stack is about to be made, which compiles its kernels.
    pub fn compiling(&mut self, index: usize) {
        let stack = &self.stacks[index];
        let label = stack_label(stack);
        let stack = StackName { id: &stack.id, label: &label };
        self.observer.tell(&Update::Compiling { stack });
    }

    /// A running stack has done `step` steps.
    pub fn step(
        &mut self,
        index: usize,
        step: u64,
        loss_nats: &[f64],
        smoothed_loss_nats: &[f64],
        tokens_per_second: f64,
    ) {
        let done = self.keep(index, step);
        self.forecast.advance(index, done, self.seconds());
        let stack = &self.stacks[index];
        let steps = stack.cells.iter().map(|cell| cell.steps).max().unwrap_or(0);
        let label = stack_label(stack);
        let overall = self.overall();
        self.observer.tell(&Update::Step {
            stack: StackName { id: &stack.id, label: &label },
            step,
            steps,
            loss_nats,
            smoothed_loss_nats,
            done_flops: done,
            tokens_per_second,
            overall,
        });
    }

    /// A cell ended. Cells that failed are not done.
    pub fn cell(&mut self, record: &Record) {
        if record.result.status.is_final() {
            self.done.insert(record.id().clone());
        }
        let overall = self.overall();
        self.observer.tell(&Update::Cell { record, overall });
    }

    /// Nothing more comes from a running stack; `completed` unless it was interrupted.
    pub fn end_stack(&mut self, index: usize, completed: bool) {
        let stack = &self.stacks[index];
        if completed {
            let last = stack.cells.iter().map(|cell| cell.steps).max().unwrap_or(0);
            self.keep(index, last);
            self.forecast.end(index, self.seconds());
        }
        let label = stack_label(stack);
        let overall = self.overall();
        self.observer.tell(&Update::StackEnded {
            stack: StackName { id: &stack.id, label: &label },
            completed,
            overall,
        });
    }

    /// Training is over, for now or for good.
    pub fn stopped(self) {
        let update = Update::Stopped { overall: self.overall(), seconds: self.seconds() };
        self.observer.tell(&update);
    }

    /// Keeps how far a stack is. FLOPs done of its work, evaluations among it.
    fn keep(&mut self, index: usize, step: u64) -> f64 {
        let stack = &self.stacks[index];
        self.trained_flops[index] = trained_flops(stack, &self.done, step);
        done_flops(stack, self.evaluation, &self.done, step)
    }

    fn seconds(&self) -> f64 {
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
            seconds_left: self.forecast.seconds_left(seconds),
        }
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
