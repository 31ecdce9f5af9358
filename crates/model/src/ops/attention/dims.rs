//! Sizes and weights of an attention.

use burn::tensor::Tensor;

/// Sizes of an attention: `M = sequences * context`, `D = heads * head_dim`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dims {
    /// Replicas.
    pub replicas: usize,
    /// Sequences per replica.
    pub sequences: usize,
    /// Tokens per sequence.
    pub context: usize,
    /// Heads.
    pub heads: usize,
    /// Size of a head.
    pub head_dim: usize,
}

impl Dims {
    /// Width of the residual stream.
    pub fn width(&self) -> usize {
        self.heads * self.head_dim
    }
}

/// Gains of the query and the key norm, `[R, 1, head_dim]` each.
#[derive(Clone)]
pub struct QkNorm {
    /// Query gain.
    pub q: Tensor<3>,
    /// Key gain.
    pub k: Tensor<3>,
}
