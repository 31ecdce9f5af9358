//! Biases of projections: added to every row, and their gradients.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use crate::kernels::launch::{chunks, elements};
use crate::kernels::reduce;
use crate::kernels::tensors::{dims, elem};
use crate::kernels::traffic::{on, reads, updates, writes_or_adds};

/// Columns and rows of a cube of the gradient.
const ACROSS: usize = 32;
const DOWN: usize = 8;

#[cube(launch_unchecked)]
fn add_kernel<E: Float>(
    y: &mut [E],
    bias: &[f32],
    len: usize,
    per_replica: usize,
    width: usize,
    #[define(E)] _type: ElemType,
) {
    let i = ABSOLUTE_POS;
    if i < len {
        let value = f32::cast_from(y[i]) + bias[i / per_replica * width + i % width];
        y[i] = E::cast_from(value);
    }
}

/// Cube (columns, chunk, replica).
#[cube(launch_unchecked)]
fn gradient_kernel<E: Float>(
    dy: &[E],
    sums: &mut [f32],
    per_replica: usize,
    per_chunk: usize,
    width: usize,
    #[comptime] accumulate: bool,
    #[define(E)] _type: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(ACROSS * DOWN));
    let col = CUBE_POS_X as usize * ACROSS + UNIT_POS_X as usize;
    let (chunk, replica) = (CUBE_POS_Y as usize, CUBE_POS_Z as usize);
    let first = chunk * per_chunk;
    let last = min(first + per_chunk, per_replica);
    let mut sum = 0.0f32;
    if col < width {
        for row in range_stepped(first + UNIT_POS_Y as usize, last, DOWN) {
            sum += f32::cast_from(dy[(replica * per_replica + row) * width + col]);
        }
    }
    let sum = reduce::sum_down(sum, &mut scratch, DOWN);
    if UNIT_POS_Y == 0 && col < width {
        let at = (replica * CUBE_COUNT_Y as usize + chunk) * width + col;
        let mut value = sum;
        if comptime!(accumulate) {
            value += sums[at];
        }
        sums[at] = value;
    }
}

/// Adds `bias` `[R, 1, N]` to every row of `y` `[R, M, N]` in place.
pub(crate) fn add(y: &CubeTensor, bias: &CubeTensor) {
    let [r, m, width] = dims(y);
    let (count, dim) = elements(r * m * width);
    // SAFETY: one unit for each element.
    unsafe {
        add_kernel::launch_unchecked(
            on(&y.client),
            count,
            dim,
            updates(y),
            reads(bias),
            r * m * width,
            m * width,
            width,
            elem(y.dtype),
        );
    }
}

/// Sums of the rows of `dy` `[R, M, N]` by [`chunks`]: `[R, chunks, N]`, or added to what is there (`accumulate`).
pub(crate) fn gradient_into(dy: &CubeTensor, sums: &CubeTensor, accumulate: bool) {
    let [r, m, width] = dims(dy);
    let chunks = chunks(m);
    // SAFETY: units beyond the last column write nothing.
    unsafe {
        gradient_kernel::launch_unchecked(
            on(&dy.client),
            CubeCount::Static(width.div_ceil(ACROSS) as u32, chunks as u32, r as u32),
            CubeDim::new_2d(ACROSS as u32, DOWN as u32),
            reads(dy),
            writes_or_adds(sums, accumulate),
            m,
            m.div_ceil(chunks),
            width,
            accumulate,
            elem(dy.dtype),
        );
    }
}
