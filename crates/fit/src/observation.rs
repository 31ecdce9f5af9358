//! One run as a fit reads it.

use serde::{Deserialize, Serialize};

use crate::counting::Counts;
use crate::left_out::LeftOutReason;

/// One trained run (or one checkpoint of it).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    pub run: String,
    pub params: f64,
    pub tokens: f64,
    pub flops: f64,
    pub loss_nats: f64,
    /// The budget (slice) that the run belongs to, in FLOPs; `None` to group by `flops`.
    pub budget_flops: Option<f64>,
    /// Seed; runs that differ in nothing else are repeats: they measure the seed noise, and are resampled together.
    pub seed: Option<String>,
    /// Runs of one cluster are not independent (checkpoints of one training): resampled together.
    pub cluster: Option<String>,
    /// Tokens seen at least once, U_D, where data were repeated.
    pub unique_tokens: Option<f64>,
    /// The architecture, by name; `None` to take runs of equal N as of one shape.
    pub shape: Option<String>,
    pub width: Option<f64>,
    pub depth: Option<f64>,
    pub learning_rate: Option<f64>,
    pub batch_tokens: Option<f64>,
    /// The machine that trained it. Runs of one cell and seed on several machines are repeats: they share one vote, say nothing of the
    /// noise between seeds, and tell what the machines do to the loss.
    pub hardware: Option<String>,
    /// N and C under every way of counting that is known.
    pub counts: Counts,
}

impl Observation {
    /// A run with nothing optional: N, D, C in FLOPs, loss in nats.
    pub fn new(run: impl Into<String>, params: f64, tokens: f64, flops: f64, loss: f64) -> Self {
        Observation {
            run: run.into(),
            params,
            tokens,
            flops,
            loss_nats: loss,
            budget_flops: None,
            seed: None,
            cluster: None,
            unique_tokens: None,
            shape: None,
            width: None,
            depth: None,
            learning_rate: None,
            batch_tokens: None,
            hardware: None,
            counts: Counts::default(),
        }
    }
}

/// What runs that differ in nothing but their seed or machine have in common; `None` where neither is told.
pub(crate) fn cell_of(row: &Observation) -> Option<Cell> {
    (row.seed.is_some() || row.hardware.is_some()).then(|| cell(row))
}

/// N, D, C and what else tells cells apart, to the last bit.
pub(crate) type Cell = [u64; 8];

fn cell(row: &Observation) -> Cell {
    let bits = |v: Option<f64>| v.map_or(0, f64::to_bits);
    [
        row.params.to_bits(),
        row.tokens.to_bits(),
        row.flops.to_bits(),
        bits(row.width),
        bits(row.depth),
        bits(row.learning_rate),
        bits(row.batch_tokens),
        bits(row.unique_tokens),
    ]
}

/// What runs have in common that were to be the same training, on whichever machine: cell, shape and seed.
pub(crate) fn trained_of(row: &Observation) -> (Cell, Option<&str>, Option<&str>) {
    (cell(row), row.shape.as_deref(), row.seed.as_deref())
}

/// The unit that is resampled together with a row, by name.
pub(crate) fn cluster_of(row: &Observation) -> &str {
    row.cluster.as_deref().unwrap_or(&row.run)
}

/// N, D, C and the loss to the last bit.
pub(crate) fn bits(row: &Observation) -> [u64; 4] {
    [row.params, row.tokens, row.flops, row.loss_nats].map(f64::to_bits)
}

/// Why a row cannot be used.
pub(crate) fn check(row: &Observation) -> Option<LeftOutReason> {
    let columns = [
        ("N (params)", Some(row.params)),
        ("D (tokens)", Some(row.tokens)),
        ("C (flops)", Some(row.flops)),
        ("loss", Some(row.loss_nats)),
        ("budget", row.budget_flops),
        ("unique tokens", row.unique_tokens),
        ("width", row.width),
        ("depth", row.depth),
        ("learning rate", row.learning_rate),
        ("batch", row.batch_tokens),
    ];
    for (column, value) in columns {
        let Some(value) = value else { continue };
        let column = column.to_string();
        if !value.is_finite() {
            return Some(LeftOutReason::NotFinite { column });
        }
        if value <= 0.0 {
            return Some(LeftOutReason::NotPositive { column, value });
        }
    }
    None
}
