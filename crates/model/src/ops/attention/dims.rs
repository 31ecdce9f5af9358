//! Sizes and weights of an attention.

use burn::tensor::Tensor;

/// Sizes of an attention: `M = sequences * context`, `D = heads * head_dim`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dims {
    pub replicas: usize,
    pub sequences: usize,
    pub context: usize,
    pub heads: usize,
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
    pub q: Tensor<3>,
    pub k: Tensor<3>,
}
