//! Next-token cross-entropy in nats, with z-loss, straight from the logits.

use burn::tensor::{DType, Int, Tensor};
use multiversion::multiversion;
use rayon::prelude::*;

use super::host::{self, Host};
use super::lanes;
use crate::batch::Tokens;
use crate::kernels;

/// Rows of one task.
const ROW_BLOCK: usize = 64;

/// Mean loss per replica `[R]` of logits `[R, M, V]`, in nats; z-loss not included.
pub fn loss(logits: Tensor<3>, targets: &Tokens) -> Tensor<1> {
    let device = logits.device();
    if host::is_host(&device) {
        return on_host(logits, targets, None).0;
    }
    let targets = targets.tensor(&device);
    if let Some(choices) = kernels::chosen(&device) {
        return kernels::losses(logits, targets, choices).mean_dim(1).flatten(0, 2);
    }
    let log_sum = log_sum(&logits);
    // cubecl 0.11.3 fuses what follows with the denominators into a kernel that is wrong for
    // thousands of words; waiting for them keeps the two apart. If the device has failed, reading
    // the loss says so.
    let _ = log_sum.device().sync();
    (log_sum - logits.gather(2, targets)).mean_dim(1).flatten(0, 2)
}

/// [`loss`], and its gradient `[R, M, V]` with the z-loss's added, both times `scale`.
///
/// The z-loss is `z * mean(log Z ^ 2)` over the rows (Chowdhery et al. 2022, section 5). `scale`
/// is the share of this micro-batch in its step.
pub fn loss_and_grad(
    logits: Tensor<3>,
    targets: &Tokens,
    z: f32,
    scale: f32,
) -> (Tensor<1>, Tensor<3>) {
    let device = logits.device();
    if host::is_host(&device) {
        let (loss, grad) = on_host(logits, targets, Some((z, scale)));
        return (loss * scale, grad.expect("the gradient was asked for"));
    }
    let [_, m, v] = logits.dims();
    let targets = targets.tensor(&device);
    if let Some(choices) = kernels::chosen(&device) {
        let (losses, grad) = kernels::loss_gradient(logits, targets, z, scale / m as f32, choices);
        return (losses.mean_dim(1).flatten(0, 2) * scale, grad);
    }
    let (losses, log_sum) = row_losses(&logits, &targets);
    let p = (logits - log_sum.clone()).exp();
    let classes = Tensor::<1, Int>::arange(0..v as i64, &p.device()).reshape([1, 1, v]);
    let one_hot = classes.equal(targets).float().cast(DType::F32);
    let p = if z == 0.0 { p } else { p * (log_sum * (2.0 * z) + 1.0) };
    let grad = (p - one_hot) * (scale / m as f32);
    (losses.mean_dim(1).flatten(0, 2) * scale, grad)
}

/// Loss and log of the denominator per row, `[R, M, 1]` each.
pub(crate) fn row_losses(logits: &Tensor<3>, targets: &Tensor<3, Int>) -> (Tensor<3>, Tensor<3>) {
    let log_sum = log_sum(logits);
    (log_sum.clone() - logits.clone().gather(2, targets.clone()), log_sum)
}

/// Log of each row's denominator, `[R, M, 1]`.
fn log_sum(logits: &Tensor<3>) -> Tensor<3> {
    let max = logits.clone().max_dim(2);
    (logits.clone() - max.clone()).exp().sum_dim(2).log() + max
}

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
        let (max, hit) = (lanes::max(row), row[target]);
        let Some((z, scale)) = gradient else {
            *loss = lanes::sum1(row, |x| lanes::exp(x - max)).ln() + max - hit;
            continue;
        };
        for x in row.iter_mut() {
            *x = lanes::exp(*x - max);
        }
        let sum = lanes::sum1(row, |x| x);
        let log_sum = sum.ln() + max;
        *loss = log_sum - hit;
        let factor = scale * (1.0 + 2.0 * z * log_sum) / sum;
        for x in row.iter_mut() {
            *x *= factor;
        }
        row[target] -= scale;
    }
}

fn on_host(
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
