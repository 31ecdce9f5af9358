//! How a model's size N and a run's compute C are counted.

use serde::{Deserialize, Serialize};

use crate::Shape;

/// One way of counting. All of them are recorded beside every cell; the choice of one decides
/// what a *budget* is in `[grid]`, and which exponents stand first in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Convention {
    /// N: all parameters. C: exact matrix-product FLOPs, head and attention included, forward
    /// times 3 (Hoffmann et al. 2022, appendix F, without its embedding look-up).
    #[serde(rename = "exact")]
    Exact,
    /// N: all parameters; C = 6 N D.
    #[serde(rename = "6nd-total")]
    SixNd,
    /// N: parameters without embedding and head; C = 6 N D (Kaplan et al. 2020, section 2.1).
    #[serde(rename = "6nd-non-embedding")]
    SixNdNonEmbedding,
    /// N: parameters without the input embedding, with the head; C = 6 N D (Porian et al. 2024,
    /// section 3.1).
    #[serde(rename = "6nd-with-head")]
    SixNdNonEmbeddingWithHead,
}

impl Convention {
    /// Every convention, in the order of tables.
    pub const ALL: [Self; 4] =
        [Self::Exact, Self::SixNd, Self::SixNdNonEmbedding, Self::SixNdNonEmbeddingWithHead];

    /// Its name in configurations and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::SixNd => "6nd-total",
            Self::SixNdNonEmbedding => "6nd-non-embedding",
            Self::SixNdNonEmbeddingWithHead => "6nd-with-head",
        }
    }

    /// Size of a model, N, in parameters.
    pub fn params(self, shape: &Shape) -> f64 {
        let count = shape.params();
        let n = match self {
            Self::Exact | Self::SixNd => count.total(),
            Self::SixNdNonEmbedding => count.non_embedding(),
            Self::SixNdNonEmbeddingWithHead => count.non_embedding_with_head(),
        };
        n as f64
    }

    /// Training FLOPs per token, C / D.
    pub fn flops_per_token(self, shape: &Shape) -> f64 {
        match self {
            Self::Exact => shape.flops_per_token().train(),
            _ => 6.0 * self.params(shape),
        }
    }

    /// Training FLOPs, C, of a run over `tokens` tokens.
    pub fn flops(self, shape: &Shape, tokens: f64) -> f64 {
        self.flops_per_token(shape) * tokens
    }
}

impl std::fmt::Display for Convention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
