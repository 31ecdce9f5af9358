//! SwiGLU and GELU: one unit for each element of the result.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::launch::{dims, elements, empty, rows_of};
use crate::ops::activation::{Activation, GELU_CUBE, GELU_SCALE};

#[cube]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cube]
fn gelu_sigmoid(x: f32) -> f32 {
    sigmoid(GELU_SCALE * x * (1.0 + GELU_CUBE * x * x))
}

#[cube(launch_unchecked)]
fn forward_kernel(x: &[f32], y: &mut [f32], len: usize, hidden: usize, #[comptime] swiglu: bool) {
    let i = ABSOLUTE_POS;
    if i < len {
        if comptime!(swiglu) {
            let at = i / hidden * 2 * hidden + i % hidden;
            let gate = x[at];
            y[i] = gate * sigmoid(gate) * x[at + hidden];
        } else {
            y[i] = x[i] * gelu_sigmoid(x[i]);
        }
    }
}

#[cube(launch_unchecked)]
fn backward_kernel(
    x: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    len: usize,
    hidden: usize,
    #[comptime] swiglu: bool,
) {
    let i = ABSOLUTE_POS;
    if i < len {
        if comptime!(swiglu) {
            let at = i / hidden * 2 * hidden + i % hidden;
            let gate = x[at];
            let s = sigmoid(gate);
            let silu = gate * s;
            dx[at] = dy[i] * x[at + hidden] * (s + silu * (1.0 - s));
            dx[at + hidden] = dy[i] * silu;
        } else {
            let x = x[i];
            let s = gelu_sigmoid(x);
            let slope = GELU_SCALE * (1.0 + 3.0 * GELU_CUBE * x * x);
            dx[i] = dy[i] * (s + x * s * (1.0 - s) * slope);
        }
    }
}

pub(super) fn forward(x: CubeTensor, kind: Activation) -> CubeTensor {
    let x = rows_of(x);
    let [r, m, n] = dims(&x);
    let swiglu = kind == Activation::SwiGlu;
    let hidden = if swiglu { n / 2 } else { n };
    let y = empty(&x, [r, m, hidden]);
    let (count, dim) = elements(r * m * hidden);
    let client = x.client.clone();
    // SAFETY: one unit for each element of `y`, and units beyond it do nothing.
    unsafe {
        forward_kernel::launch_unchecked(
            &client,
            count,
            dim,
            x.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            r * m * hidden,
            hidden,
            swiglu,
        );
    }
    y
}

pub(super) fn backward(x: CubeTensor, dy: CubeTensor, kind: Activation) -> CubeTensor {
    let (x, dy) = (rows_of(x), rows_of(dy));
    let ([r, m, n], [_, _, hidden]) = (dims(&x), dims(&dy));
    let dx = empty(&x, [r, m, n]);
    let (count, dim) = elements(r * m * hidden);
    let client = x.client.clone();
    // SAFETY: as in the forward pass; a unit writes the elements that it read.
    unsafe {
        backward_kernel::launch_unchecked(
            &client,
            count,
            dim,
            x.into_buffer_arg(),
            dy.into_buffer_arg(),
            dx.clone().into_buffer_arg(),
            r * m * hidden,
            hidden,
            kind == Activation::SwiGlu,
        );
    }
    dx
}
