//! Global gradient norms and the factors that bring them under a limit.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::ReplicaStep;
use crate::ops::host::{self, Host};
use crate::ops::lanes;

/// Elements whose squares are added in `f32` before the sum goes on in `f64`.
const BLOCK: usize = 4096;

/// Euclidean norm over all weights of each replica, `[R]`.
pub fn grad_norms(grads: &[Tensor<3>]) -> Tensor<1> {
    let r = grads[0].dims()[0];
    if !host::is_host(&grads[0].device()) {
        let squares = grads.iter().map(|g| (g.clone() * g.clone()).sum_dim(2).sum_dim(1));
        let sum = squares.reduce(|a, b| a + b).expect("a model has weights");
        return sum.sqrt().reshape([r]);
    }
    let grads: Vec<Host> = grads.iter().map(|g| Host::new(g.clone())).collect();
    let norms = (0..r)
        .map(|replica| {
            let squares = grads.iter().map(|g| {
                let n = g.slice().len() / r;
                let g = &g.slice()[replica * n..(replica + 1) * n];
                let blocks: Vec<f64> =
                    g.par_chunks(BLOCK).map(|c| f64::from(lanes::sum1(c, |x| x * x))).collect();
                blocks.into_iter().sum::<f64>()
            });
            squares.sum::<f64>().sqrt() as f32
        })
        .collect();
    host::tensor(norms, [r])
}

/// Factor for each replica's gradients, `[R, 1, 1]`: `min(1, limit / norm)`. No host round trip.
pub(super) fn scales(norms: &Tensor<1>, replicas: &[ReplicaStep]) -> Tensor<3> {
    let r = replicas.len();
    let limits: Vec<f32> =
        replicas.iter().map(|s| s.clip_norm.map_or(f32::MAX, |c| c as f32)).collect();
    let limits = Tensor::<1>::from_data(TensorData::new(limits, [r]), &norms.device());
    (limits / (norms.clone() + 1e-6)).clamp_max(1.0).reshape([r, 1, 1])
}
