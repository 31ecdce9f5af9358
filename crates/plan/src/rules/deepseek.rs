//! DeepSeek LLM: Bi et al. 2024, section 3.1, equation 1.
//!
//! `eta = .3118 C^-.125`, `B = .2920 C^.3271` tokens, with `C = M D` and M the non-embedding FLOPs
//! per token, attention included: `72 L d^2 + 12 L d T` (section 3.2), which is our exact count
//! without the head.

use super::{Fitted, Provenance};
use crate::Shape;

/// The publication.
pub const PROVENANCE: Provenance = Provenance::Published("DeepSeek LLM (Bi et al. 2024, eq. 1)");

/// Budgets of 1e17 to 2e19 FLOPs; the range of sizes is ours, from compute-optimal runs at these.
pub const FITTED: Fitted = Fitted { params: (2e7, 1e9), tokens: (5e8, 2e10) };

/// Peak learning rate.
pub fn learning_rate(shape: &Shape, tokens: f64) -> f64 {
    0.3118 * (flops_per_token(shape) * tokens).powf(-0.125)
}

/// Tokens per step.
pub fn batch_tokens(shape: &Shape, tokens: f64) -> f64 {
    0.2920 * (flops_per_token(shape) * tokens).powf(0.3271)
}

/// M: training FLOPs per token without the head.
pub fn flops_per_token(shape: &Shape) -> f64 {
    let count = shape.flops_per_token();
    3.0 * (count.forward() - count.head)
}
