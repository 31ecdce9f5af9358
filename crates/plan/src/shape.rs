//! One model architecture, and the exact counts that follow from it.

use serde::{Deserialize, Serialize};

/// The architecture family of a [`Shape`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// RMSNorm, rotary positions, SwiGLU, QK-norm, untied head, no biases.
    Llama,
    /// LayerNorm, learned positions, GELU, biases, untied head.
    Gpt2,
}

/// One model architecture: everything that fixes the size of every weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shape {
    /// Architecture family.
    pub family: Family,
    /// Number of transformer blocks.
    pub depth: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Attention heads; divides `width`, and the head size is even.
    pub heads: usize,
    /// Hidden width of the MLP.
    pub hidden: usize,
    /// Vocabulary size, in tokens.
    pub vocab: usize,
    /// Context length, in tokens.
    pub context: usize,
}

/// Parameters by group. The sum equals the number of weights of the built model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ParamCount {
    /// Token embedding and, where the family has them, learned positions.
    pub embedding: u64,
    /// Query, key, value and output projections.
    pub attention: u64,
    /// MLP projections.
    pub mlp: u64,
    /// Normalisation gains (and biases).
    pub norms: u64,
    /// Output head.
    pub head: u64,
}

impl ParamCount {
    /// All parameters.
    pub fn total(&self) -> u64 {
        self.embedding + self.attention + self.mlp + self.norms + self.head
    }

    /// Parameters without the embedding and the head (Kaplan et al. 2020, section 2.1).
    pub fn non_embedding(&self) -> u64 {
        self.attention + self.mlp + self.norms
    }

    /// Parameters that take part in matrix products: all but the embedding look-up and the norms
    /// (the count for which Porian et al. 2024 find `6ND` close to the exact count).
    pub fn non_embedding_with_head(&self) -> u64 {
        self.attention + self.mlp + self.norms + self.head
    }
}

/// Matrix-product FLOPs of one forward pass over one token, by group.
/// A multiply and an add count as two.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FlopCount {
    /// Query, key, value and output projections.
    pub projections: f64,
    /// Scores and weighted values, over the full context (Hoffmann et al. 2022, appendix F: the
    /// causal half that a kernel may skip is counted).
    pub scores: f64,
    /// MLP projections.
    pub mlp: f64,
    /// Output head.
    pub head: f64,
}

impl FlopCount {
    /// FLOPs per token of a forward pass.
    pub fn forward(&self) -> f64 {
        self.projections + self.scores + self.mlp + self.head
    }

    /// FLOPs per token of a training step: forward, and twice as much for the backward pass.
    pub fn train(&self) -> f64 {
        3.0 * self.forward()
    }
}

impl Shape {
    /// Size of one attention head.
    pub fn head_dim(&self) -> usize {
        self.width / self.heads
    }

    /// Exact parameter count by group.
    pub fn params(&self) -> ParamCount {
        let [l, d, h, v, t] =
            [self.depth, self.width, self.hidden, self.vocab, self.context].map(|x| x as u64);
        let head_dim = self.head_dim() as u64;
        match self.family {
            Family::Llama => ParamCount {
                embedding: v * d,
                attention: l * 4 * d * d,
                mlp: l * 3 * d * h,
                norms: l * (2 * d + 2 * head_dim) + d,
                head: v * d,
            },
            Family::Gpt2 => ParamCount {
                embedding: v * d + t * d,
                attention: l * (4 * d * d + 4 * d),
                mlp: l * (2 * d * h + h + d),
                norms: l * 4 * d + 2 * d,
                head: v * d,
            },
        }
    }

    /// Exact matrix-product FLOPs per token by group.
    pub fn flops_per_token(&self) -> FlopCount {
        let [l, d, h, v, t] =
            [self.depth, self.width, self.hidden, self.vocab, self.context].map(|x| x as f64);
        let mlp_matrices = match self.family {
            Family::Llama => 3.0,
            Family::Gpt2 => 2.0,
        };
        FlopCount {
            projections: l * 2.0 * 4.0 * d * d,
            scores: l * 2.0 * 2.0 * t * d,
            mlp: l * 2.0 * mlp_matrices * d * h,
            head: 2.0 * v * d,
        }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "L{} d{} h{}", self.depth, self.width, self.heads)
    }
}
