//! Causal multi-head attention from a fused `[R, M, 3 D]` query-key-value projection.
//!
//! With `qk_norm`, queries and keys pass an RMSNorm per head (Henry et al. 2020, with gains) and
//! then rotary positions (Su et al. 2021; halves of a head are the two coordinates, base 10,000).
//! Without it they are used as they are (learned positions).

mod host;
mod plain;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use burn::tensor::{Device, Tensor, TensorData};

use super::host::is_host;
use super::linear::Cast;
use crate::kernels::{self, Choices, Rotary};

/// Base of the rotary frequencies.
pub const ROPE_BASE: f64 = 10_000.0;

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
    } else if let Some(choices) = kernels::chosen_for_heads(&device, dims.head_dim) {
        let rotary = rotary(qk_norm, dims);
        let [out, log_sum, qk] = kernels::attention(&qkv, rotary.as_ref(), half, dims, choices);
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
    match log_sum {
        None => plain::backward(qkv, out, qk_norm, dims, dy),
        Some(log_sum) if is_host(&dy.device()) => {
            host::backward(qkv, out, log_sum, qk_norm, dims, dy)
        }
        Some(log_sum) => {
            let rotary = rotary(qk_norm, dims);
            let qk = qk.unwrap_or_else(|| qkv.clone());
            let choices = Choices::of(&dy.device());
            let read = [qkv, qk, out, log_sum, dy];
            let (qkv, gains) =
                kernels::attention_backward(read, rotary.as_ref(), half, dims, choices);
            Grads { qkv, qk_norm: gains.map(|[q, k]| QkNorm { q, k }) }
        }
    }
}

/// What the kernels take for the norm and the rotation.
fn rotary(qk_norm: Option<&QkNorm>, dims: Dims) -> Option<Rotary> {
    qk_norm.map(|norm| Rotary {
        gains: [norm.q.clone(), norm.k.clone()],
        tables: device_tables(dims, &norm.q.device()),
    })
}

/// The tables of [`rope_tables`] on a device, sent there once.
pub(crate) fn device_tables(dims: Dims, device: &Device) -> [Tensor<2>; 2] {
    type Tables = Mutex<Vec<(Device, [usize; 2], [Tensor<2>; 2])>>;
    static TABLES: Tables = Mutex::new(Vec::new());
    let shape = [dims.context, dims.head_dim / 2];
    let is_same = |d: &Device| d == device && d.is_autodiff() == device.is_autodiff();
    let mut tables = TABLES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((_, _, found)) = tables.iter().find(|t| is_same(&t.0) && t.1 == shape) {
        return found.clone();
    }
    let rope = rope_tables(dims);
    let send = |v: &[f32]| Tensor::from_data(TensorData::new(v.to_vec(), shape), device);
    let sent = [send(&rope.cos), send(&rope.sin)];
    tables.push((device.clone(), shape, sent.clone()));
    sent
}

#[cfg(test)]
pub(crate) use plain::forward as forward_plain;

/// Cosines and sines of the rotary angles, `[context, head_dim / 2]` each, row-major.
struct Rope {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

/// The tables of a context and head size, computed once.
fn rope_tables(dims: Dims) -> Arc<Rope> {
    type Tables = Mutex<BTreeMap<(usize, usize), Arc<Rope>>>;
    static TABLES: Tables = Mutex::new(BTreeMap::new());
    let mut tables = TABLES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let half = dims.head_dim / 2;
    let compute = || {
        let angles = (0..dims.context).flat_map(|t| {
            (0..half).map(move |i| t as f64 * ROPE_BASE.powf(-(i as f64) / half as f64))
        });
        let (cos, sin) = angles.map(|a| (a.cos() as f32, a.sin() as f32)).unzip();
        Arc::new(Rope { cos, sin })
    };
    tables.entry((dims.context, dims.head_dim)).or_insert_with(compute).clone()
}
