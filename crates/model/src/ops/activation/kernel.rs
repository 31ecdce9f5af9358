//! SwiGLU and GELU: one unit for each vector of the result.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::kind::{Activation, GELU_CUBE, GELU_SCALE};
use crate::kernels::launch::{elements, vector};
use crate::kernels::tensors::{dims, elem, empty_of, row_major};
use crate::kernels::traffic::{on, reads, writes};

type Floats<N> = Vector<f32, N>;

#[cube]
fn sigmoid<N: Size>(x: Floats<N>) -> Floats<N> {
    Floats::new(1.0f32) / (Floats::new(1.0f32) + (Floats::new(0.0f32) - x).exp())
}

/// `x * sigmoid(x)`.
#[cube]
pub(crate) fn silu<N: Size>(x: Floats<N>) -> Floats<N> {
    x * sigmoid::<N>(x)
}

/// `silu(gate) * up`.
#[cube]
pub(crate) fn swiglu_of<N: Size>(gate: Floats<N>, up: Floats<N>) -> Floats<N> {
    silu::<N>(gate) * up
}

/// Gradients of [`swiglu_of`]'s gate and up for `dy`.
#[cube]
pub(crate) fn swiglu_gradients<N: Size>(
    gate: Floats<N>,
    up: Floats<N>,
    dy: Floats<N>,
) -> (Floats<N>, Floats<N>) {
    let s = sigmoid::<N>(gate);
    let silu = gate * s;
    (dy * up * (s + silu * (Floats::new(1.0f32) - s)), dy * silu)
}

#[cube]
fn gelu_sigmoid<N: Size>(x: Floats<N>) -> Floats<N> {
    let square = x * x;
    sigmoid::<N>(
        Floats::new(GELU_SCALE) * x * (Floats::new(1.0f32) + Floats::new(GELU_CUBE) * square),
    )
}

#[cube(launch_unchecked)]
fn forward_kernel<E: Float, N: Size>(
    x: &[Vector<E, N>],
    y: &mut [Vector<E, N>],
    len: usize,
    hidden: usize,
    #[comptime] swiglu: bool,
    #[define(E)] _type: ElemType,
) {
    let i = ABSOLUTE_POS;
    if i < len {
        if comptime!(swiglu) {
            let at = i / hidden * 2 * hidden + i % hidden;
            let gate = Floats::<N>::cast_from(x[at]);
            let up = Floats::<N>::cast_from(x[at + hidden]);
            y[i] = Vector::<E, N>::cast_from(swiglu_of::<N>(gate, up));
        } else {
            let x = Floats::<N>::cast_from(x[i]);
            y[i] = Vector::<E, N>::cast_from(x * gelu_sigmoid::<N>(x));
        }
    }
}

#[cube(launch_unchecked)]
fn backward_kernel<E: Float, N: Size>(
    x: &[Vector<E, N>],
    dy: &[Vector<E, N>],
    dx: &mut [Vector<E, N>],
    len: usize,
    hidden: usize,
    #[comptime] swiglu: bool,
    #[define(E)] _type: ElemType,
) {
    let i = ABSOLUTE_POS;
    if i < len {
        let dy = Floats::<N>::cast_from(dy[i]);
        if comptime!(swiglu) {
            let at = i / hidden * 2 * hidden + i % hidden;
            let gate = Floats::<N>::cast_from(x[at]);
            let up = Floats::<N>::cast_from(x[at + hidden]);
            let (dgate, dup) = swiglu_gradients::<N>(gate, up, dy);
            dx[at] = Vector::<E, N>::cast_from(dgate);
            dx[at + hidden] = Vector::<E, N>::cast_from(dup);
        } else {
            let x = Floats::<N>::cast_from(x[i]);
            let one = Floats::<N>::new(1.0f32);
            let s = gelu_sigmoid::<N>(x);
            let inner = Floats::new(GELU_SCALE) * (one + Floats::new(3.0 * GELU_CUBE) * x * x);
            dx[i] = Vector::<E, N>::cast_from(dy * (s + x * s * (one - s) * inner));
        }
    }
}

/// `[R, M, 2 H] -> [R, M, H]` for SwiGLU, in the type of `x`.
pub(crate) fn forward(x: CubeTensor, kind: Activation) -> CubeTensor {
    let x = row_major(x);
    let [r, m, width] = dims(&x);
    let swiglu = kind == Activation::SwiGlu;
    let hidden = if swiglu { width / 2 } else { width };
    let y = empty_of(&x, [r, m, hidden], x.dtype);
    let n = vector(hidden);
    let len = r * m * hidden / n;
    let (count, dim) = elements(len);
    let (client, dtype) = (x.client.clone(), elem(x.dtype));
    // SAFETY: one unit for each vector of `y`, and units beyond it do nothing.
    unsafe {
        forward_kernel::launch_unchecked(
            on(&client),
            count,
            dim,
            n,
            reads(&x),
            writes(&y),
            len,
            hidden / n,
            swiglu,
            dtype,
        );
    }
    y
}

/// Gradient of the input of [`forward`], in its type.
pub(crate) fn backward(x: CubeTensor, dy: CubeTensor, kind: Activation) -> CubeTensor {
    let (x, dy) = (row_major(x), row_major(dy));
    let ([r, m, width], [_, _, hidden]) = (dims(&x), dims(&dy));
    let dx = empty_of(&x, [r, m, width], x.dtype);
    let n = vector(hidden);
    let len = r * m * hidden / n;
    let (count, dim) = elements(len);
    let (client, dtype) = (x.client.clone(), elem(x.dtype));
    // SAFETY: as in the forward pass; a unit writes the elements that it read.
    unsafe {
        backward_kernel::launch_unchecked(
            on(&client),
            count,
            dim,
            n,
            reads(&x),
            reads(&dy),
            writes(&dx),
            len,
            hidden / n,
            kind == Activation::SwiGlu,
            dtype,
        );
    }
    dx
}
