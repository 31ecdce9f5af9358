//! How far the training of a grid is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use isoflop_plan::{Cell, CellId, Stack};
use isoflop_record::Record;
use isoflop_speed::{Forecast, Rates, StackWork};

use super::Observer;
use super::update::{Overall, StackName, Update};

/// Keeps count of cells and FLOPs while stacks train, and tells of it.
pub struct Training<'a> {
    observer: &'a mut dyn Observer,
    stacks: &'a [Stack],
    done: BTreeSet<CellId>,
    total_cells: usize,
    forecast: Forecast,
    started: Instant,
    /// The running stacks: since when, and when each last gave news.
    running: BTreeMap<usize, (Instant, Option<Instant>)>,
}

impl<'a> Training<'a> {
    /// Begins to tell of these stacks, of whose cells `done` have ended before. They are taken up in this
    /// `order` by so many workers, and train at these rates as far as is known.
    pub fn new(
        observer: &'a mut dyn Observer,
        stacks: &'a [Stack],
        rates: Option<&Rates>,
        order: &[usize],
        workers: usize,
        done: BTreeSet<CellId>,
    ) -> Self {
        let work = stacks.iter().map(|stack| {
            let step = stack.cells.first().map_or(0.0, Cell::step_flops);
            let rate = rates.and_then(|rates| rates.of(stack));
            StackWork::new(stack.cost_flops(), step)
                .done(done_flops(stack, &done, 0))
                .expected(rate.map(|rate| rate.flops_per_second))
        });
        let mut forecast = Forecast::new(work.collect(), order.to_vec(), workers);
        for (index, stack) in stacks.iter().enumerate() {
            if stack.cells.iter().all(|cell| done.contains(&cell.id)) {
                forecast.end(index);
            }
        }
        let total_cells = stacks.iter().map(|stack| stack.cells.len()).sum();
        let training = Self {
            observer,
            stacks,
            done,
            total_cells,
            forecast,
            started: Instant::now(),
            running: BTreeMap::new(),
        };
        let update = Update::Started { overall: training.overall(), stacks: training.stacks.len() };
        training.observer.tell(&update);
        training
    }

    /// Where others tell of things besides.
    pub fn observer(&mut self) -> &mut dyn Observer {
        self.observer
    }

    /// The stack of this index, in the order given, is taken up.
    pub fn begin_stack(&mut self, index: usize) {
        self.running.insert(index, (Instant::now(), None));
    }

    /// The first step of a running stack is about to be made, which compiles its kernels.
    pub fn compiling(&mut self, index: usize) {
        let stack = &self.stacks[index];
        let label = stack_label(stack);
        let stack = StackName { id: &stack.id, label: &label };
        self.observer.tell(&Update::Compiling { stack });
    }

    /// A running stack has done `step` steps.
    pub fn step(&mut self, index: usize, step: u64, loss_nats: &[f64], tokens_per_second: f64) {
        self.advance(index, step);
        let stack = &self.stacks[index];
        let steps = stack.cells.iter().map(|cell| cell.steps).max().unwrap_or(0);
        let label = stack_label(stack);
        let overall = self.overall();
        self.observer.tell(&Update::Step {
            stack: StackName { id: &stack.id, label: &label },
            step,
            steps,
            loss_nats,
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
            self.advance(index, last);
            self.forecast.end(index);
        }
        self.running.remove(&index);
        let label = stack_label(stack);
        self.observer
            .tell(&Update::StackEnded { stack: StackName { id: &stack.id, label: &label } });
    }

    /// Training is over, for now or for good.
    pub fn stopped(self) {
        let update = Update::Stopped {
            overall: self.overall(),
            seconds: self.started.elapsed().as_secs_f64(),
        };
        self.observer.tell(&update);
    }

    fn advance(&mut self, index: usize, step: u64) {
        let Some((began, news)) = self.running.get_mut(&index) else { return };
        let flops = done_flops(&self.stacks[index], &self.done, step);
        let now = Instant::now();
        match news {
            None => self.forecast.begin(index, flops, now.duration_since(*began).as_secs_f64()),
            Some(last) => {
                let seconds = now.duration_since(*last).as_secs_f64();
                self.forecast.advance(index, flops, seconds);
            }
        }
        *news = Some(now);
    }

    fn overall(&self) -> Overall {
        Overall {
            done_flops: self.forecast.done_flops(),
            total_flops: self.forecast.total_flops(),
            done_cells: self.done.len(),
            total_cells: self.total_cells,
            seconds_left: self.forecast.seconds_left(),
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

/// FLOPs done of a stack after so many steps; what is left for cells that ended counts as done.
fn done_flops(stack: &Stack, done: &BTreeSet<CellId>, step: u64) -> f64 {
    let open = |cell: &Cell| !done.contains(&cell.id);
    let left = stack.spent_flops(open, u64::MAX) - stack.spent_flops(open, step);
    stack.cost_flops() - left
}
