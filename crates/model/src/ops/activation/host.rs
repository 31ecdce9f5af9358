//! SwiGLU and GELU on slices.

use burn::tensor::Tensor;
use multiversion::multiversion;
use rayon::prelude::*;

use super::kind::{Activation, GELU_CUBE, GELU_SCALE};
use crate::host::{self, Host, Unset, simd};

/// Elements that one task works on, at least.
const BLOCK: usize = 16 * 1024;

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn swiglu_rows(x: &[f32], h: usize, y: &mut [Unset]) {
    for (x, y) in x.chunks_exact(2 * h).zip(y.chunks_exact_mut(h)) {
        let (gate, up) = x.split_at(h);
        for i in 0..h {
            y[i].write(gate[i] * simd::sigmoid(gate[i]) * up[i]);
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn swiglu_rows_backward(x: &[f32], h: usize, dy: &[f32], dx: &mut [Unset]) {
    let rows = x.chunks_exact(2 * h).zip(dy.chunks_exact(h)).zip(dx.chunks_exact_mut(2 * h));
    for ((x, dy), dx) in rows {
        let ((gate, up), (dgate, dup)) = (x.split_at(h), dx.split_at_mut(h));
        for i in 0..h {
            let s = simd::sigmoid(gate[i]);
            let silu = gate[i] * s;
            dgate[i].write(dy[i] * up[i] * (s + silu * (1.0 - s)));
            dup[i].write(dy[i] * silu);
        }
    }
}

#[inline(always)]
fn gelu_sigmoid(x: f32) -> f32 {
    simd::sigmoid(GELU_SCALE * x * (1.0 + GELU_CUBE * x * x))
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
        let dinner = GELU_SCALE * (1.0 + 3.0 * GELU_CUBE * x * x);
        dx.write(dy * (s + x * s * (1.0 - s) * dinner));
    }
}

/// Whole rows of `width` elements, about `BLOCK` elements.
fn block_of(width: usize) -> usize {
    BLOCK.div_ceil(width) * width
}

pub(super) fn forward(x: &Tensor<3>, kind: Activation) -> Tensor<3> {
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

pub(super) fn backward(x: Tensor<3>, kind: Activation, dy: Tensor<3>) -> Tensor<3> {
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
