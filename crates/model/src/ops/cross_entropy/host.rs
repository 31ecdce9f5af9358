//! Cross-entropy on slices.

use burn::tensor::Tensor;
use multiversion::multiversion;
use rayon::prelude::*;

use crate::batch::Tokens;
use crate::host::{self, Host, simd};

/// Rows of one task.
const ROW_BLOCK: usize = 64;

/// Losses of rows; with `gradient` (`z`, `scale`) the logits become the gradient.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn rows(
    logits: &mut [f32],
    v: usize,
    targets: &[i32],
    losses: &mut [f32],
    gradient: Option<(f32, f32)>,
) {
    for ((row, &target), loss) in logits.chunks_exact_mut(v).zip(targets).zip(losses) {
        let target = target as usize;
        let (max, hit) = (simd::max(row), row[target]);
        let Some((z, scale)) = gradient else {
            *loss = simd::sum1(row, |x| simd::exp(x - max)).ln() + max - hit;
            continue;
        };
        for x in row.iter_mut() {
            *x = simd::exp(*x - max);
        }
        let sum = simd::sum1(row, |x| x);
        let log_sum = sum.ln() + max;
        *loss = log_sum - hit;
        let factor = scale * (1.0 + 2.0 * z * log_sum) / sum;
        for x in row.iter_mut() {
            *x *= factor;
        }
        row[target] -= scale;
    }
}

/// Mean losses `[R]`; with `gradient` (`z`, `scale`) that of the logits too.
pub(super) fn run(
    logits: Tensor<3>,
    targets: &Tokens,
    gradient: Option<(f32, f32)>,
) -> (Tensor<1>, Option<Tensor<3>>) {
    let [r, m, v] = logits.dims();
    let mut logits = Host::new(logits);
    let mut losses = vec![0.0f32; r * m];
    let gradient = gradient.map(|(z, scale)| (z, scale / m as f32));
    let ids = targets.ids();
    logits
        .slice_mut()
        .par_chunks_mut(ROW_BLOCK * v)
        .zip(ids.par_chunks(ROW_BLOCK))
        .zip(losses.par_chunks_mut(ROW_BLOCK))
        .for_each(|((logits, ids), losses)| rows(logits, v, ids, losses, gradient));
    let means = losses
        .chunks_exact(m)
        .map(|l| (l.iter().map(|&x| f64::from(x)).sum::<f64>() / m as f64) as f32)
        .collect();
    (host::tensor(means, [r]), gradient.map(|_| logits.into_tensor()))
}
