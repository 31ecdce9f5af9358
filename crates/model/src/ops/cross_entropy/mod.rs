//! Next-token cross-entropy in nats, with z-loss, straight from the logits.

mod host;
pub(crate) mod kernel;
pub(crate) mod plain;

use burn::tensor::Tensor;

use crate::batch::Tokens;
use crate::host::is_host;
use crate::kernels;

/// Mean loss per replica `[R]` of logits `[R, M, V]`, in nats; z-loss not included.
pub fn loss(logits: Tensor<3>, targets: &Tokens) -> Tensor<1> {
    let device = logits.device();
    if is_host(&device) {
        return host::run(logits, targets, None).0;
    }
    let targets = targets.tensor(&device);
    if let Some(choices) = kernels::chosen(&device) {
        return kernel::losses(logits, targets, choices).mean_dim(1).flatten(0, 2);
    }
    plain::loss(logits, targets)
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
    if is_host(&device) {
        let (loss, grad) = host::run(logits, targets, Some((z, scale)));
        return (loss * scale, grad.expect("the gradient was asked for"));
    }
    let targets = targets.tensor(&device);
    if let Some(choices) = kernels::chosen(&device) {
        let [_, m, _] = logits.dims();
        let (losses, grad) = kernel::gradient(logits, targets, z, scale / m as f32, choices);
        return (losses.mean_dim(1).flatten(0, 2) * scale, grad);
    }
    plain::loss_and_grad(logits, targets, z, scale)
}
