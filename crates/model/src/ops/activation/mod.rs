//! The MLP's element-wise part: SwiGLU (Shazeer 2020) and GELU (Hendrycks & Gimpel 2016, the
//! tanh form, as in GPT-2).

mod host;
pub(crate) mod kernel;
mod kind;
pub(crate) mod plain;

use burn::tensor::Tensor;

use crate::host::is_host;
use crate::kernels;
use crate::kernels::tensors::{primitive, tensor};
pub use kind::Activation;

/// `[R, M, 2 H] -> [R, M, H]` for SwiGLU, `[R, M, H] -> [R, M, H]` for GELU.
pub fn forward(x: &Tensor<3>, kind: Activation) -> Tensor<3> {
    let device = x.device();
    if is_host(&device) {
        return host::forward(x, kind);
    }
    match kernels::chosen(&device) {
        Some(_) => tensor(kernel::forward(primitive(x.clone()), kind)),
        None => plain::forward(x, kind),
    }
}

/// Gradient of [`forward`] for `dy`.
pub fn backward(x: Tensor<3>, kind: Activation, dy: Tensor<3>) -> Tensor<3> {
    let device = dy.device();
    if is_host(&device) {
        return host::backward(x, kind, dy);
    }
    if kernels::chosen(&device).is_some() {
        return tensor(kernel::backward(primitive(x), primitive(dy), kind));
    }
    plain::backward(x, kind, dy)
}
