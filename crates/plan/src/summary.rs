//! A grid as rows of plain figures, for tables and JSON.

use serde::Serialize;

use crate::memory::stack_memory;
use crate::{Convention, Grid, ParamCount, PlannedCell, Shape};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelRow {
    pub shape: Shape,
    pub params: ParamCount,
    /// Exact training FLOPs per token.
    pub flops_per_token: f64,
    /// The head's share of them.
    pub head_share: f64,
    pub cells: usize,
}

/// All runs of one shape in one slice, which differ in seed and multipliers alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SliceRow {
    /// The slice; `None` for runs outside any.
    pub budget_flops: Option<f64>,
    pub shape: Shape,
    pub runs: usize,
    /// N, in the grid's convention.
    pub params: f64,
    /// D, of the plain run.
    pub tokens: u64,
    /// Optimizer steps of the plain run.
    pub steps: u64,
    /// Tokens per step of the plain run.
    pub batch_tokens: u64,
    /// Peak learning rate of the plain run.
    pub learning_rate: f64,
    /// Warm-up steps of the plain run.
    pub warmup_steps: u64,
    /// Second-moment decay of the plain run.
    pub beta2: f64,
    /// C of the plain run, in each of [`Convention::ALL`].
    pub flops: [f64; 4],
    /// C over the budget, less 1.
    pub off_budget: Option<f64>,
    /// Passes over the data of the plain run.
    pub epochs: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StackRow {
    pub id: String,
    /// The model of all its cells.
    pub shape: Shape,
    pub replicas: usize,
    /// Tokens per step and replica.
    pub batch_tokens: u64,
    pub longest_steps: u64,
    pub shortest_steps: u64,
    /// Exact training FLOPs.
    pub flops: f64,
    /// Expected memory with whole batches, in bytes.
    pub memory_bytes: u64,
}

impl Grid {
    /// The models of the grid, smallest first.
    pub fn models(&self) -> Vec<ModelRow> {
        let mut rows: Vec<ModelRow> = Vec::new();
        for planned in &self.cells {
            let shape = planned.cell.shape;
            match rows.iter_mut().find(|r| r.shape == shape) {
                Some(row) => row.cells += 1,
                None => {
                    let flops = shape.flops_per_token();
                    rows.push(ModelRow {
                        shape,
                        params: shape.params(),
                        flops_per_token: flops.train(),
                        head_share: flops.head / flops.forward(),
                        cells: 1,
                    });
                }
            }
        }
        rows.sort_by_key(|r| (r.params.total(), r.shape));
        rows
    }

    /// The runs of the grid by slice and shape, in the grid's order.
    pub fn rows(&self) -> Vec<SliceRow> {
        let mut rows: Vec<SliceRow> = Vec::new();
        // Consecutive cells of one request belong together; the plain one comes first.
        let mut last: Option<&PlannedCell> = None;
        for planned in &self.cells {
            let same = last.is_some_and(|l| {
                l.cell.shape == planned.cell.shape
                    && l.cell.budget_flops == planned.cell.budget_flops
                    && !(planned.is_unscaled() && l.cell.steps != planned.cell.steps)
            });
            match rows.last_mut().filter(|_| same) {
                Some(row) => row.runs += 1,
                None => rows.push(self.row(planned)),
            }
            last = Some(planned);
        }
        rows
    }

    fn row(&self, planned: &PlannedCell) -> SliceRow {
        let cell = &planned.cell;
        let tokens = cell.tokens() as f64;
        let flops = Convention::ALL.map(|c| c.flops(&cell.shape, tokens));
        let own = self.convention.flops(&cell.shape, tokens);
        SliceRow {
            budget_flops: cell.budget_flops,
            shape: cell.shape,
            runs: 1,
            params: self.convention.params(&cell.shape),
            tokens: cell.tokens(),
            steps: cell.steps,
            batch_tokens: cell.batch_tokens(),
            learning_rate: cell.hyper.learning_rate,
            warmup_steps: cell.hyper.warmup_steps,
            beta2: cell.hyper.beta2,
            flops,
            off_budget: cell.budget_flops.map(|budget| own / budget - 1.0),
            epochs: planned.epochs,
        }
    }

    /// The stacks of the grid, in the order of training.
    pub fn stack_rows(&self) -> Vec<StackRow> {
        let row = |stack: &crate::Stack| {
            let first = stack.cells.first()?;
            let replicas = stack.cells.len();
            let steps = stack.cells.iter().map(|c| c.steps);
            let batch = first.hyper.batch_sequences;
            Some(StackRow {
                id: stack.id.clone(),
                shape: first.shape,
                replicas,
                batch_tokens: first.batch_tokens(),
                longest_steps: steps.clone().max()?,
                shortest_steps: steps.min()?,
                flops: stack.cells.iter().map(crate::Cell::flops).sum(),
                memory_bytes: stack_memory(&first.shape, &first.hyper, replicas, batch, self.kept)
                    .total(),
            })
        };
        self.stacks.iter().filter_map(row).collect()
    }
}
