//! Gradient norms on slices.

use burn::tensor::Tensor;
use multiversion::multiversion;
use rayon::prelude::*;

use crate::host::{self, Host, simd};

/// Elements whose squares are added in `f32` before the sum goes on in `f64`.
const BLOCK: usize = 4096;

/// Euclidean norm over all weights of each of `r` replicas, `[R]`.
pub(super) fn grad_norms(grads: &[Tensor<3>], r: usize) -> Tensor<1> {
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
    simd::sum1(x, |x| x * x)
}
