//! `[train]`: hyper-parameters, or the rules they come from, and how runs are driven.

use crate::{Optimizer, Precision, Schedule};

/// Resolved `[train]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainConfig {
    /// Peak learning rate.
    pub learning_rate: Setting<RateRule>,
    /// Tokens per step.
    pub batch_tokens: Setting<RateRule>,
    /// Second-moment decay.
    pub beta2: Setting<Beta2Rule>,
    /// Warm-up, in steps.
    pub warmup_steps: Setting<WarmupRule>,
    /// First-moment decay.
    pub beta1: f64,
    /// Adam's denominator offset.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: Setting<DecayRule>,
    /// Schedule after the warm-up.
    pub schedule: Schedule,
    /// Update rule.
    pub optimizer: Optimizer,
    /// Matrix-product precision.
    pub precision: Precision,
    /// Global gradient-norm limit.
    pub clip_norm: Option<f64>,
    /// Weight of the z-loss.
    pub z_loss: f64,
    /// Most replicas in a stack; `None` lets the planner choose.
    pub stack: Option<usize>,
    /// Sequences per forward and backward pass; smaller than the batch where memory is short.
    /// `None` lets the trainer choose.
    pub micro_batch_sequences: Option<usize>,
    /// Sequences per evaluation pass, the same for every cell.
    pub eval_sequences: usize,
    /// Points of the training-loss curve that are kept per cell.
    pub curve_points: usize,
    /// Held-out evaluations per cell, spread evenly, the last at the end; at least 1.
    pub valid_points: usize,
    /// Seconds between checkpoints.
    pub checkpoint_seconds: f64,
}

/// A hyper-parameter: a number from the user, or a rule that gives it per cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Setting<R> {
    /// The same value for every cell.
    Value(f64),
    /// A rule of the cell's size, length and batch.
    Rule(R),
}

/// Rules for the learning rate and the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateRule {
    /// This project's own calibration at small sizes.
    Measured,
    /// StepLaw (Li et al. 2025).
    StepLaw,
    /// DeepSeek LLM (Bi et al. 2024).
    DeepSeek,
}

/// Rules for the second-moment decay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beta2Rule {
    /// A half-life in tokens, held between .95 and .99.
    HalfLife,
}

/// Rules for the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarmupRule {
    /// As many tokens as parameters, at most 5% of the steps.
    ParamsTokens,
}

/// Rules for the weight decay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecayRule {
    /// The customary .1 at every size.
    Customary,
}
