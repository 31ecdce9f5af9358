//! Cross-entropy in tensor operations: the reference.

use burn::tensor::{DType, Int, Tensor};

pub(super) fn loss(logits: Tensor<3>, targets: Tensor<3, Int>) -> Tensor<1> {
    let log_sum = log_sum(&logits);
    // cubecl 0.11.3 fuses what follows with the denominators into a kernel that is wrong for
    // thousands of words; waiting for them keeps the two apart. If the device has failed, reading
    // the loss says so.
    let _ = log_sum.device().sync();
    (log_sum - logits.gather(2, targets)).mean_dim(1).flatten(0, 2)
}

pub(super) fn loss_and_grad(
    logits: Tensor<3>,
    targets: Tensor<3, Int>,
    z: f32,
    scale: f32,
) -> (Tensor<1>, Tensor<3>) {
    let [_, m, v] = logits.dims();
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
