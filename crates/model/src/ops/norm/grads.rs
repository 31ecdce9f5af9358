//! What all forms of the norms share.

use burn::tensor::Tensor;

/// Added to the mean square (or variance) before the root.
pub const EPSILON: f32 = 1e-5;

/// Gradients of [`forward`](super::forward).
pub struct Grads {
    /// `[R, M, D]`, the residual gradient added.
    pub x: Tensor<3>,
    /// `[R, 1, D]`.
    pub gain: Tensor<3>,
    /// `[R, 1, D]`, for LayerNorm.
    pub bias: Option<Tensor<3>>,
}
