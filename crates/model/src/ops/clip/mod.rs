//! Global gradient norms and the factors that bring them under a limit.

mod host;
pub(crate) mod kernel;

use burn::tensor::{Tensor, TensorData};

use super::adamw::ReplicaStep;
use crate::host::is_host;

/// Euclidean norm over all weights of each replica, `[R]`.
pub fn grad_norms(grads: &[Tensor<3>]) -> Tensor<1> {
    let r = grads[0].dims()[0];
    let device = grads[0].device();
    if !is_host(&device) {
        let squares = grads.iter().map(|g| (g.clone() * g.clone()).sum_dim(2).sum_dim(1));
        let sum = squares.reduce(|a, b| a + b).expect("a model has weights");
        return sum.sqrt().reshape([r]);
    }
    host::grad_norms(grads, r)
}

/// Factor for each replica's gradients, `[R, 1, 1]`: `min(1, limit / norm)`. No host round trip.
pub(crate) fn scales(norms: &Tensor<1>, replicas: &[ReplicaStep]) -> Tensor<3> {
    let r = replicas.len();
    let limits: Vec<f32> =
        replicas.iter().map(|s| s.clip_norm.map_or(f32::MAX, |c| c as f32)).collect();
    let limits = Tensor::<1>::from_data(TensorData::new(limits, [r]), &norms.device());
    (limits / (norms.clone() + 1e-6)).clamp_max(1.0).reshape([r, 1, 1])
}
