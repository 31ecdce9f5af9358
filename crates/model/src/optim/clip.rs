//! Global gradient norms and the factors that bring them under a limit.

use burn::tensor::{Tensor, TensorData};
use multiversion::multiversion;
use rayon::prelude::*;

use super::ReplicaStep;
use crate::ops::host::{self, Host};
use crate::ops::lanes;

/// Elements whose squares are added in `f32` before the sum goes on in `f64`.
const BLOCK: usize = 4096;

/// Euclidean norm over all weights of each replica, `[R]`.
pub fn grad_norms(grads: &[Tensor<3>]) -> Tensor<1> {
    let r = grads[0].dims()[0];
    let device = grads[0].device();
    if !host::is_host(&device) {
        let squares = grads.iter().map(|g| (g.clone() * g.clone()).sum_dim(2).sum_dim(1));
        let sum = squares.reduce(|a, b| a + b).expect("a model has weights");
        return sum.sqrt().reshape([r]);
    }
    let grads: Vec<Host> = grads.iter().map(|g| Host::new(g.clone())).collect();
    // One pass over all weights of all replicas; blocks are cut by sizes alone.
    let parts: Vec<&[f32]> = (0..r)
        .flat_map(|replica| {
            grads.iter().map(move |g| {
                let n = g.slice().len() / r;
                &g.slice()[replica * n..(replica + 1) * n]
            })
        })
        .collect();
    let squares: Vec<f64> = parts
        .par_iter()
        .map(|part| {
            let blocks: Vec<f64> =
                part.par_chunks(BLOCK).map(|c| f64::from(sum_of_squares(c))).collect();
            blocks.into_iter().sum()
        })
        .collect();
    let norms = squares.chunks_exact(grads.len());
    let norms = norms.map(|squares| squares.iter().sum::<f64>().sqrt() as f32).collect();
    host::tensor(norms, [r])
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn sum_of_squares(x: &[f32]) -> f32 {
    lanes::sum1(x, |x| x * x)
}

/// Factor for each replica's gradients, `[R, 1, 1]`: `min(1, limit / norm)`. No host round trip.
pub(super) fn scales(norms: &Tensor<1>, replicas: &[ReplicaStep]) -> Tensor<3> {
    let r = replicas.len();
    let limits: Vec<f32> =
        replicas.iter().map(|s| s.clip_norm.map_or(f32::MAX, |c| c as f32)).collect();
    let limits = Tensor::<1>::from_data(TensorData::new(limits, [r]), &norms.device());
    (limits / (norms.clone() + 1e-6)).clamp_max(1.0).reshape([r, 1, 1])
}
