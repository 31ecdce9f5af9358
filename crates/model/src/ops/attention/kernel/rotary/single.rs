//! A unit for each pair of coordinates, one or more heads for each cube.

use burn::cubecl::client::Client;
use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::super::super::dims::Dims;
use super::GainGradients;
use super::formulas::{
    Head, Sizes, SizesLaunch, chunks, norm_gradient, rotate, rotate_back, rstd_of,
};
use crate::kernels::Choices;
use crate::kernels::launch::Rows;
use crate::kernels::reduce;
use crate::kernels::tensors::elem;
use crate::kernels::traffic::{on, reads, reads_some, updates_some, writes, writes_or_adds};

/// One coordinate.
type One = Vector<f32, Const<1>>;

fn shape_of(head_dim: usize, client: &Client, choices: Choices) -> Rows {
    Rows::with_lanes((head_dim / 2).next_power_of_two(), client, choices)
}

/// The coordinate as a number.
#[cube]
fn number(x: One) -> f32 {
    x.extract(0usize)
}

/// What lies in memory as a coordinate.
#[cube]
fn one<E: Float>(x: E) -> One {
    One::new(f32::cast_from(x))
}

/// Reciprocal root of the mean square of a head, of which this unit has `a` and `b`.
#[cube]
fn rstd(
    a: One,
    b: One,
    head_dim: usize,
    scratch: &mut Shared<[f32]>,
    #[comptime] shape: Rows,
) -> f32 {
    let square = reduce::sum(number(a * a + b * b), scratch, shape);
    rstd_of(square, f32::cast_from(head_dim))
}

/// Heads in the order token, query or key, head.
#[cube(launch_unchecked)]
fn forward_kernel<E: Float>(
    qkv: &[E],
    q_gain: &[One],
    k_gain: &[One],
    cos: &[One],
    sin: &[One],
    y: &mut [E],
    total: usize,
    head_dim: usize,
    sizes: Sizes,
    #[comptime] shape: Rows,
    #[define(E)] _type: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(shape.lanes * shape.rows));
    let index = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    let (i, half) = (UNIT_POS_X as usize, head_dim / 2);
    let head = Head::of_forward(index, total, &sizes);
    let is_real = head.is_real && i < half;
    let from = head.in_projection(&sizes) * head_dim + i;
    let mut a = One::new(0.0f32);
    let mut b = One::new(0.0f32);
    if is_real {
        a = one::<E>(qkv[from]);
        b = one::<E>(qkv[from + half]);
    }
    let rstd = rstd(a, b, head_dim, &mut scratch, shape);
    if is_real {
        let own = head.token / sizes.per_replica * head_dim + i;
        let is_query = head.of_token < sizes.heads;
        let gain_a = select(is_query, q_gain[own], k_gain[own]);
        let gain_b = select(is_query, q_gain[own + half], k_gain[own + half]);
        let (a, b) = (a * One::new(rstd) * gain_a, b * One::new(rstd) * gain_b);
        let angle = head.token % sizes.context * half + i;
        let to = head.in_queries_keys(&sizes) * head_dim + i;
        let (a, b) = rotate::<Const<1>>(a, b, cos[angle], sin[angle]);
        y[to] = E::cast_from(number(a));
        y[to + half] = E::cast_from(number(b));
    }
}

/// Turns gradients of rotated queries or keys into those of the projection, in place, and adds up
/// those of the gain: cube (chunk, query or key, replica).
#[cube(launch_unchecked)]
fn backward_kernel<E: Float>(
    qkv: &[E],
    q_gain: &[One],
    k_gain: &[One],
    cos: &[One],
    sin: &[One],
    dqkv: &mut [E],
    dgain: &mut [f32],
    head_dim: usize,
    sizes: Sizes,
    #[comptime] shape: Rows,
    #[comptime] accumulate: bool,
    #[define(E)] _type: ElemType,
) {
    let down = shape.rows;
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(shape.lanes * shape.rows));
    let (chunk, kind, replica) = (CUBE_POS_X as usize, CUBE_POS_Y as usize, CUBE_POS_Z as usize);
    let (i, half) = (UNIT_POS_X as usize, head_dim / 2);
    let own = replica * head_dim + min(i, half - 1);
    let is_query = kind == 0;
    let gain_a = select(is_query, q_gain[own], k_gain[own]);
    let gain_b = select(is_query, q_gain[own + half], k_gain[own + half]);
    let first = chunk * sizes.per_chunk;
    let last = min(first + sizes.per_chunk, sizes.per_replica * sizes.heads);
    let mut sum_a = 0.0f32;
    let mut sum_b = 0.0f32;
    // The same number of rounds for all units, for they meet in the sums.
    for round in 0..sizes.per_chunk.div_ceil(down) {
        let index = first + round * down + UNIT_POS_Y as usize;
        let head = Head::of_backward(index, last, kind, replica, &sizes);
        let is_real = head.is_real && i < half;
        let at = head.in_projection(&sizes) * head_dim + i;
        let mut a = One::new(0.0f32);
        let mut b = One::new(0.0f32);
        let mut da = One::new(0.0f32);
        let mut db = One::new(0.0f32);
        if is_real {
            a = one::<E>(qkv[at]);
            b = one::<E>(qkv[at + half]);
            let angle = head.token % sizes.context * half + i;
            let (low, high) = rotate_back::<Const<1>>(
                one::<E>(dqkv[at]),
                one::<E>(dqkv[at + half]),
                cos[angle],
                sin[angle],
            );
            da = low;
            db = high;
        }
        let rstd = rstd(a, b, head_dim, &mut scratch, shape);
        let (xa, xb) = (a * One::new(rstd), b * One::new(rstd));
        sum_a += number(da * xa);
        sum_b += number(db * xb);
        let (da, db) = (da * gain_a, db * gain_b);
        let dot = reduce::sum(number(da * xa + db * xb), &mut scratch, shape);
        let dot = dot / f32::cast_from(head_dim);
        if is_real {
            let (da, db) = (
                norm_gradient::<Const<1>>(da, xa, dot, rstd),
                norm_gradient::<Const<1>>(db, xb, dot, rstd),
            );
            dqkv[at] = E::cast_from(number(da));
            dqkv[at + half] = E::cast_from(number(db));
        }
    }
    let sum_a = reduce::sum_down(sum_a, &mut scratch, down);
    let out = ((replica * CUBE_COUNT_X as usize + chunk) * 2 + kind) * head_dim + i;
    let writes = UNIT_POS_Y == 0 && i < half;
    if writes {
        let mut sum = sum_a;
        if comptime!(accumulate) {
            sum += dgain[out];
        }
        dgain[out] = sum;
    }
    let sum_b = reduce::sum_down(sum_b, &mut scratch, down);
    if writes {
        let mut sum = sum_b;
        if comptime!(accumulate) {
            sum += dgain[out + half];
        }
        dgain[out + half] = sum;
    }
}

/// Writes `y` `[R, M, 2 D]`; see [`forward`](super::forward).
pub(super) fn forward(
    qkv: &CubeTensor,
    [q, k]: [CubeTensor; 2],
    [cos, sin]: [CubeTensor; 2],
    y: &CubeTensor,
    d: Dims,
    choices: Choices,
) {
    let shape = shape_of(d.head_dim, &qkv.client, choices);
    let total = d.replicas * d.sequences * d.context * 2 * d.heads;
    // SAFETY: units beyond the last head or pair write nothing.
    unsafe {
        forward_kernel::launch_unchecked(
            on(&qkv.client),
            shape.cubes(total),
            shape.dim(),
            reads_some(qkv, y.meta.num_elements()),
            reads(&q),
            reads(&k),
            reads(&cos),
            reads(&sin),
            writes(y),
            total,
            d.head_dim,
            SizesLaunch::of(d),
            shape,
            elem(qkv.dtype),
        );
    }
}

/// Overwrites `dqkv` and writes gradients of the gains; see [`backward`](super::backward).
pub(super) fn backward(
    qkv: &CubeTensor,
    [q, k]: [CubeTensor; 2],
    [cos, sin]: [CubeTensor; 2],
    dqkv: &CubeTensor,
    dgain: GainGradients,
    d: Dims,
    choices: Choices,
) {
    let shape = shape_of(d.head_dim, &qkv.client, choices);
    let elements = 2 * d.replicas * d.sequences * d.context * d.width();
    // SAFETY: every pair belongs to one unit; units beyond the last one write nothing.
    unsafe {
        backward_kernel::launch_unchecked(
            on(&qkv.client),
            CubeCount::Static(chunks(d) as u32, 2, d.replicas as u32),
            shape.dim(),
            reads_some(qkv, elements),
            reads(&q),
            reads(&k),
            reads(&cos),
            reads(&sin),
            updates_some(dqkv, elements),
            writes_or_adds(dgain.to, dgain.accumulate),
            d.head_dim,
            SizesLaunch::of(d),
            shape,
            dgain.accumulate,
            elem(qkv.dtype),
        );
    }
}
