//! The MLP's element-wise part: SwiGLU (Shazeer 2020) and GELU (Hendrycks & Gimpel 2016, the
//! tanh form, as in GPT-2).

use burn::tensor::{Tensor, activation::sigmoid};
use multiversion::multiversion;
use rayon::prelude::*;

use super::host::{self, Host, Unset};
use super::lanes;
use crate::kernels;

/// Which function stands between the two projections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `silu(gate) * up` of `[gate, up]`: halves the width.
    SwiGlu,
    /// `x * sigmoid(2 u)`, `u = sqrt(2 / pi) (x + 0.044715 x^3)`: keeps the width.
    Gelu,
}

impl Activation {
    /// That of a family's blocks.
    pub fn of(family: isoflop_plan::Family) -> Self {
        match family {
            isoflop_plan::Family::Llama => Self::SwiGlu,
            isoflop_plan::Family::Gpt2 => Self::Gelu,
        }
    }
}

pub(crate) const GELU_SCALE: f32 = 1.595_769; // 2 sqrt(2 / pi)
pub(crate) const GELU_CUBE: f32 = 0.044_715;

/// Elements that one task works on, at least.
const BLOCK: usize = 16 * 1024;

/// `[R, M, 2 H] -> [R, M, H]` for SwiGLU, `[R, M, H] -> [R, M, H]` for GELU.
pub fn forward(x: &Tensor<3>, kind: Activation) -> Tensor<3> {
    let device = x.device();
    if host::is_host(&device) {
        return forward_host(x, kind);
    }
    match kernels::chosen(&device) {
        Some(_) => kernels::activation(x, kind),
        None => forward_plain(x, kind),
    }
}

/// The same in tensor operations.
pub(crate) fn forward_plain(x: &Tensor<3>, kind: Activation) -> Tensor<3> {
    match kind {
        Activation::SwiGlu => {
            let (gate, up) = halves(x);
            gate.clone() * sigmoid(gate) * up
        }
        Activation::Gelu => x.clone() * sigmoid(gelu_inner(x)),
    }
}

/// Gradient of [`forward`] for `dy`.
pub fn backward(x: Tensor<3>, kind: Activation, dy: Tensor<3>) -> Tensor<3> {
    let device = dy.device();
    if host::is_host(&device) {
        return backward_host(x, kind, dy);
    }
    if kernels::chosen(&device).is_some() {
        return kernels::activation_backward(x, kind, dy);
    }
    match kind {
        Activation::SwiGlu => {
            let (gate, up) = halves(&x);
            let s = sigmoid(gate.clone());
            let silu = gate * s.clone();
            let dsilu = s.clone() + silu.clone() * (s.neg() + 1.0);
            Tensor::cat(vec![dy.clone() * up * dsilu, dy * silu], 2)
        }
        Activation::Gelu => {
            let s = sigmoid(gelu_inner(&x));
            let slope = (x.clone() * x.clone() * (3.0 * GELU_CUBE) + 1.0) * GELU_SCALE;
            dy * (s.clone() + x * s.clone() * (s.neg() + 1.0) * slope)
        }
    }
}

fn halves(x: &Tensor<3>) -> (Tensor<3>, Tensor<3>) {
    let h = x.dims()[2] / 2;
    (x.clone().narrow(2, 0, h), x.clone().narrow(2, h, h))
}

fn gelu_inner(x: &Tensor<3>) -> Tensor<3> {
    (x.clone() * x.clone() * GELU_CUBE + 1.0) * x.clone() * GELU_SCALE
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn swiglu_rows(x: &[f32], h: usize, y: &mut [Unset]) {
    for (x, y) in x.chunks_exact(2 * h).zip(y.chunks_exact_mut(h)) {
        let (gate, up) = x.split_at(h);
        for i in 0..h {
            y[i].write(gate[i] * lanes::sigmoid(gate[i]) * up[i]);
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn swiglu_rows_backward(x: &[f32], h: usize, dy: &[f32], dx: &mut [Unset]) {
    let rows = x.chunks_exact(2 * h).zip(dy.chunks_exact(h)).zip(dx.chunks_exact_mut(2 * h));
    for ((x, dy), dx) in rows {
        let ((gate, up), (dgate, dup)) = (x.split_at(h), dx.split_at_mut(h));
        for i in 0..h {
            let s = lanes::sigmoid(gate[i]);
            let silu = gate[i] * s;
            dgate[i].write(dy[i] * up[i] * (s + silu * (1.0 - s)));
            dup[i].write(dy[i] * silu);
        }
    }
}

#[inline(always)]
fn gelu_sigmoid(x: f32) -> f32 {
    lanes::sigmoid(GELU_SCALE * x * (1.0 + GELU_CUBE * x * x))
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn gelu_rows(x: &[f32], y: &mut [Unset]) {
    for (x, y) in x.iter().zip(y) {
        y.write(x * gelu_sigmoid(*x));
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn gelu_rows_backward(x: &[f32], dy: &[f32], dx: &mut [Unset]) {
    for ((x, dy), dx) in x.iter().zip(dy).zip(dx) {
        let s = gelu_sigmoid(*x);
        let slope = GELU_SCALE * (1.0 + 3.0 * GELU_CUBE * x * x);
        dx.write(dy * (s + x * s * (1.0 - s) * slope));
    }
}

/// Whole rows of `width` elements, about `BLOCK` elements.
fn block_of(width: usize) -> usize {
    BLOCK.div_ceil(width) * width
}

fn forward_host(x: &Tensor<3>, kind: Activation) -> Tensor<3> {
    let [r, m, n] = x.dims();
    let x = Host::new(x.clone());
    let h = if kind == Activation::SwiGlu { n / 2 } else { n };
    let block = block_of(h);
    let write = |y: &mut [Unset]| {
        let work = y.par_chunks_mut(block).zip(x.slice().par_chunks(block / h * n));
        work.for_each(|(y, x)| match kind {
            Activation::SwiGlu => swiglu_rows(x, h, y),
            Activation::Gelu => gelu_rows(x, y),
        });
    };
    // SAFETY: the rows of the blocks are all rows, and each is written whole.
    unsafe { host::written([r, m, h], write) }.0
}

fn backward_host(x: Tensor<3>, kind: Activation, dy: Tensor<3>) -> Tensor<3> {
    let ([r, m, n], [_, _, h]) = (x.dims(), dy.dims());
    let (x, dy) = (Host::new(x), Host::new(dy));
    let block = block_of(h);
    let write = |dx: &mut [Unset]| {
        let work = dx
            .par_chunks_mut(block / h * n)
            .zip(x.slice().par_chunks(block / h * n))
            .zip(dy.slice().par_chunks(block));
        work.for_each(|((dx, x), dy)| match kind {
            Activation::SwiGlu => swiglu_rows_backward(x, h, dy, dx),
            Activation::Gelu => gelu_rows_backward(x, dy, dx),
        });
    };
    // SAFETY: as in the forward pass.
    unsafe { host::written([r, m, n], write) }.0
}
