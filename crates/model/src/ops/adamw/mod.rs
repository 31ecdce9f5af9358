//! AdamW (Loshchilov & Hutter 2019, algorithm 2), in PyTorch's order of operations.

mod factors;
mod host;
pub(crate) mod kernel;
mod plain;
mod slot;

use burn::tensor::Tensor;

use crate::host::is_host;
use factors::Factors;
pub use factors::ReplicaStep;
pub(crate) use factors::{FACTORS, PER_REPLICA, factors};
pub(crate) use slot::{Slot, per_replica, take};

/// One update of every weight named: its place, its gradient and whether it decays.
pub(crate) fn update(
    weights: Vec<(Slot, Tensor<3>, bool)>,
    scales: &Tensor<3>,
    replicas: &[ReplicaStep],
    step: u64,
) {
    let factors = |decay| replicas.iter().map(|s| Factors::new(s, step, decay)).collect::<Vec<_>>();
    let (decayed, plain) = (factors(true), factors(false));
    if is_host(&scales.device()) {
        return host::update(weights, scales, &decayed, &plain);
    }
    for (slot, grad, decay) in weights {
        plain::update(slot, grad * scales.clone(), if decay { &decayed } else { &plain });
    }
}
