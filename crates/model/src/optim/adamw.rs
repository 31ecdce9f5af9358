//! AdamW (Loshchilov & Hutter 2019, algorithm 2), in PyTorch's order of operations.

use burn::tensor::Tensor;
use multiversion::multiversion;
use rayon::prelude::*;

use super::{ReplicaStep, Slot, per_replica, take};
use crate::kernels::flat::FACTORS;
use crate::ops::host::{self, Host};

/// Elements of one task.
const BLOCK: usize = 16 * 1024;

/// The scalars of one replica's update.
#[derive(Clone, Copy)]
pub(super) struct Factors {
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
    pub(super) fn new(s: &ReplicaStep, step: u64, decay: bool) -> Self {
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

    /// In the order of the kernel.
    pub(super) fn for_kernel(self) -> [f32; FACTORS] {
        let moments = [self.beta1, self.one_minus_beta1, self.beta2, self.one_minus_beta2];
        let [b1, c1, b2, c2] = moments;
        [b1, c1, b2, c2, self.keep, self.rate, self.correction, self.epsilon]
    }
}

/// One update of every weight named: its place, its gradient and whether it decays.
pub(super) fn update(
    weights: Vec<(Slot, Tensor<3>, bool)>,
    scales: &Tensor<3>,
    replicas: &[ReplicaStep],
    step: u64,
) {
    let factors = |decay| replicas.iter().map(|s| Factors::new(s, step, decay)).collect::<Vec<_>>();
    let (decayed, plain) = (factors(true), factors(false));
    if host::is_host(&scales.device()) {
        return on_host(weights, scales, &decayed, &plain);
    }
    for (slot, grad, decay) in weights {
        on_device(slot, grad * scales.clone(), if decay { &decayed } else { &plain });
    }
}

/// In tensor operations, for a clipped gradient.
fn on_device(slot: Slot, grad: Tensor<3>, factors: &[Factors]) {
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

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn elements(f: Factors, w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]) {
    let n = g.len();
    let (w, m, v) = (&mut w[..n], &mut m[..n], &mut v[..n]);
    for i in 0..n {
        let g = g[i] * f.grad;
        m[i] = f.beta1 * m[i] + f.one_minus_beta1 * g;
        v[i] = f.beta2 * v[i] + f.one_minus_beta2 * (g * g);
        w[i] = w[i] * f.keep - f.rate * m[i] / (v[i].sqrt() * f.correction + f.epsilon);
    }
}

/// A weight, its moments and its gradient as slices, `[R, n]` each.
struct Slices<'a> {
    slot: Slot<'a>,
    weight: Host,
    first: Host,
    second: Host,
    grad: Host,
    decay: bool,
}

/// Blocks of all weights as tasks of one pass.
fn on_host(
    weights: Vec<(Slot, Tensor<3>, bool)>,
    scales: &Tensor<3>,
    decayed: &[Factors],
    plain: &[Factors],
) {
    let scales = Host::new(scales.clone());
    let mut weights: Vec<Slices> = weights
        .into_iter()
        .map(|(slot, grad, decay)| Slices {
            weight: Host::new(take(slot.weight)),
            first: Host::new(take(slot.first)),
            second: Host::new(take(slot.second)),
            grad: Host::new(grad),
            slot,
            decay,
        })
        .collect();
    let mut blocks = Vec::new();
    for s in &mut weights {
        let n = s.grad.slice().len() / decayed.len();
        let factors = if s.decay { decayed } else { plain };
        let replicas = (s.weight.slice_mut().chunks_mut(n))
            .zip(s.first.slice_mut().chunks_mut(n))
            .zip(s.second.slice_mut().chunks_mut(n))
            .zip(s.grad.slice().chunks(n))
            .zip(factors.iter().zip(scales.slice()));
        for ((((w, m), v), g), (factors, &scale)) in replicas {
            let factors = Factors { grad: scale, ..*factors };
            let parts = (w.chunks_mut(BLOCK).zip(m.chunks_mut(BLOCK)))
                .zip(v.chunks_mut(BLOCK).zip(g.chunks(BLOCK)));
            blocks.extend(parts.map(|((w, m), (v, g))| (factors, w, m, v, g)));
        }
    }
    blocks.into_par_iter().for_each(|(factors, w, m, v, g)| elements(factors, w, m, v, g));
    for s in weights {
        *s.slot.weight = s.weight.into_tensor();
        *s.slot.first = s.first.into_tensor();
        *s.slot.second = s.second.into_tensor();
    }
}
