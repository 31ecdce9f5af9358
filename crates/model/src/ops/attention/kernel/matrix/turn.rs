//! RMSNorm and rotary positions of queries and keys in half precision. A unit takes eight pairs of coordinates of a head, a line
//! of its lower and one of its upper half.

use burn::cubecl::CubeCount;
use burn::cubecl::prelude::*;
use burn::cubecl::{self, CubeDim};
use burn::tensor::{DType, bf16, f16};
use burn_cubecl::tensor::CubeTensor;

use super::super::rotary::chunks;
use crate::kernels::launch::cubes;
use crate::kernels::lines::{Line, Quad, pack, sum_of, unpack};
use crate::kernels::tensors::{empty, empty_of};
use crate::ops::attention::dims::Dims;
use crate::ops::norm::EPSILON;

/// Units of a cube, at most.
const UNITS: usize = 256;

/// Sizes that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Heads {
    /// Units of a head.
    lanes: usize,
    /// Heads of a cube.
    slots: usize,
}

impl Heads {
    fn of(head_dim: usize) -> Self {
        let lanes = head_dim / 16;
        Self { lanes, slots: UNITS / lanes }
    }

    const fn units(self) -> usize {
        self.lanes * self.slots
    }

    const fn lines(self) -> usize {
        2 * self.lanes
    }

    fn dim(self) -> CubeDim {
        CubeDim::new_1d(self.units() as u32)
    }
}

/// Eight pairs of coordinates.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
struct Pairs {
    low: Quad,
    low_more: Quad,
    high: Quad,
    high_more: Quad,
}

#[cube]
impl Pairs {
    fn zero() -> Pairs {
        Pairs {
            low: Quad::new(0.0f32),
            low_more: Quad::new(0.0f32),
            high: Quad::new(0.0f32),
            high_more: Quad::new(0.0f32),
        }
    }

    fn read<E: Float>(from: &[Line], at: usize, #[comptime] heads: Heads) -> Pairs {
        let (low, high) = (from[at], from[at + heads.lanes]);
        Pairs {
            low: unpack::<E>(low, false),
            low_more: unpack::<E>(low, true),
            high: unpack::<E>(high, false),
            high_more: unpack::<E>(high, true),
        }
    }

    /// Gains of a query or a key.
    fn gains(
        of_queries: &[Quad],
        of_keys: &[Quad],
        is_query: bool,
        at: usize,
        #[comptime] heads: Heads,
    ) -> Pairs {
        let upper = at + comptime!(2 * heads.lanes);
        let mut low = of_keys[at];
        let mut low_more = of_keys[at + 1];
        let mut high = of_keys[upper];
        let mut high_more = of_keys[upper + 1];
        if is_query {
            low = of_queries[at];
            low_more = of_queries[at + 1];
            high = of_queries[upper];
            high_more = of_queries[upper + 1];
        }
        Pairs { low, low_more, high, high_more }
    }

    fn write<E: Float>(self, to: &mut [Line], at: usize, #[comptime] heads: Heads) {
        to[at] = pack::<E>(Line::reinterpret(self.low), Line::reinterpret(self.low_more));
        to[at + heads.lanes] =
            pack::<E>(Line::reinterpret(self.high), Line::reinterpret(self.high_more));
    }

    fn times(self, other: Pairs) -> Pairs {
        Pairs {
            low: self.low * other.low,
            low_more: self.low_more * other.low_more,
            high: self.high * other.high,
            high_more: self.high_more * other.high_more,
        }
    }

    fn plus(self, other: Pairs, factor: f32) -> Pairs {
        let factor = Quad::new(factor);
        Pairs {
            low: self.low + other.low * factor,
            low_more: self.low_more + other.low_more * factor,
            high: self.high + other.high * factor,
            high_more: self.high_more + other.high_more * factor,
        }
    }

    fn scaled(self, factor: f32) -> Pairs {
        Pairs::zero().plus(self, factor)
    }

    fn sum(self) -> f32 {
        sum_of((self.low + self.low_more) + (self.high + self.high_more))
    }

    /// Turned by angles of which `cos` and `sin` begin at quad `at`; back, with `sign` -1.
    fn turned(self, cos: &[Quad], sin: &[Quad], at: usize, sign: f32) -> Pairs {
        let (c, c_more) = (cos[at], cos[at + 1]);
        let (s, s_more) = (sin[at] * Quad::new(sign), sin[at + 1] * Quad::new(sign));
        Pairs {
            low: self.low * c - self.high * s,
            low_more: self.low_more * c_more - self.high_more * s_more,
            high: self.high * c + self.low * s,
            high_more: self.high_more * c_more + self.low_more * s_more,
        }
    }
}

/// Sum over the units of a head. All units of the cube come here together.
#[cube]
fn of_head(value: f32, scratch: &mut Shared<[f32]>, #[comptime] heads: Heads) -> f32 {
    let unit = UNIT_POS as usize;
    sync_cube(); // what was there before has been read
    scratch[unit] = value;
    sync_cube();
    let first = unit / heads.lanes * heads.lanes;
    let mut sum = 0.0f32;
    #[unroll]
    for k in 0..heads.lanes {
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
    per_replica: usize,
    context: usize,
    of_token: usize,
    #[comptime] heads: Heads,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(heads.units()));
    let (lanes, lines) = comptime!((heads.lanes, heads.lines()));
    let (slot, lane) = (UNIT_POS as usize / lanes, UNIT_POS as usize % lanes);
    let index = CUBE_POS * heads.slots + slot;
    let real = index < total;
    let index = min(index, total - 1);
    let (token, head) = (index / (2 * of_token), index % (2 * of_token));
    let within = head * lines + lane;
    let x = Pairs::read::<E>(qkv, token * 3 * of_token * lines + within, heads);
    let square = of_head(x.times(x).sum(), &mut scratch, heads);
    let rstd = 1.0 / (square / comptime!(16.0 * heads.lanes as f32) + EPSILON).sqrt();
    let own = token / per_replica * comptime!(4 * heads.lanes) + 2 * lane;
    let gain = Pairs::gains(q_gain, k_gain, head < of_token, own, heads);
    let angle = token % context * comptime!(2 * heads.lanes) + 2 * lane;
    let turned = x.scaled(rstd).times(gain).turned(cos, sin, angle, 1.0);
    if real {
        turned.write::<E>(y, token * 2 * of_token * lines + within, heads);
    }
}

/// Turns gradients of turned queries or keys into those of the projection, in place, and adds up
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
    per_replica: usize,
    per_chunk: usize,
    context: usize,
    of_token: usize,
    #[comptime] heads: Heads,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(heads.units()));
    let mut quads = Shared::<[Quad]>::new_slice(comptime!(heads.units()));
    let (lanes, lines) = comptime!((heads.lanes, heads.lines()));
    let (slot, lane) = (UNIT_POS as usize / lanes, UNIT_POS as usize % lanes);
    let (chunk, kind, replica) = (CUBE_POS_X as usize, CUBE_POS_Y as usize, CUBE_POS_Z as usize);
    let own = replica * comptime!(4 * heads.lanes) + 2 * lane;
    let gain = Pairs::gains(q_gain, k_gain, kind == 0, own, heads);
    let first = chunk * per_chunk;
    let last = min(first + per_chunk, per_replica * of_token);
    let mut low = Quad::new(0.0f32);
    let mut low_more = Quad::new(0.0f32);
    let mut high = Quad::new(0.0f32);
    let mut high_more = Quad::new(0.0f32);
    // The same number of rounds for all units, for they meet in the sums.
    for round in 0..per_chunk.div_ceil(heads.slots) {
        let index = first + round * heads.slots + slot;
        let real = index < last;
        let index = min(index, per_replica * of_token - 1);
        let (token, head) = (replica * per_replica + index / of_token, index % of_token);
        let at = ((token * 3 + kind) * of_token + head) * lines + lane;
        let x = Pairs::read::<E>(qkv, at, heads);
        let angle = token % context * comptime!(2 * heads.lanes) + 2 * lane;
        let dy = Pairs::read::<E>(&*dqkv, at, heads).turned(cos, sin, angle, -1.0);
        let square = of_head(x.times(x).sum(), &mut scratch, heads);
        let size = comptime!(16.0 * heads.lanes as f32);
        let rstd = 1.0 / (square / size + EPSILON).sqrt();
        let x = x.scaled(rstd);
        if real {
            let dgain_here = dy.times(x);
            low += dgain_here.low;
            low_more += dgain_here.low_more;
            high += dgain_here.high;
            high_more += dgain_here.high_more;
        }
        let dy = dy.times(gain);
        let dot = of_head(dy.times(x).sum(), &mut scratch, heads) / size;
        if real {
            dy.plus(x, -dot).scaled(rstd).write::<E>(dqkv, at, heads);
        }
    }
    let out = ((replica * CUBE_COUNT_X as usize + chunk) * 2 + kind) * comptime!(4 * heads.lanes)
        + 2 * lane;
    let upper = out + comptime!(2 * heads.lanes);
    write_sum(low, &mut quads, dgain, out, heads);
    write_sum(low_more, &mut quads, dgain, out + 1, heads);
    write_sum(high, &mut quads, dgain, upper, heads);
    write_sum(high_more, &mut quads, dgain, upper + 1, heads);
}

/// Writes the sum of `value` over the heads of a cube.
#[cube]
fn write_sum(
    value: Quad,
    scratch: &mut Shared<[Quad]>,
    to: &mut [Quad],
    at: usize,
    #[comptime] heads: Heads,
) {
    let unit = UNIT_POS as usize;
    let slot = unit / heads.lanes;
    sync_cube();
    scratch[unit] = value;
    sync_cube();
    let mut step = comptime!(heads.slots.next_power_of_two() / 2).runtime();
    while step > 0 {
        if slot < step && slot + step < heads.slots {
            let other = scratch[unit + step * heads.lanes];
            scratch[unit] += other;
        }
        sync_cube();
        step /= 2;
    }
    if slot == 0 {
        to[at] = scratch[unit];
    }
}

/// Normed and turned queries and keys side by side, `[R, M, 2 D]`, of a projection `[R, M, 3 D]`.
pub(super) fn forward(
    qkv: &CubeTensor,
    gains: [CubeTensor; 2],
    tables: [CubeTensor; 2],
    d: Dims,
) -> CubeTensor {
    let ([q, k], [cos, sin]) = (gains, tables);
    let m = d.sequences * d.context;
    let y = empty_of(qkv, [d.replicas, m, 2 * d.width()], qkv.dtype);
    let heads = Heads::of(d.head_dim);
    let total = d.replicas * m * 2 * d.heads;
    let launch = match qkv.dtype {
        DType::BF16 => forward_kernel::launch_unchecked::<bf16>,
        _ => forward_kernel::launch_unchecked::<f16>,
    };
    // SAFETY: units beyond the last head write nothing.
    unsafe {
        launch(
            &qkv.client,
            cubes(total.div_ceil(heads.slots)),
            heads.dim(),
            qkv.clone().into_buffer_arg(),
            q.into_buffer_arg(),
            k.into_buffer_arg(),
            cos.into_buffer_arg(),
            sin.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            total,
            m,
            d.context,
            d.heads,
            heads,
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
) -> CubeTensor {
    let ([q, k], [cos, sin]) = (gains, tables);
    let m = d.sequences * d.context;
    let chunks = chunks(d);
    let dgain = empty(qkv, [d.replicas, chunks, 2 * d.head_dim]);
    let heads = Heads::of(d.head_dim);
    let launch = match qkv.dtype {
        DType::BF16 => backward_kernel::launch_unchecked::<bf16>,
        _ => backward_kernel::launch_unchecked::<f16>,
    };
    // SAFETY: every pair belongs to one unit; units beyond the last one write nothing.
    unsafe {
        launch(
            &qkv.client,
            CubeCount::Static(chunks as u32, 2, d.replicas as u32),
            heads.dim(),
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
            heads,
        );
    }
    dgain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_fill_a_cube() {
        assert_eq!((Heads::of(64).units(), Heads::of(64).slots), (256, 64));
        assert_eq!((Heads::of(48).units(), Heads::of(48).slots), (255, 85));
    }
}
