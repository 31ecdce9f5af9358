//! The part of a record that follows from the configuration alone.

use isoflop_plan::{Cell, ParamCount, Shape};
use serde::{Deserialize, Serialize};

use crate::float;

/// What a cell came to: everything that two runs of one configuration must agree on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunResult {
    /// Name of the study, as configured.
    pub study: String,
    /// SHA-256 of the tokenised data, in hex.
    pub data_sha256: String,
    /// The cell: id, budget, shape, steps, hyper-parameters, seed.
    pub cell: Cell,
    /// Training tokens the cell was planned for (`cell.tokens()`).
    pub tokens: u64,
    /// Parameters by group.
    pub params: ParamCount,
    /// Training FLOPs under every convention, for all planned tokens.
    pub flops: RunFlops,
    /// How the cell ended.
    pub status: Status,
    /// Held-out losses at the end; `None` where the cell did not finish.
    pub valid: Option<Valid>,
    /// Training loss along the way.
    pub curve: Vec<CurvePoint>,
    /// Held-out loss along the way, the end included where it was reached.
    pub valid_curve: Vec<ValidPoint>,
}

/// How a cell ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Status {
    /// All steps done.
    Finished,
    /// The loss or a gradient left the finite numbers, or the loss ran away.
    Diverged {
        /// Step at which it was noticed, counted from 0.
        step: u64,
        /// What was noticed.
        reason: String,
    },
    /// An error outside the mathematics (out of memory, lost device). Tried again by the next run.
    Failed {
        /// The error with its causes.
        error: String,
    },
}

/// Training FLOPs of a whole run, counted in several ways (multiply and add are two).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFlops {
    /// Exact matrix-product count, head and attention included, forward x 3: the sum of the four groups.
    pub exact: f64,
    /// Of these: query, key, value and output projections.
    pub projections: f64,
    /// Of these: attention scores and weighted values, over the full context.
    pub scores: f64,
    /// Of these: MLP projections.
    pub mlp: f64,
    /// Of these: output head.
    pub head: f64,
    /// `6 N D` with all parameters.
    pub six_nd_total: f64,
    /// `6 N D` without embedding and head (Kaplan et al. 2020, section 2.1).
    pub six_nd_non_embedding: f64,
    /// `6 N D` without the embedding, with the head.
    pub six_nd_non_embedding_with_head: f64,
}

/// Loss on the fixed held-out set, the same for every cell of a study.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Valid {
    /// Mean loss, nats per token.
    #[serde(with = "float")]
    pub loss_nats: f64,
    /// The same loss in bits per byte of text; `None` where tokens stand for no bytes.
    #[serde(with = "float::option")]
    pub bits_per_byte: Option<f64>,
    /// Tokens it was measured on.
    pub tokens: u64,
    /// Exact mean loss, nats per token, of the true distribution on the same tokens (synthetic languages only).
    #[serde(with = "float::option")]
    pub true_loss_nats: Option<f64>,
}

/// Training loss since the last point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// Steps done.
    pub step: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Mean training loss since the last point, nats per token.
    #[serde(with = "float")]
    pub loss_nats: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Global gradient norm of the last step, before clipping, where it was measured.
    #[serde(with = "float::option")]
    pub grad_norm: Option<f64>,
}

/// Held-out loss after some steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidPoint {
    /// Steps done.
    pub step: u64,
    /// Mean held-out loss, nats per token.
    #[serde(with = "float")]
    pub loss_nats: f64,
}

impl RunResult {
    /// A result without losses: counts are taken from the cell, the rest is for the caller to fill.
    pub fn new(study: &str, data_sha256: &str, cell: Cell, status: Status) -> Self {
        Self {
            study: study.to_owned(),
            data_sha256: data_sha256.to_owned(),
            tokens: cell.tokens(),
            params: cell.shape.params(),
            flops: RunFlops::of(&cell.shape, cell.tokens()),
            cell,
            status,
            valid: None,
            curve: Vec::new(),
            valid_curve: Vec::new(),
        }
    }
}

impl Status {
    /// Whether training this cell again would tell nothing new: true unless it failed.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Failed { .. })
    }

    /// `"finished"`, `"diverged"` or `"failed"`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Diverged { .. } => "diverged",
            Self::Failed { .. } => "failed",
        }
    }

    /// Why it did not finish.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Finished => None,
            Self::Diverged { step, reason } => Some(format!("step {step}: {reason}")),
            Self::Failed { error } => Some(error.clone()),
        }
    }
}

impl RunFlops {
    /// Counts for `tokens` training tokens through a model of this shape.
    pub fn of(shape: &Shape, tokens: u64) -> Self {
        let tokens = tokens as f64;
        let per_token = shape.flops_per_token();
        let params = shape.params();
        Self {
            exact: per_token.train() * tokens,
            projections: 3.0 * per_token.projections * tokens,
            scores: 3.0 * per_token.scores * tokens,
            mlp: 3.0 * per_token.mlp * tokens,
            head: 3.0 * per_token.head * tokens,
            six_nd_total: 6.0 * params.total() as f64 * tokens,
            six_nd_non_embedding: 6.0 * params.non_embedding() as f64 * tokens,
            six_nd_non_embedding_with_head: 6.0 * params.non_embedding_with_head() as f64 * tokens,
        }
    }
}
