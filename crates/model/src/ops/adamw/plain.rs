//! AdamW in tensor operations: the reference.

use burn::tensor::Tensor;

use super::factors::Factors;
use super::slot::{Slot, per_replica, take};

/// For a clipped gradient.
pub(super) fn update(slot: Slot, grad: Tensor<3>, factors: &[Factors]) {
    let device = grad.device();
    let all = |f: fn(&Factors) -> f32| per_replica(factors.iter().map(|x| f(x).into()), &device);
    let first = take(slot.first) * all(|f| f.beta1) + grad.clone() * all(|f| f.one_minus_beta1);
    let second =
        take(slot.second) * all(|f| f.beta2) + grad.clone() * grad * all(|f| f.one_minus_beta2);
    let denominator = second.clone().sqrt() * all(|f| f.correction) + all(|f| f.epsilon);
    let delta = first.clone() * all(|f| f.rate) / denominator;
    *slot.weight = take(slot.weight) * all(|f| f.keep) - delta;
    *slot.first = first;
    *slot.second = second;
}
