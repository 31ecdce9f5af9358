//! In half precision: a unit for eight pairs of coordinates of a head, 16 bytes of each half.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::super::super::dims::Dims;
use super::GainGradients;
use super::formulas::{Head, Sizes, SizesLaunch, chunks, rstd_of};
use super::pairs::Pairs;
use crate::kernels::launch::cubes;
use crate::kernels::lines::{Line, Quad};
use crate::kernels::tensors::elem;
use crate::kernels::traffic::{on, reads, reads_some, updates_some, writes, writes_or_adds};

/// Heads are multiples of this many elements.
pub(super) const LEAST: usize = 16;

/// Units of a cube, at most.
const UNITS: usize = 256;

/// Sizes that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Shape {
    /// Units of a head.
    lanes: usize,
    /// Heads of a cube.
    slots: usize,
}

impl Shape {
    fn of(head_dim: usize) -> Self {
        let lanes = head_dim / LEAST;
        Self { lanes, slots: UNITS / lanes }
    }

    const fn units(self) -> usize {
        self.lanes * self.slots
    }

    /// Lines of a head.
    const fn lines(self) -> usize {
        2 * self.lanes
    }

    const fn head_dim(self) -> f32 {
        (LEAST * self.lanes) as f32
    }

    fn dim(self) -> CubeDim {
        CubeDim::new_1d(self.units() as u32)
    }
}

/// Sum over the units of a head. All units of the cube come here together.
#[cube]
fn of_head(value: f32, scratch: &mut Shared<[f32]>, #[comptime] shape: Shape) -> f32 {
    let unit = UNIT_POS as usize;
    sync_cube(); // what was there before has been read
    scratch[unit] = value;
    sync_cube();
    let first = unit / shape.lanes * shape.lanes;
    let mut sum = 0.0f32;
    #[unroll]
    for k in 0..shape.lanes {
        sum += scratch[first + k];
    }
    sum
}

/// Heads in the order token, query or key, head.
#[cube(launch_unchecked)]
fn forward_kernel<E: Float>(
    qkv: &[Line],
    q_gain: &[Quad],
    k_gain: &[Quad],
    cos: &[Quad],
    sin: &[Quad],
    y: &mut [Line],
    total: usize,
    sizes: Sizes,
    #[comptime] shape: Shape,
    #[define(E)] _type: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(shape.units()));
    let (lanes, lines) = comptime!((shape.lanes, shape.lines()));
    let (slot, lane) = (UNIT_POS as usize / lanes, UNIT_POS as usize % lanes);
    let head = Head::of_forward(CUBE_POS * shape.slots + slot, total, &sizes);
    let x = Pairs::read::<E>(qkv, head.in_projection(&sizes) * lines + lane, lanes);
    let square = of_head(x.times(x).sum(), &mut scratch, shape);
    let rstd = rstd_of(square, comptime!(shape.head_dim()).runtime());
    let own = head.token / sizes.per_replica * comptime!(4 * lanes) + 2 * lane;
    let gain = Pairs::gains(q_gain, k_gain, head.of_token < sizes.heads, own, lanes);
    let angle = head.token % sizes.context * comptime!(2 * lanes) + 2 * lane;
    let rotated = x.scaled(rstd).times(gain).rotated(cos, sin, angle);
    if head.is_real {
        rotated.write::<E>(y, head.in_queries_keys(&sizes) * lines + lane, lanes);
    }
}

/// Turns gradients of rotated queries or keys into those of the projection, in place, and adds up
/// those of the gain: cube (chunk, query or key, replica).
#[cube(launch_unchecked)]
fn backward_kernel<E: Float>(
    qkv: &[Line],
    q_gain: &[Quad],
    k_gain: &[Quad],
    cos: &[Quad],
    sin: &[Quad],
    dqkv: &mut [Line],
    dgain: &mut [Quad],
    sizes: Sizes,
    #[comptime] shape: Shape,
    #[comptime] accumulate: bool,
    #[define(E)] _type: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(shape.units()));
    let mut quads = Shared::<[Quad]>::new_slice(comptime!(shape.units()));
    let (lanes, lines) = comptime!((shape.lanes, shape.lines()));
    let (slot, lane) = (UNIT_POS as usize / lanes, UNIT_POS as usize % lanes);
    let (chunk, kind, replica) = (CUBE_POS_X as usize, CUBE_POS_Y as usize, CUBE_POS_Z as usize);
    let own = replica * comptime!(4 * lanes) + 2 * lane;
    let gain = Pairs::gains(q_gain, k_gain, kind == 0, own, lanes);
    let first = chunk * sizes.per_chunk;
    let last = min(first + sizes.per_chunk, sizes.per_replica * sizes.heads);
    let mut low = Quad::new(0.0f32);
    let mut low_more = Quad::new(0.0f32);
    let mut high = Quad::new(0.0f32);
    let mut high_more = Quad::new(0.0f32);
    // The same number of rounds for all units, for they meet in the sums.
    for round in 0..sizes.per_chunk.div_ceil(shape.slots) {
        let index = first + round * shape.slots + slot;
        let head = Head::of_backward(index, last, kind, replica, &sizes);
        let at = head.in_projection(&sizes) * lines + lane;
        let x = Pairs::read::<E>(qkv, at, lanes);
        let angle = head.token % sizes.context * comptime!(2 * lanes) + 2 * lane;
        let dy = Pairs::read::<E>(&*dqkv, at, lanes).rotated_back(cos, sin, angle);
        let square = of_head(x.times(x).sum(), &mut scratch, shape);
        let size = comptime!(shape.head_dim()).runtime();
        let rstd = rstd_of(square, size);
        let x = x.scaled(rstd);
        if head.is_real {
            let product = dy.times(x);
            low += product.low;
            low_more += product.low_more;
            high += product.high;
            high_more += product.high_more;
        }
        let dy = dy.times(gain);
        let dot = of_head(dy.times(x).sum(), &mut scratch, shape) / size;
        if head.is_real {
            dy.norm_gradient(x, dot, rstd).write::<E>(dqkv, at, lanes);
        }
    }
    let out =
        ((replica * CUBE_COUNT_X as usize + chunk) * 2 + kind) * comptime!(4 * lanes) + 2 * lane;
    let upper = out + comptime!(2 * lanes);
    write_sum(low, &mut quads, dgain, out, shape, accumulate);
    write_sum(low_more, &mut quads, dgain, out + 1, shape, accumulate);
    write_sum(high, &mut quads, dgain, upper, shape, accumulate);
    write_sum(high_more, &mut quads, dgain, upper + 1, shape, accumulate);
}

/// Writes the sum of `value` over the heads of a cube, or adds it to what is there.
#[cube]
fn write_sum(
    value: Quad,
    scratch: &mut Shared<[Quad]>,
    to: &mut [Quad],
    at: usize,
    #[comptime] shape: Shape,
    #[comptime] accumulate: bool,
) {
    let unit = UNIT_POS as usize;
    let slot = unit / shape.lanes;
    sync_cube();
    scratch[unit] = value;
    sync_cube();
    let mut step = comptime!(shape.slots.next_power_of_two() / 2).runtime();
    while step > 0 {
        if slot < step && slot + step < shape.slots {
            let other = scratch[unit + step * shape.lanes];
            scratch[unit] += other;
        }
        sync_cube();
        step /= 2;
    }
    if slot == 0 {
        let mut sum = scratch[unit];
        if comptime!(accumulate) {
            sum += to[at];
        }
        to[at] = sum;
    }
}

/// Writes `y` `[R, M, 2 D]`; see [`forward`](super::forward).
pub(super) fn forward(
    qkv: &CubeTensor,
    [q, k]: [CubeTensor; 2],
    [cos, sin]: [CubeTensor; 2],
    y: &CubeTensor,
    d: Dims,
) {
    let shape = Shape::of(d.head_dim);
    let total = d.replicas * d.sequences * d.context * 2 * d.heads;
    // SAFETY: units beyond the last head write nothing.
    unsafe {
        forward_kernel::launch_unchecked(
            on(&qkv.client),
            cubes(total.div_ceil(shape.slots)),
            shape.dim(),
            reads_some(qkv, y.meta.num_elements()),
            reads(&q),
            reads(&k),
            reads(&cos),
            reads(&sin),
            writes(y),
            total,
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
) {
    let shape = Shape::of(d.head_dim);
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
            SizesLaunch::of(d),
            shape,
            dgain.accumulate,
            elem(qkv.dtype),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_fill_a_cube() {
        assert_eq!((Shape::of(64).units(), Shape::of(64).slots), (256, 64));
        assert_eq!((Shape::of(48).units(), Shape::of(48).slots), (255, 85));
    }
}
