//! RMSNorm and rotary positions of queries and keys. Units take the pairs of coordinates that one
//! angle turns, so that forward and backward pass need nothing of each other.

use burn::cubecl::client::Client;
use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::super::dims::Dims;
use crate::kernels::Choices;
use crate::kernels::launch::Rows;
use crate::kernels::reduce;
use crate::kernels::tensors::{empty, rows_of};
use crate::ops::norm::EPSILON;

/// Heads of tokens that one cube adds up for the gradient of the gains, at least.
const HEADS_PER_CUBE: usize = 512;
/// Cubes dot a replica's tokens and heads, at most.
const MOST_CHUNKS: usize = 256;

/// A unit for each pair of coordinates, one or more heads for each cube.
fn shape_of(head_dim: usize, client: &Client, choices: Choices) -> Rows {
    Rows::with_lanes((head_dim / 2).next_power_of_two(), client, choices)
}

/// Chunks of a replica's tokens and heads in the backward pass.
pub(crate) fn chunks(d: Dims) -> usize {
    let heads = d.sequences * d.context * d.heads;
    heads.div_ceil(HEADS_PER_CUBE).clamp(1, MOST_CHUNKS)
}

/// Reciprocal root of the mean square of a head, of which this unit has `a` and `b`.
#[cube]
fn rstd(
    a: f32,
    b: f32,
    head_dim: usize,
    scratch: &mut Shared<[f32]>,
    #[comptime] shape: Rows,
) -> f32 {
    let square = reduce::sum(a * a + b * b, scratch, shape);
    1.0 / (square / f32::cast_from(head_dim) + EPSILON).sqrt()
}

/// Heads in the order token, query or key, head.
#[cube(launch_unchecked)]
fn forward_kernel(
    qkv: &[f32],
    q_gain: &[f32],
    k_gain: &[f32],
    cos: &[f32],
    sin: &[f32],
    y: &mut [f32],
    total: usize,
    per_replica: usize,
    context: usize,
    heads: usize,
    head_dim: usize,
    #[comptime] shape: Rows,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(shape.lanes * shape.rows));
    let index = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    let (i, half) = (UNIT_POS_X as usize, head_dim / 2);
    let real = index < total && i < half;
    let index = min(index, total - 1);
    let (token, head) = (index / (2 * heads), index % (2 * heads));
    let width = heads * head_dim;
    let from = token * 3 * width + head * head_dim + i;
    let mut a = 0.0f32;
    let mut b = 0.0f32;
    if real {
        a = qkv[from];
        b = qkv[from + half];
    }
    let rstd = rstd(a, b, head_dim, &mut scratch, shape);
    if real {
        let own = token / per_replica * head_dim + i;
        let is_query = head < heads;
        let gain_a = select(is_query, q_gain[own], k_gain[own]);
        let gain_b = select(is_query, q_gain[own + half], k_gain[own + half]);
        let (a, b) = (a * rstd * gain_a, b * rstd * gain_b);
        let angle = token % context * half + i;
        let to = token * 2 * width + head * head_dim + i;
        y[to] = a * cos[angle] - b * sin[angle];
        y[to + half] = b * cos[angle] + a * sin[angle];
    }
}

/// Turns gradients of turned queries or keys into those of the projection, in place, and adds up
/// those of the gain: cube (chunk, query or key, replica).
#[cube(launch_unchecked)]
fn backward_kernel(
    qkv: &[f32],
    q_gain: &[f32],
    k_gain: &[f32],
    cos: &[f32],
    sin: &[f32],
    dqkv: &mut [f32],
    dgain: &mut [f32],
    per_replica: usize,
    per_chunk: usize,
    context: usize,
    heads: usize,
    head_dim: usize,
    #[comptime] shape: Rows,
) {
    let down = shape.rows;
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(shape.lanes * shape.rows));
    let (chunk, kind, replica) = (CUBE_POS_X as usize, CUBE_POS_Y as usize, CUBE_POS_Z as usize);
    let (i, half) = (UNIT_POS_X as usize, head_dim / 2);
    let width = heads * head_dim;
    let own = replica * head_dim + min(i, half - 1);
    let is_query = kind == 0;
    let gain_a = select(is_query, q_gain[own], k_gain[own]);
    let gain_b = select(is_query, q_gain[own + half], k_gain[own + half]);
    let first = chunk * per_chunk;
    let last = min(first + per_chunk, per_replica * heads);
    let mut sum_a = 0.0f32;
    let mut sum_b = 0.0f32;
    // The same number of rounds for all units, for they meet in the sums.
    for round in 0..per_chunk.div_ceil(down) {
        let index = first + round * down + UNIT_POS_Y as usize;
        let real = index < last && i < half;
        let index = min(index, per_replica * heads - 1);
        let (token, head) = (replica * per_replica + index / heads, index % heads);
        let at = token * 3 * width + kind * width + head * head_dim + i;
        let mut a = 0.0f32;
        let mut b = 0.0f32;
        let mut da = 0.0f32;
        let mut db = 0.0f32;
        if real {
            a = qkv[at];
            b = qkv[at + half];
            let angle = token % context * half + i;
            let (c, s) = (cos[angle], sin[angle]);
            let (ya, yb) = (dqkv[at], dqkv[at + half]);
            da = ya * c + yb * s;
            db = yb * c - ya * s;
        }
        let rstd = rstd(a, b, head_dim, &mut scratch, shape);
        let (xa, xb) = (a * rstd, b * rstd);
        sum_a += da * xa;
        sum_b += db * xb;
        let (da, db) = (da * gain_a, db * gain_b);
        let dot = reduce::sum(da * xa + db * xb, &mut scratch, shape);
        let dot = dot / f32::cast_from(head_dim);
        if real {
            dqkv[at] = (da - xa * dot) * rstd;
            dqkv[at + half] = (db - xb * dot) * rstd;
        }
    }
    let sum_a = reduce::sum_down(sum_a, &mut scratch, down);
    let out = ((replica * CUBE_COUNT_X as usize + chunk) * 2 + kind) * head_dim + i;
    let writes = UNIT_POS_Y == 0 && i < half;
    if writes {
        dgain[out] = sum_a;
    }
    let sum_b = reduce::sum_down(sum_b, &mut scratch, down);
    if writes {
        dgain[out + half] = sum_b;
    }
}

/// Normed and turned queries and keys side by side, `[R, M, 2 D]`, of a projection `[R, M, 3 D]`.
pub(super) fn forward(
    qkv: CubeTensor,
    gains: [CubeTensor; 2],
    tables: [CubeTensor; 2],
    d: Dims,
    choices: Choices,
) -> CubeTensor {
    let qkv = rows_of(qkv);
    let [q, k] = gains.map(rows_of);
    let [cos, sin] = tables.map(rows_of);
    let m = d.sequences * d.context;
    let y = empty(&qkv, [d.replicas, m, 2 * d.width()]);
    let shape = shape_of(d.head_dim, &qkv.client, choices);
    let total = d.replicas * m * 2 * d.heads;
    let client = qkv.client.clone();
    // SAFETY: units beyond the last head or pair write nothing.
    unsafe {
        forward_kernel::launch_unchecked(
            &client,
            shape.cubes(total),
            shape.dim(),
            qkv.into_buffer_arg(),
            q.into_buffer_arg(),
            k.into_buffer_arg(),
            cos.into_buffer_arg(),
            sin.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            total,
            m,
            d.context,
            d.heads,
            d.head_dim,
            shape,
        );
    }
    y
}

/// Overwrites the gradients of the turned queries and keys in `dqkv` `[R, M, 3 D]` by those of the
/// projection. Gradients of the gains, one row for every chunk: `[R, chunks, 2 head_dim]`.
pub(super) fn backward(
    qkv: &CubeTensor,
    gains: [CubeTensor; 2],
    tables: [CubeTensor; 2],
    dqkv: &CubeTensor,
    d: Dims,
    choices: Choices,
) -> CubeTensor {
    let [q, k] = gains.map(rows_of);
    let [cos, sin] = tables.map(rows_of);
    let m = d.sequences * d.context;
    let chunks = chunks(d);
    let dgain = empty(qkv, [d.replicas, chunks, 2 * d.head_dim]);
    let shape = shape_of(d.head_dim, &qkv.client, choices);
    // SAFETY: every pair belongs to one unit; units beyond the last one write nothing.
    unsafe {
        backward_kernel::launch_unchecked(
            &qkv.client,
            CubeCount::Static(chunks as u32, 2, d.replicas as u32),
            shape.dim(),
            qkv.clone().into_buffer_arg(),
            q.into_buffer_arg(),
            k.into_buffer_arg(),
            cos.into_buffer_arg(),
            sin.into_buffer_arg(),
            dqkv.clone().into_buffer_arg(),
            dgain.clone().into_buffer_arg(),
            m,
            (m * d.heads).div_ceil(chunks),
            d.context,
            d.heads,
            d.head_dim,
            shape,
        );
    }
    dgain
}
