//! What training a stack reports.

use std::path::PathBuf;
use std::sync::Arc;

use isoflop_device::Meter;
use isoflop_plan::Stack;
use isoflop_record::{Attempt, Record};

/// Something the caller may want to show or store.
#[derive(Debug)]
pub enum Event<'a> {
    /// Some steps were done.
    Step {
        stack: &'a Stack,
        /// Steps done.
        step: u64,
        /// Latest training loss of every running replica, nats per token; NaN before the first.
        loss: &'a [f64],
        /// The same averaged over a hundredth of its steps (at least 20): exponentially, and corrected for its start.
        smoothed: &'a [f64],
        /// Tokens per second over all replicas, since the last event.
        tokens_per_second: f64,
        /// Replicas still training.
        active: usize,
        /// Exact training FLOPs spent so far on the cells that were wanted, resumed work included;
        /// what several cells share counts once.
        flops_done: f64,
    },
    /// Weights are built or read from a checkpoint, and the next step is this one.
    Ready {
        stack: &'a Stack,
        /// Steps done.
        step: u64,
    },
    /// What is neither a step nor an evaluation took this long.
    Spent { on: Overhead, seconds: f64 },
    /// A part of the held-out tokens was evaluated. An evaluation that is stopped is done again by
    /// whoever goes on from the checkpoint.
    Evaluating {
        stack: &'a Stack,
        /// Steps done.
        step: u64,
    },
    /// The first step on an adapter is about to be made: its kernels are compiled, and some of its products checked. It may take
    /// a while, whose end the next event tells.
    Compiling { stack: &'a Stack },
    /// A cell ended.
    CellDone(Box<Record>),
    /// A checkpoint is about to be written in this folder, or could not be: the caller may name another one.
    Saving { folder: &'a mut PathBuf },
    /// A checkpoint was written.
    Checkpoint {
        path: PathBuf,
        /// Steps done.
        step: u64,
    },
    /// Something the user should know.
    Warning(String),
}

/// What training does besides steps and evaluations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Overhead {
    /// Weights and moments are built, or read from a checkpoint.
    TakingUp,
    /// Products are checked on an adapter, which compiles their kernels.
    Checking,
    /// A checkpoint is written.
    Checkpoint,
    /// Replicas leave or fork: tensors are made anew for those that stay.
    Regrouping,
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
    /// Every cell has its record.
    Completed,
    /// Stopped on request; the checkpoint holds the rest.
    Interrupted,
}

/// Settings of [`run_stack`](crate::run_stack) that do not belong to a cell.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// What the records of this process share.
    pub attempt: Attempt,
    /// What counts the energy of the device, if anything does.
    pub meter: Option<Arc<Meter>>,
    /// Folder for checkpoints; `None` writes none (and `Stop` then loses the stack's work).
    pub checkpoint_dir: Option<PathBuf>,
    /// Whether an adapter is taken to have failed where the losses of all replicas, of at least two, stop being numbers in one
    /// step; else they have diverged.
    pub suspects_losses: bool,
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
