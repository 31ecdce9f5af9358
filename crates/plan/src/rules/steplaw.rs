//! Step Law: Li et al. 2025, "Predictable Scale: Part I".
//!
//! `eta = 1.79 N^-.713 D^.307`, `B = .58 D^.571` tokens; N counts non-embedding parameters.
//! Fitted with AdamW, beta2 .95, weight decay .1 and a decay to a fixed 1e-5.

use super::{Fitted, Provenance};
use crate::Shape;

/// The publication.
pub const PROVENANCE: Provenance = Provenance::Published("Step Law (Li et al. 2025)");

/// Dense models of 60 million to 1 billion parameters on 2 to 100 billion tokens.
pub const FITTED: Fitted = Fitted { params: (6e7, 1.1e9), tokens: (2e9, 1e11) };

/// Peak learning rate.
pub fn learning_rate(shape: &Shape, tokens: f64) -> f64 {
    let n = shape.params().non_embedding() as f64;
    1.79 * n.powf(-0.713) * tokens.powf(0.307)
}

/// Tokens per step.
pub fn batch_tokens(tokens: f64) -> f64 {
    0.58 * tokens.powf(0.571)
}
