//! This project's own rule: `eta = a N^b D^c`, `B = e D^f` tokens, N without the embedding and the
//! head. The default, since no published rule was fitted anywhere near models this small.
//!
//! ASSUMED UNTIL MEASURED. The constants below are guesses: the learning rate falls with size from
//! 1e-2 at 30 thousand parameters to 1e-3 at 80 million, where Step Law would give .11 and DeepSeek
//! .011 at the small end; the batch is Step Law's. Once the calibration has been run, set the
//! constants, [`PROVENANCE`] to `Measured` with the name of the study in `results/`, and
//! [`FITTED`] to its range: nothing else has to change.

use super::{Fitted, Provenance};
use crate::Shape;

/// Where the constants come from.
pub const PROVENANCE: Provenance = Provenance::Assumed("to be calibrated at small sizes");

/// What they were fitted on; `None` until they are.
pub const FITTED: Option<Fitted> = None;

/// `eta = coefficient N^params D^tokens`
struct Rate {
    coefficient: f64,
    params: f64,
    tokens: f64,
}

/// `B = coefficient D^tokens`
struct Batch {
    coefficient: f64,
    tokens: f64,
}

const RATE: Rate = Rate { coefficient: 0.24, params: -0.3, tokens: 0.0 };
const BATCH: Batch = Batch { coefficient: 0.58, tokens: 0.571 };

/// Peak learning rate.
pub fn learning_rate(shape: &Shape, tokens: f64) -> f64 {
    let n = shape.params().non_embedding() as f64;
    RATE.coefficient * n.powf(RATE.params) * tokens.powf(RATE.tokens)
}

/// Tokens per step.
pub fn batch_tokens(tokens: f64) -> f64 {
    BATCH.coefficient * tokens.powf(BATCH.tokens)
}
