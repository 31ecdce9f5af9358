//! The backward pass.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::row::{Shape, moments, part, total};
use crate::kernels::Choices;
use crate::kernels::launch::{chunks, vector};
use crate::kernels::reduce;
use crate::kernels::tensors::{dims, elem, empty_of};
use crate::kernels::traffic::{on, reads, reads_if, stands_in, writes, writes_or_adds};

/// Cube (chunk, replica): the gradient of its rows, and what they add to that of gain and bias.
#[cube(launch_unchecked)]
fn backward_kernel<E: Float, N: Size>(
    x: &[Vector<f32, N>],
    gain: &[Vector<f32, N>],
    dy: &[Vector<E, N>],
    residual: &[Vector<E, N>],
    dx: &mut [Vector<E, N>],
    dgain: &mut [Vector<f32, N>],
    dbias: &mut [Vector<f32, N>],
    per_replica: usize,
    per_chunk: usize,
    width: usize,
    #[comptime] shape: Shape,
    #[comptime] has_residual: bool,
    #[comptime] accumulate: bool,
    #[define(E)] _type: ElemType,
) {
    let (lanes, down) = comptime!((shape.rows.lanes, shape.rows.rows));
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(lanes * down));
    let (chunk, replica) = (CUBE_POS_X as usize, CUBE_POS_Y as usize);
    let first = chunk * per_chunk;
    let last = min(first + per_chunk, per_replica);
    let own = replica * width;
    let count = f32::cast_from(width * N::value());
    let mut dgains = Array::<Vector<f32, N>>::new(shape.each);
    let mut dbiases = Array::<Vector<f32, N>>::new(shape.each);
    #[unroll]
    for i in 0..shape.each {
        dgains[i] = Vector::new(0.0f32);
        dbiases[i] = Vector::new(0.0f32);
    }
    for step in 0..per_chunk.div_ceil(down) {
        let t = first + step * down + UNIT_POS_Y as usize;
        let real = t < last;
        let at = (replica * per_replica + min(t, per_replica - 1)) * width;
        let values = part::<f32, N>(x, at, width, shape);
        let dys = part::<E, N>(dy, at, width, shape);
        let gains = part::<f32, N>(gain, own, width, shape);
        let (mean, rstd) = moments(&values, width, &mut scratch, shape);
        let mut dot = Vector::<f32, N>::new(0.0f32);
        let mut sum = Vector::<f32, N>::new(0.0f32);
        #[unroll]
        for i in 0..shape.each {
            // What lies beyond the row has a gradient of 0.
            let d = dys[i] * gains[i];
            dot += d * (values[i] - Vector::new(mean)) * Vector::new(rstd);
            sum += d;
        }
        let dot = reduce::sum(total(dot), &mut scratch, shape.rows) / count;
        let mut mean_dxhat = 0.0f32;
        if comptime!(shape.layer_norm) {
            mean_dxhat = reduce::sum(total(sum), &mut scratch, shape.rows) / count;
        }
        #[unroll]
        for i in 0..shape.each {
            let col = UNIT_POS_X as usize + comptime!(i * lanes);
            if real && col < width {
                let xhat = (values[i] - Vector::new(mean)) * Vector::new(rstd);
                let mut value =
                    (dys[i] * gains[i] - xhat * Vector::new(dot) - Vector::new(mean_dxhat))
                        * Vector::new(rstd);
                if comptime!(has_residual) {
                    value += Vector::<f32, N>::cast_from(residual[at + col]);
                }
                dx[at + col] = Vector::<E, N>::cast_from(value);
                dgains[i] += dys[i] * xhat;
                dbiases[i] += dys[i];
            }
        }
    }
    let mut sums = Shared::<[Vector<f32, N>]>::new_slice(comptime!(lanes * down));
    let to = (replica * CUBE_COUNT_X as usize + chunk) * width;
    #[unroll]
    for i in 0..shape.each {
        let col = UNIT_POS_X as usize + comptime!(i * lanes);
        let gain = sum_down::<N>(dgains[i], &mut sums, lanes, down);
        let writes = UNIT_POS_Y == 0 && col < width;
        if writes {
            let mut value = gain;
            if comptime!(accumulate) {
                value += dgain[to + col];
            }
            dgain[to + col] = value;
        }
        if comptime!(shape.layer_norm) {
            let bias = sum_down::<N>(dbiases[i], &mut sums, lanes, down);
            if writes {
                let mut value = bias;
                if comptime!(accumulate) {
                    value += dbias[to + col];
                }
                dbias[to + col] = value;
            }
        }
    }
}

/// Sum over the rows of units of a cube; all units get it.
#[cube]
fn sum_down<N: Size>(
    value: Vector<f32, N>,
    sums: &mut Shared<[Vector<f32, N>]>,
    #[comptime] lanes: usize,
    #[comptime] down: usize,
) -> Vector<f32, N> {
    sync_cube();
    sums[UNIT_POS as usize] = value;
    sync_cube();
    let mut sum = Vector::<f32, N>::new(0.0f32);
    #[unroll]
    for row in 0..down {
        sum += sums[UNIT_POS_X as usize + comptime!(row * lanes)];
    }
    sum
}

/// Where the gradients of gain and bias go, a row for every chunk `[R, chunks, D]`, and whether they are added to what is there.
pub(crate) struct Gains<'a> {
    pub gain: &'a CubeTensor,
    pub bias: Option<&'a CubeTensor>,
    pub accumulate: bool,
}

/// Gradient of the input `[R, M, D]` in the type of `dy`, that of the branch around the norm added.
pub(crate) fn backward_into(
    x: &CubeTensor,
    gain: &CubeTensor,
    dy: &CubeTensor,
    residual: Option<&CubeTensor>,
    gains: Gains,
    choices: Choices,
) -> CubeTensor {
    let [r, m, width] = dims(x);
    let dx = empty_of(x, [r, m, width], dy.dtype);
    let shape = Shape::new(width, gains.bias.is_some(), &x.client, choices);
    let (n, chunks) = (vector(width), chunks(m));
    // SAFETY: units beyond the last row or column write nothing.
    unsafe {
        backward_kernel::launch_unchecked(
            on(&x.client),
            CubeCount::Static(chunks as u32, r as u32, 1),
            shape.rows.dim(),
            n,
            reads(x),
            reads(gain),
            reads(dy),
            reads_if(residual, dy),
            writes(&dx),
            writes_or_adds(gains.gain, gains.accumulate),
            gains.bias.map_or_else(
                || stands_in(gains.gain),
                |bias| writes_or_adds(bias, gains.accumulate),
            ),
            m,
            m.div_ceil(chunks),
            width / n,
            shape,
            residual.is_some(),
            gains.accumulate,
            elem(dy.dtype),
        );
    }
    dx
}
