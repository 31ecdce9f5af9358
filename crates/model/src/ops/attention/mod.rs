//! Causal multi-head attention from a fused `[R, M, 3 D]` query-key-value projection.
//!
//! With `qk_norm`, queries and keys pass an RMSNorm per head (Henry et al. 2020, with gains) and
//! then rotary positions (Su et al. 2021; halves of a head are the two coordinates, base 10,000).
//! Without it they are used as they are (learned positions).

mod dims;
mod host;
pub(crate) mod kernel;
pub(crate) mod plain;
mod rope;

use burn::tensor::{Device, Tensor};
use isoflop_plan::Precision;

use super::linear::{Cast, half};
use crate::host::is_host;
use crate::kernels::{Choices, Scores, chosen, cube_device};
pub use dims::{Dims, QkNorm};
pub use rope::ROPE_BASE;
pub(crate) use rope::device_tables;

/// What [`backward`] needs again.
pub struct Saved {
    qkv: Tensor<3>,
    out: Tensor<3>,
    /// Log of the softmax denominator per query, `[R, sequences * heads, context]`, where no score
    /// matrix is made.
    log_sum: Option<Tensor<3>>,
    /// Queries and keys as kernels have used them.
    qk: Option<Tensor<3>>,
}

/// Gradients of [`forward`].
pub struct Grads {
    /// `[R, M, 3 D]`.
    pub qkv: Tensor<3>,
    /// Gradients of the gains, where there are gains.
    pub qk_norm: Option<QkNorm>,
}

/// `[R, M, 3 D] -> [R, M, D]`. With `half`, kernels may take the operands of products in that precision.
pub fn forward(
    qkv: Tensor<3>,
    qk_norm: Option<&QkNorm>,
    dims: Dims,
    half: Cast,
) -> (Tensor<3>, Saved) {
    let device = qkv.device();
    let (out, log_sum, qk) = if is_host(&device) {
        let (out, log_sum) = host::forward(&qkv, qk_norm, dims);
        (out, Some(log_sum), None)
    } else if let Some(choices) = chosen_for_heads(&device, dims.head_dim) {
        let [out, log_sum, qk] = kernel::forward(&qkv, qk_norm, half, dims, choices);
        (out, Some(log_sum), Some(qk))
    } else {
        (plain::forward(&qkv, qk_norm, dims), None, None)
    };
    (out.clone(), Saved { qkv, out, log_sum, qk })
}

/// Gradients for `dy` `[R, M, D]`.
pub fn backward(
    saved: Saved,
    qk_norm: Option<&QkNorm>,
    dims: Dims,
    dy: Tensor<3>,
    half: Cast,
) -> Grads {
    let Saved { qkv, out, log_sum, qk } = saved;
    let (qkv, qk_norm) = match log_sum {
        None => plain::backward(qkv, out, qk_norm, dims, dy),
        Some(log_sum) if is_host(&dy.device()) => {
            host::backward(qkv, out, log_sum, qk_norm, dims, dy)
        }
        Some(log_sum) => {
            let qk = qk.unwrap_or_else(|| qkv.clone());
            let choices = Choices::of(&dy.device());
            kernel::backward([qkv, qk, out, log_sum, dy], qk_norm, half, dims, choices)
        }
    };
    Grads { qkv, qk_norm }
}

/// Whether attention in this precision goes to matrix units of the device, for heads of `head_dim` channels.
pub fn takes_matrix_units(device: &Device, precision: Precision, head_dim: usize) -> bool {
    cube_device(device).zip(chosen(device)).is_some_and(|(cube, choices)| {
        kernel::is_by_matrix(half(precision), head_dim, &cube.client(), choices)
    })
}

/// Whether attention in this precision can have its scores there, for heads of `head_dim` channels: what cannot goes through shared memory.
pub fn holds(device: &Device, precision: Precision, head_dim: usize, scores: Scores) -> bool {
    cube_device(device).zip(chosen(device)).is_some_and(|(cube, choices)| {
        kernel::has_tiles(half(precision), head_dim, scores, &cube.client(), choices)
    })
}

/// The device's choices where attention is kernels: its shared memory must hold tiles of these heads.
fn chosen_for_heads(device: &Device, head_dim: usize) -> Option<Choices> {
    let limit = cube_device(device)?.client().properties().hardware.max_shared_memory_size;
    chosen(device).filter(|_| kernel::fits(head_dim, limit))
}
