//! Causal multi-head attention from a fused `[R, M, 3 D]` query-key-value projection.
//!
//! With `qk_norm`, queries and keys pass an RMSNorm per head (Henry et al. 2020, with gains) and
//! then rotary positions (Su et al. 2021; halves of a head are the two coordinates, base 10,000).
//! Without it they are used as they are (learned positions).

mod host;
mod plain;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use burn::tensor::Tensor;

use super::host::is_host;

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
    /// Log of the softmax denominator per query, on the CPU: `[R, sequences * heads, context]`.
    log_sum: Option<Tensor<3>>,
}

/// Gradients of [`forward`].
pub struct Grads {
    /// `[R, M, 3 D]`.
    pub qkv: Tensor<3>,
    /// Gradients of the gains, where there are gains.
    pub qk_norm: Option<QkNorm>,
}

/// `[R, M, 3 D] -> [R, M, D]`.
pub fn forward(qkv: Tensor<3>, qk_norm: Option<&QkNorm>, dims: Dims) -> (Tensor<3>, Saved) {
    let (out, log_sum) = if is_host(&qkv.device()) {
        let (out, log_sum) = host::forward(&qkv, qk_norm, dims);
        (out, Some(log_sum))
    } else {
        (plain::forward(&qkv, qk_norm, dims), None)
    };
    (out.clone(), Saved { qkv, out, log_sum })
}

/// Gradients for `dy` `[R, M, D]`.
pub fn backward(saved: Saved, qk_norm: Option<&QkNorm>, dims: Dims, dy: Tensor<3>) -> Grads {
    match saved.log_sum {
        Some(log_sum) => host::backward(saved.qkv, saved.out, log_sum, qk_norm, dims, dy),
        None => plain::backward(saved.qkv, saved.out, qk_norm, dims, dy),
    }
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
