//! Who is told how far stacks are.

use isoflop_record::Record;

use super::Observer;

/// Who is told how far stacks are. Stacks are named by their index.
pub(crate) trait Reports: Send {
    /// Where others tell of things besides.
    fn observer(&mut self) -> &mut dyn Observer;
    /// A stack is taken up.
    fn begin_stack(&mut self, index: usize);
    /// The first step of a running stack is about to be made, which compiles its kernels.
    fn compiling(&mut self, index: usize);
    /// The weights of a running stack are there, and it stands at this step.
    fn ready(&mut self, index: usize, step: u64);
    /// Losses are of every replica, in nats per token.
    fn step(&mut self, index: usize, at: &Steps);
    /// A cell ended, and its record is kept.
    fn cell(&mut self, record: &Record);
    /// Nothing more comes from a running stack.
    fn end_stack(&mut self, index: usize, how: Ending);
}

/// How a stack ended, for now or for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Completed,
    /// It was asked to stop; a checkpoint holds the rest.
    Interrupted,
    /// It, or its device, cannot go on: who trained it says why.
    Broken,
}

/// Some steps of a stack were done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Steps<'a> {
    pub step: u64,
    pub loss_nats: &'a [f64],
    pub smoothed_loss_nats: &'a [f64],
    pub tokens_per_second: f64,
}
