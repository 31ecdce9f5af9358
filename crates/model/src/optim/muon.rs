//! Muon (Jordan et al. 2024): momentum, orthogonalised by a Newton-Schulz iteration.
//!
//! The update is scaled by `0.2 sqrt(max(rows, cols))` (Liu et al. 2025, equation 4), which gives
//! it the size of AdamW's, so that both take the same learning rate and weight decay.

use burn::tensor::Tensor;

use crate::ops::adamw::{ReplicaStep, Slot, per_replica, take};

/// Momentum; the step uses Nesterov's look-ahead.
const MOMENTUM: f64 = 0.95;
/// Iterations of the quintic Newton-Schulz step, and its coefficients.
const ITERATIONS: usize = 5;
const QUINTIC: (f64, f64, f64) = (3.4445, -4.7750, 2.0315);

/// `parts` matrices stand side by side in the weight; each is orthogonalised alone.
pub(super) fn update(
    slot: Slot,
    grad: Tensor<3>,
    scales: &Tensor<3>,
    replicas: &[ReplicaStep],
    parts: usize,
) {
    let device = grad.device();
    let grad = grad * scales.clone();
    let first = take(slot.first) * MOMENTUM + grad.clone();
    let ahead = grad + first.clone() * MOMENTUM;
    let [_, rows, cols] = ahead.dims();
    let width = cols / parts;
    let size = 0.2 * (rows.max(width) as f64).sqrt();
    let directions =
        (0..parts).map(|p| orthogonal(ahead.clone().narrow(2, p * width, width))).collect();
    let rate = per_replica(replicas.iter().map(|s| s.learning_rate * size), &device);
    let keep =
        per_replica(replicas.iter().map(|s| 1.0 - s.learning_rate * s.weight_decay), &device);
    *slot.weight = take(slot.weight) * keep - Tensor::cat(directions, 2) * rate;
    *slot.first = first;
}

/// A matrix with the singular vectors of `g` `[R, rows, cols]` and singular values near 1.
pub(crate) fn orthogonal(g: Tensor<3>) -> Tensor<3> {
    let [_, rows, cols] = g.dims();
    let tall = rows > cols;
    let x = if tall { g.swap_dims(1, 2) } else { g };
    let norm = (x.clone() * x.clone()).sum_dim(2).sum_dim(1).sqrt();
    let mut x = x / (norm + 1e-7);
    let (a, b, c) = QUINTIC;
    for _ in 0..ITERATIONS {
        let gram = x.clone().matmul(x.clone().swap_dims(1, 2));
        let poly = gram.clone() * b + gram.clone().matmul(gram) * c;
        x = x.clone() * a + poly.matmul(x);
    }
    if tall { x.swap_dims(1, 2) } else { x }
}
