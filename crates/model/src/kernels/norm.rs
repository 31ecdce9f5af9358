//! RMSNorm and LayerNorm: a few units for each row.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Rows, dims, empty, rows_of};
use super::reduce;
use crate::ops::norm::EPSILON;

/// Rows that one cube adds up for the gradient of the gain, at least.
const ROWS_PER_CUBE: usize = 128;
/// Cubes along the rows, at most.
const MOST_CHUNKS: usize = 64;
/// Columns and rows of such a cube.
const ACROSS: usize = 32;
const DOWN: usize = 8;

/// Mean (0 without `centred`) and reciprocal deviation of the row of `x` that begins at `at`.
#[cube]
fn moments(
    x: &[f32],
    at: usize,
    width: usize,
    scratch: &mut Shared<[f32]>,
    #[comptime] shape: Rows,
    #[comptime] centred: bool,
) -> (f32, f32) {
    let lane = UNIT_POS_X as usize;
    let count = f32::cast_from(width);
    let mut mean = 0.0f32;
    if comptime!(centred) {
        let mut total = 0.0f32;
        for col in range_stepped(lane, width, shape.lanes) {
            total += x[at + col];
        }
        mean = reduce::sum(total, scratch, shape) / count;
    }
    let mut square = 0.0f32;
    for col in range_stepped(lane, width, shape.lanes) {
        let d = x[at + col] - mean;
        square += d * d;
    }
    let variance = reduce::sum(square, scratch, shape) / count;
    (mean, 1.0 / (variance + EPSILON).sqrt())
}

#[cube(launch_unchecked)]
fn forward_kernel(
    x: &[f32],
    gain: &[f32],
    bias: &[f32],
    y: &mut [f32],
    rows: usize,
    per_replica: usize,
    width: usize,
    #[comptime] shape: Rows,
    #[comptime] layer_norm: bool,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(shape.lanes * shape.rows));
    let (row, real) = reduce::row(rows);
    let at = row * width;
    let (mean, rstd) = moments(x, at, width, &mut scratch, shape, layer_norm);
    if real {
        let own = row / per_replica * width;
        for col in range_stepped(UNIT_POS_X as usize, width, shape.lanes) {
            let mut value = (x[at + col] - mean) * rstd * gain[own + col];
            if comptime!(layer_norm) {
                value += bias[own + col];
            }
            y[at + col] = value;
        }
    }
}

/// Gradient of the input; leaves mean and reciprocal deviation of every row in `stats`.
#[cube(launch_unchecked)]
fn input_kernel(
    x: &[f32],
    gain: &[f32],
    dy: &[f32],
    residual: &[f32],
    dx: &mut [f32],
    stats: &mut [f32],
    rows: usize,
    per_replica: usize,
    width: usize,
    #[comptime] shape: Rows,
    #[comptime] layer_norm: bool,
    #[comptime] has_residual: bool,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(shape.lanes * shape.rows));
    let (row, real) = reduce::row(rows);
    let at = row * width;
    let own = row / per_replica * width;
    let (mean, rstd) = moments(x, at, width, &mut scratch, shape, layer_norm);
    let count = f32::cast_from(width);
    let mut along = 0.0f32;
    let mut total = 0.0f32;
    for col in range_stepped(UNIT_POS_X as usize, width, shape.lanes) {
        let d = dy[at + col] * gain[own + col];
        along += d * (x[at + col] - mean) * rstd;
        total += d;
    }
    let along = reduce::sum(along, &mut scratch, shape) / count;
    let mut middle = 0.0f32;
    if comptime!(layer_norm) {
        middle = reduce::sum(total, &mut scratch, shape) / count;
    }
    if real {
        for col in range_stepped(UNIT_POS_X as usize, width, shape.lanes) {
            let xhat = (x[at + col] - mean) * rstd;
            let mut value = (dy[at + col] * gain[own + col] - xhat * along - middle) * rstd;
            if comptime!(has_residual) {
                value += residual[at + col];
            }
            dx[at + col] = value;
        }
        if UNIT_POS_X == 0 {
            stats[2 * row] = mean;
            stats[2 * row + 1] = rstd;
        }
    }
}

/// Gradients of gain and bias over a chunk of rows: cube (columns, chunk, replica).
#[cube(launch_unchecked)]
fn gain_kernel(
    x: &[f32],
    dy: &[f32],
    stats: &[f32],
    dgain: &mut [f32],
    dbias: &mut [f32],
    per_replica: usize,
    per_chunk: usize,
    width: usize,
    #[comptime] layer_norm: bool,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(ACROSS * DOWN));
    let col = CUBE_POS_X as usize * ACROSS + UNIT_POS_X as usize;
    let (chunk, replica) = (CUBE_POS_Y as usize, CUBE_POS_Z as usize);
    let first = chunk * per_chunk;
    let last = min(first + per_chunk, per_replica);
    let mut gain = 0.0f32;
    let mut bias = 0.0f32;
    if col < width {
        for row in range_stepped(first + UNIT_POS_Y as usize, last, DOWN) {
            let row = replica * per_replica + row;
            let d = dy[row * width + col];
            gain += d * (x[row * width + col] - stats[2 * row]) * stats[2 * row + 1];
            bias += d;
        }
    }
    let gain = reduce::sum_down(gain, &mut scratch, DOWN);
    let out = (replica * CUBE_COUNT_Y as usize + chunk) * width + col;
    let writes = UNIT_POS_Y == 0 && col < width;
    if writes {
        dgain[out] = gain;
    }
    if comptime!(layer_norm) {
        let bias = reduce::sum_down(bias, &mut scratch, DOWN);
        if writes {
            dbias[out] = bias;
        }
    }
}

pub(super) fn forward(
    x: CubeTensor,
    gain: CubeTensor,
    bias: CubeTensor,
    layer_norm: bool,
) -> CubeTensor {
    let (x, gain, bias) = (rows_of(x), rows_of(gain), rows_of(bias));
    let [r, m, width] = dims(&x);
    let y = empty(&x, [r, m, width]);
    let rows = Rows::of_width(width, &x.client);
    let client = x.client.clone();
    // SAFETY: units beyond the last row write nothing.
    unsafe {
        forward_kernel::launch_unchecked(
            &client,
            rows.cubes(r * m),
            rows.dim(),
            x.into_buffer_arg(),
            gain.into_buffer_arg(),
            bias.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            r * m,
            m,
            width,
            rows,
            layer_norm,
        );
    }
    y
}

/// Chunks that `rows` rows of a replica are cut into for the gradient of the gain.
pub(super) fn chunks(rows: usize) -> usize {
    rows.div_ceil(ROWS_PER_CUBE).clamp(1, MOST_CHUNKS)
}

/// Gradients of the input `[R, M, D]`, and of gain and bias as one row for every chunk
/// `[R, chunks, D]`. Without `layer_norm` the last is not written.
pub(super) fn backward(
    x: CubeTensor,
    gain: CubeTensor,
    dy: CubeTensor,
    residual: CubeTensor,
    layer_norm: bool,
    has_residual: bool,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let (x, gain, dy, residual) = (rows_of(x), rows_of(gain), rows_of(dy), rows_of(residual));
    let [r, m, width] = dims(&x);
    let (dx, stats) = (empty(&x, [r, m, width]), empty(&x, [r, m, 2]));
    let rows = Rows::of_width(width, &x.client);
    let chunks = chunks(m);
    let [dgain, dbias] = [true, layer_norm].map(|whole| {
        let unused = [1, 1, 1];
        empty(&x, if whole { [r, chunks, width] } else { unused })
    });
    let client = x.client.clone();
    // SAFETY: units beyond the last row or column write nothing.
    unsafe {
        input_kernel::launch_unchecked(
            &client,
            rows.cubes(r * m),
            rows.dim(),
            x.clone().into_buffer_arg(),
            gain.into_buffer_arg(),
            dy.clone().into_buffer_arg(),
            residual.into_buffer_arg(),
            dx.clone().into_buffer_arg(),
            stats.clone().into_buffer_arg(),
            r * m,
            m,
            width,
            rows,
            layer_norm,
            has_residual,
        );
        gain_kernel::launch_unchecked(
            &client,
            CubeCount::Static(width.div_ceil(ACROSS) as u32, chunks as u32, r as u32),
            CubeDim::new_2d(ACROSS as u32, DOWN as u32),
            x.into_buffer_arg(),
            dy.into_buffer_arg(),
            stats.into_buffer_arg(),
            dgain.clone().into_buffer_arg(),
            dbias.clone().into_buffer_arg(),
            m,
            m.div_ceil(chunks),
            width,
            layer_norm,
        );
    }
    (dx, dgain, dbias)
}
