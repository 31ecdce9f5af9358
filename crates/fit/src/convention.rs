//! How N and C are counted. Chosen when fitting, never when training.

use serde::{Deserialize, Serialize};

use crate::observation::Observation;

/// What is known of a run under each way of counting.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub params_total: Option<f64>,
    /// Parameters without embedding and head.
    pub params_non_embedding: Option<f64>,
    /// Parameters without the input embedding, with the head.
    pub params_with_head: Option<f64>,
    /// Exact matrix-product FLOPs of the training, head and attention included.
    pub flops_exact: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Convention {
    /// N and C as the table gives them.
    AsGiven,
    /// All parameters; exact matrix-product FLOPs.
    Exact,
    /// All parameters; C = 6 N D.
    TotalSixNd,
    /// Parameters without embedding and head; C = 6 N D (Kaplan et al. 2020).
    NonEmbeddingSixNd,
    /// Parameters without the input embedding; C = 6 N D (Porian et al. 2024).
    WithHeadSixNd,
}

impl Convention {
    pub const ALL: [Convention; 5] = [
        Convention::AsGiven,
        Convention::Exact,
        Convention::TotalSixNd,
        Convention::NonEmbeddingSixNd,
        Convention::WithHeadSixNd,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Convention::AsGiven => "as-given",
            Convention::Exact => "exact",
            Convention::TotalSixNd => "6nd-total",
            Convention::NonEmbeddingSixNd => "6nd-non-embedding",
            Convention::WithHeadSixNd => "6nd-with-head",
        }
    }

    pub fn describe(self) -> &'static str {
        match self {
            Convention::AsGiven => "N and C as given",
            Convention::Exact => "N with embeddings; exact matmul FLOPs",
            Convention::TotalSixNd => "N with embeddings; C = 6ND",
            Convention::NonEmbeddingSixNd => "N without embeddings and head; C = 6ND (Kaplan)",
            Convention::WithHeadSixNd => "N without embeddings, with head; C = 6ND (Porian)",
        }
    }

    /// (N, C) of a run, or the column it lacks.
    pub(crate) fn count(self, row: &Observation) -> Result<(f64, f64), &'static str> {
        let counts = &row.counts;
        let usable =
            |value: Option<f64>, column| value.filter(|v| v.is_finite() && *v > 0.0).ok_or(column);
        let six = |n: f64| (n, 6.0 * n * row.tokens);
        match self {
            Convention::AsGiven => Ok((row.params, row.flops)),
            Convention::Exact => Ok((
                usable(counts.params_total, "total parameter count")?,
                usable(counts.flops_exact, "exact FLOP count")?,
            )),
            Convention::TotalSixNd => usable(counts.params_total, "total parameter count").map(six),
            Convention::NonEmbeddingSixNd => {
                usable(counts.params_non_embedding, "non-embedding parameter count").map(six)
            }
            Convention::WithHeadSixNd => {
                usable(counts.params_with_head, "parameter count with head").map(six)
            }
        }
    }
}

impl std::fmt::Display for Convention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
