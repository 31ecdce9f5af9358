//! AdamW on slices.

use burn::tensor::Tensor;
use multiversion::multiversion;
use rayon::prelude::*;

use super::factors::Factors;
use super::slot::{Slot, take};
use crate::host::Host;

/// Elements of one task.
const BLOCK: usize = 16 * 1024;

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
pub(super) fn update(
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
