//! RMSNorm (Zhang & Sennrich 2019) and LayerNorm (Ba et al. 2016) over the last axis.
//!
//! `y = (x - mean) * rstd * gain + bias`; RMSNorm leaves out mean and bias.

mod grads;
mod host;
pub(crate) mod kernel;
pub(crate) mod plain;

use burn::tensor::Tensor;

use crate::host::is_host;
use crate::kernels;
pub use grads::{EPSILON, Grads};

/// What [`backward`] needs again: the input and the weights are not copied.
pub struct Saved {
    x: Tensor<3>,
}

/// Normalises `x` `[R, M, D]` with `gain` `[R, 1, D]`; a `bias` makes it LayerNorm.
pub fn forward(x: &Tensor<3>, gain: &Tensor<3>, bias: Option<&Tensor<3>>) -> (Tensor<3>, Saved) {
    let device = x.device();
    let y = if is_host(&device) {
        host::forward(x, gain, bias)
    } else if let Some(choices) = kernels::chosen(&device) {
        kernel::forward(x, gain, bias, choices)
    } else {
        plain::forward(x, gain, bias)
    };
    (y, Saved { x: x.clone() })
}

/// Gradients for `dy`; `residual` is added to the input's (the branch around the norm).
pub fn backward(
    saved: Saved,
    gain: &Tensor<3>,
    layer_norm: bool,
    dy: Tensor<3>,
    residual: Option<Tensor<3>>,
) -> Grads {
    let device = dy.device();
    if is_host(&device) {
        return host::backward(saved.x, gain, layer_norm, dy, residual);
    }
    if let Some(choices) = kernels::chosen(&device) {
        return kernel::backward(saved.x, gain, layer_norm, dy, residual, choices);
    }
    plain::backward(saved.x, gain, layer_norm, dy, residual)
}
