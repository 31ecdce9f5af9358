//! This project's own rule: `eta = a N^b D^c (B / 128)^.5`, `B = e D^f` tokens, N without the embedding
//! and the head. The default, since no published rule was fitted anywhere near models this small.
//!
//! `results/calibration` holds the runs, on Rust sources, byte by byte, with nine rates at batches of 64, 128 and 256 tokens: widths
//! 16, 24 and 48, each near the optimum of its budget (5e10, 2e11 and 8e11 FLOPs), and the ends of the first and the last
//! slice (8 and 40, 20 and 80). The law is that of least squares through the 21 minima, which scatter by 22% about it; at 128
//! tokens the loss at the rule is within 0.2% of the least along every ladder (by parabolas through them). Models with few tokens want higher rates, as they
//! take fewer steps.
//!
//! The root of the batch is the scaling of Malladi et al. 2022 for Adam. In the calibration best rates rise as `B^.72`
//! from 64 to 256 tokens; at 512 and 2048 tokens (`results/batch`), see `results/README.md`.
//!
//! Above the calibration's largest model the rule turns into Step Law, which was fitted to models of 60 million
//! parameters and more: geometrically, by the share of the way in ln N, with the root of the batch for another batch than
//! Step Law's. Nothing is abrupt, and what lies between is bracketed by measurements.

use super::{Fitted, Provenance, steplaw};
use crate::Shape;

/// Where the constants come from.
pub const PROVENANCE: Provenance =
    Provenance::Measured("results/calibration; the batch's exponent is Step Law's");

/// What they were fitted on.
pub const FITTED: Option<Fitted> = Some(Fitted { params: (1.7e3, 1.56e5), tokens: (1.4e5, 6.7e6) });

/// From the smallest run of the calibration to the largest of Step Law, into which the rule turns: the
/// range of the rate with Step Law's batches.
pub fn fitted_with_step_law_batches() -> Option<Fitted> {
    let (low, high) = (FITTED?, steplaw::FITTED);
    Some(Fitted { params: (low.params.0, high.params.1), tokens: (low.tokens.0, high.tokens.1) })
}

/// `eta = coefficient N^params D^tokens (B / batch)^.5`
struct Rate {
    coefficient: f64,
    params: f64,
    tokens: f64,
    batch: f64,
}

/// `B = coefficient D^tokens`
struct Batch {
    coefficient: f64,
    tokens: f64,
}

const RATE: Rate = Rate { coefficient: 40.6, params: -0.256, tokens: -0.47, batch: 128.0 };
const BATCH: Batch = Batch { coefficient: 0.048, tokens: 0.571 };

/// Length that the rate of a trunk is taken at: 20 tokens per parameter, near the optimum of every budget of
/// `results/quickstart`. Runs that share a trunk have one rate whatever their length.
pub fn trunk_tokens(shape: &Shape) -> f64 {
    20.0 * shape.params().total() as f64
}

/// Peak learning rate of a run of `tokens` tokens, `batch_tokens` per step.
pub fn learning_rate(shape: &Shape, tokens: f64, batch_tokens: f64) -> f64 {
    let n = shape.params().non_embedding() as f64;
    let small = RATE.coefficient
        * n.powf(RATE.params)
        * tokens.powf(RATE.tokens)
        * (batch_tokens / RATE.batch).sqrt();
    let largest = FITTED.map_or(n, |f| f.params.1);
    let share = ((n / largest).ln() / (steplaw::FITTED.params.0 / largest).ln()).clamp(0.0, 1.0);
    if share == 0.0 {
        return small;
    }
    let step_law = steplaw::learning_rate(shape, tokens)
        * (batch_tokens / steplaw::batch_tokens(tokens)).sqrt();
    small.powf(1.0 - share) * step_law.powf(share)
}

/// Tokens per step.
pub fn batch_tokens(tokens: f64) -> f64 {
    BATCH.coefficient * tokens.powf(BATCH.tokens)
}
