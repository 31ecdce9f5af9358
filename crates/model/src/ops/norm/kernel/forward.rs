//! The forward pass.

use burn::cubecl::{self, prelude::*};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;

use super::row::{Shape, moments, part};
use crate::kernels::Choices;
use crate::kernels::launch::vector;
use crate::kernels::reduce;
use crate::kernels::tensors::{dims, elem, empty_of};
use crate::kernels::traffic::{on, reads, reads_if, writes};

#[cube(launch_unchecked)]
fn forward_kernel<E: Float, N: Size>(
    x: &[Vector<f32, N>],
    gain: &[Vector<f32, N>],
    bias: &[Vector<f32, N>],
    y: &mut [Vector<E, N>],
    rows: usize,
    per_replica: usize,
    width: usize,
    #[comptime] shape: Shape,
    #[define(E)] _type: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(shape.rows.lanes * shape.rows.rows));
    let (row, real) = reduce::row(rows);
    let at = row * width;
    let values = part::<f32, N>(x, at, width, shape);
    let (mean, rstd) = moments(&values, width, &mut scratch, shape);
    let own = row / per_replica * width;
    #[unroll]
    for i in 0..shape.each {
        let col = UNIT_POS_X as usize + comptime!(i * shape.rows.lanes);
        if real && col < width {
            let mut value = (values[i] - Vector::new(mean)) * Vector::new(rstd) * gain[own + col];
            if comptime!(shape.layer_norm) {
                value += bias[own + col];
            }
            y[at + col] = Vector::<E, N>::cast_from(value);
        }
    }
}

/// Normed rows `[R, M, D]` of `f32`, in the type given.
pub(crate) fn forward_as(
    x: &CubeTensor,
    gain: &CubeTensor,
    bias: Option<&CubeTensor>,
    dtype: DType,
    choices: Choices,
) -> CubeTensor {
    let [r, m, width] = dims(x);
    let y = empty_of(x, [r, m, width], dtype);
    let shape = Shape::new(width, bias.is_some(), &x.client, choices);
    let n = vector(width);
    // SAFETY: units beyond the last row or column write nothing.
    unsafe {
        forward_kernel::launch_unchecked(
            on(&x.client),
            shape.rows.cubes(r * m),
            shape.rows.dim(),
            n,
            reads(x),
            reads(gain),
            reads_if(bias, gain),
            writes(&y),
            r * m,
            m,
            width / n,
            shape,
            elem(dtype),
        );
    }
    y
}
