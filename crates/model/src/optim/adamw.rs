//! AdamW (Loshchilov & Hutter 2019, algorithm 2), in PyTorch's order of operations.

use burn::tensor::Tensor;
use multiversion::multiversion;
use rayon::prelude::*;

use super::{ReplicaStep, Slot, per_replica, take};
use crate::ops::host::{self, Host};

/// Elements of one task.
const BLOCK: usize = 16 * 1024;

/// The scalars of one replica's update.
#[derive(Clone, Copy)]
struct Factors {
    grad: f32,
    beta1: f32,
    beta2: f32,
    one_minus_beta1: f32,
    one_minus_beta2: f32,
    /// `1 - lr * decay`.
    keep: f32,
    /// `lr / (1 - beta1^t)`.
    rate: f32,
    /// `1 / sqrt(1 - beta2^t)`.
    correction: f32,
    epsilon: f32,
}

impl Factors {
    fn new(s: &ReplicaStep, step: u64, decay: bool) -> Self {
        let step = step as f64;
        let decay = if decay { s.weight_decay } else { 0.0 };
        Self {
            grad: 1.0,
            beta1: s.beta1 as f32,
            beta2: s.beta2 as f32,
            one_minus_beta1: (1.0 - s.beta1) as f32,
            one_minus_beta2: (1.0 - s.beta2) as f32,
            keep: (1.0 - s.learning_rate * decay) as f32,
            rate: (s.learning_rate / (1.0 - s.beta1.powf(step))) as f32,
            correction: (1.0 / (1.0 - s.beta2.powf(step)).sqrt()) as f32,
            epsilon: s.epsilon as f32,
        }
    }
}

pub(super) fn update(
    slot: Slot,
    grad: Tensor<3>,
    scales: &Tensor<3>,
    replicas: &[ReplicaStep],
    step: u64,
    decay: bool,
) {
    let factors: Vec<Factors> = replicas.iter().map(|s| Factors::new(s, step, decay)).collect();
    if host::is_host(&grad.device()) {
        return on_host(slot, grad, scales, factors);
    }
    let device = grad.device();
    let all = |f: fn(&Factors) -> f32| per_replica(factors.iter().map(|x| f(x).into()), &device);
    let grad = grad * scales.clone();
    let first = take(slot.first) * all(|f| f.beta1) + grad.clone() * all(|f| f.one_minus_beta1);
    let second =
        take(slot.second) * all(|f| f.beta2) + grad.clone() * grad * all(|f| f.one_minus_beta2);
    let denominator = second.clone().sqrt() * all(|f| f.correction) + all(|f| f.epsilon);
    let delta = first.clone() * all(|f| f.rate) / denominator;
    *slot.weight = take(slot.weight) * all(|f| f.keep) - delta;
    *slot.first = first;
    *slot.second = second;
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn elements(f: Factors, w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]) {
    for i in 0..g.len() {
        let g = g[i] * f.grad;
        m[i] = f.beta1 * m[i] + f.one_minus_beta1 * g;
        v[i] = f.beta2 * v[i] + f.one_minus_beta2 * (g * g);
        w[i] = w[i] * f.keep - f.rate * m[i] / (v[i].sqrt() * f.correction + f.epsilon);
    }
}

fn on_host(slot: Slot, grad: Tensor<3>, scales: &Tensor<3>, factors: Vec<Factors>) {
    let n = grad.dims()[1] * grad.dims()[2];
    let mut w = Host::new(take(slot.weight));
    let mut m = Host::new(take(slot.first));
    let mut v = Host::new(take(slot.second));
    let (g, scales) = (Host::new(grad), Host::new(scales.clone()));
    let per_replica = w
        .slice_mut()
        .par_chunks_mut(n)
        .zip(m.slice_mut().par_chunks_mut(n))
        .zip(v.slice_mut().par_chunks_mut(n))
        .zip(g.slice().par_chunks(n))
        .zip(factors.par_iter().zip(scales.slice()));
    per_replica.for_each(|((((w, m), v), g), (f, &scale))| {
        let f = Factors { grad: scale, ..*f };
        w.par_chunks_mut(BLOCK)
            .zip(m.par_chunks_mut(BLOCK))
            .zip(v.par_chunks_mut(BLOCK))
            .zip(g.par_chunks(BLOCK))
            .for_each(|(((w, m), v), g)| elements(f, w, m, v, g));
    });
    *slot.weight = w.into_tensor();
    *slot.first = m.into_tensor();
    *slot.second = v.into_tensor();
}
