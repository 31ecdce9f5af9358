//! This project's own rule: `eta = a N^b D^c`, `B = e D^f` tokens, N without the embedding and the
//! head. The default, since no published rule was fitted anywhere near models this small.
//!
//! The level is that of `results/calibration` (two blocks of width 16 and 28 at 4e10 and 1.6e11
//! FLOPs, on Rust sources, byte by byte: batches of 64 to 512 tokens, rates from 2e-3 to 3e-2).
//! The exponents are assumed: the batch's is Step Law's, and the rate follows the ratio of tokens
//! to parameters. Models this small see so few tokens that the number of steps decides: their best
//! batches are a seventh of Step Law's.

use super::{Fitted, Provenance};
use crate::Shape;

/// Where the constants come from.
pub const PROVENANCE: Provenance =
    Provenance::Assumed("level from results/calibration, exponents assumed");

/// What they were fitted on.
pub const FITTED: Option<Fitted> = Some(Fitted { params: (5.7e3, 1.9e4), tokens: (2e5, 1.9e6) });

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

const RATE: Rate = Rate { coefficient: 1.665e-3, params: -0.25, tokens: 0.25 };
const BATCH: Batch = Batch { coefficient: 0.08, tokens: 0.571 };

/// Peak learning rate.
pub fn learning_rate(shape: &Shape, tokens: f64) -> f64 {
    let n = shape.params().non_embedding() as f64;
    RATE.coefficient * n.powf(RATE.params) * tokens.powf(RATE.tokens)
}

/// Tokens per step.
pub fn batch_tokens(tokens: f64) -> f64 {
    BATCH.coefficient * tokens.powf(BATCH.tokens)
}
