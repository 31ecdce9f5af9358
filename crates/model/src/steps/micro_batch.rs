//! A part of a step's batch.

use crate::batch::Tokens;

/// A share of a step's batch that is passed at a time.
#[derive(Debug, Clone)]
pub struct MicroBatch {
    pub inputs: Tokens,
    /// The ids that follow.
    pub targets: Tokens,
    /// Share of the step's tokens.
    pub share: f32,
}
