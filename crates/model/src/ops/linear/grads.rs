//! Gradients of a projection.

use burn::tensor::Tensor;

/// Gradients of [`forward`](super::forward).
pub struct Grads {
    /// `[R, M, K]`.
    pub x: Tensor<3>,
    /// `[R, K, N]`.
    pub w: Tensor<3>,
    /// `[R, 1, N]`, where there is a bias.
    pub bias: Option<Tensor<3>>,
}
