//! What training a stack reports.

use std::path::PathBuf;

use isoflop_plan::{CellId, Stack};
use serde::{Deserialize, Serialize};

/// Training loss since the last point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Steps done.
    pub step: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Mean training loss since the last point, nats per token.
    pub loss_nats: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Global gradient norm of the last step, before clipping.
    pub grad_norm: Option<f64>,
}

/// How a cell ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// All steps done.
    Finished,
    /// The loss or the gradient left the finite numbers, or the loss ran away.
    Diverged {
        /// Step at which it was noticed, counted from 0.
        step: u64,
        /// What was noticed.
        reason: String,
    },
}

/// One cell's result.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Which cell.
    pub cell: CellId,
    /// How it ended.
    pub status: Status,
    /// Mean held-out loss, nats per token; `None` unless finished.
    pub valid_loss_nats: Option<f64>,
    /// The same in bits per byte of text.
    pub valid_bits_per_byte: Option<f64>,
    /// Tokens it was measured on.
    pub valid_tokens: u64,
    /// Exact mean loss of the true distribution on the same tokens, for synthetic languages.
    pub valid_true_nats: Option<f64>,
    /// Training loss along the way.
    pub curve: Vec<CurvePoint>,
    /// Held-out loss along the way: (steps done, nats per token).
    pub valid_curve: Vec<(u64, f64)>,
    /// This cell's share of the stack's training time, in seconds.
    pub train_seconds: f64,
    /// This cell's share of the steps that were computed: what cells share is divided among them.
    pub computed_steps: f64,
    /// This cell's share of the evaluation time, in seconds.
    pub eval_seconds: f64,
    /// Replicas that trained beside it, itself included, when it left.
    pub stack_width: usize,
    /// How often the stack was resumed from a checkpoint while this cell was in it.
    pub resumed: u32,
    /// Most memory that the device's allocator held, in bytes, where it tells.
    pub peak_memory_bytes: Option<u64>,
}

/// Something the caller may want to show or store.
#[derive(Debug)]
pub enum Event<'a> {
    /// Some steps were done.
    Step {
        /// The stack.
        stack: &'a Stack,
        /// Steps done.
        step: u64,
        /// Latest training loss of every running replica, nats per token.
        loss: &'a [f64],
        /// Tokens per second over all replicas, since the last event.
        tokens_per_second: f64,
        /// Replicas still training.
        active: usize,
        /// Exact training FLOPs spent so far on the cells that were wanted, resumed work included;
        /// what several cells share counts once.
        flops_done: f64,
    },
    /// A part of the held-out tokens was evaluated. An evaluation that is stopped is done again by
    /// whoever goes on from the checkpoint.
    Evaluating {
        /// The stack.
        stack: &'a Stack,
        /// Steps done.
        step: u64,
    },
    /// The first step on an adapter is about to be made: its kernels are compiled, and some of its products checked. It may take
    /// a while, whose end the next event tells.
    Compiling {
        /// The stack.
        stack: &'a Stack,
    },
    /// A cell ended.
    CellDone(Outcome),
    /// A checkpoint was written.
    Checkpoint {
        /// Where.
        path: PathBuf,
        /// Steps done.
        step: u64,
    },
    /// Something the user should know.
    Warning(String),
}

/// The caller's answer to an [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Write a checkpoint and return.
    Stop,
}

/// How a stack ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StackEnd {
    /// Every cell has its outcome.
    Completed,
    /// Stopped on request; the checkpoint holds the rest.
    Interrupted,
}

/// Settings of [`run_stack`](crate::run_stack) that do not belong to a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// Folder for checkpoints; `None` writes none (and `Stop` then loses the stack's work).
    pub checkpoint_dir: Option<PathBuf>,
    /// Seconds between checkpoints.
    pub checkpoint_seconds: f64,
    /// Sequences per forward and backward pass; `None` takes the whole batch at once.
    pub micro_batch_sequences: Option<usize>,
    /// Sequences per evaluation pass.
    pub eval_sequences: usize,
    /// Replicas that are evaluated side by side, at most; `None` for all of a stack's. The losses do not depend on it.
    pub evaluated_at_once: Option<usize>,
    /// Points of the training curve per cell.
    pub curve_points: usize,
    /// Held-out evaluations per cell, spread evenly, the last at the end.
    pub valid_points: usize,
}
