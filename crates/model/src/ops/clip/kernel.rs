//! Gradients added up from their parts, and their norms: two launches whatever the number of weights.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::super::adamw::{FACTORS, PER_REPLICA};
use crate::kernels::flat::{Tables, WORDS};
use crate::kernels::launch::{Rows, UNITS};
use crate::kernels::reduce;
use crate::kernels::tensors::{dims, empty, primitive_int};
use crate::kernels::traffic::{on, reads, writes};

/// Cubes that share a replica's weights: as many as fill a large device, each unit on some 16 elements.
fn shares(replicas: usize, total: usize) -> usize {
    let each = total / replicas.max(1);
    (each / (16 * UNITS)).clamp(4, (2048 / replicas.max(1)).max(4)).next_power_of_two()
}

/// Cube (share, replica): adds up the parts of its share of every gradient, times `factor`, and the squares of the sums. All but the
/// words of `entries` counts vectors of `N`.
#[cube(launch_unchecked)]
fn gather_kernel<N: Size>(
    parts: &[Vector<f32, N>],
    entries: &[i32],
    gradients: &mut [Vector<f32, N>],
    squares: &mut [f32],
    count: usize,
    shares: usize,
    factor: f32,
    #[comptime] shape: Rows,
) {
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let (share, replica) = (CUBE_POS_X as usize, CUBE_POS_Y as usize);
    let mut total = Vector::<f32, N>::new(0.0f32);
    for entry in 0..count {
        let word = entry * WORDS;
        let len = entries[word + 1] as usize / N::value();
        let begin = share * UNITS + UNIT_POS as usize;
        // Shares take turns at being the first, or the first ones would do all small gradients.
        let begin = (begin + entry * 7 * UNITS) % (shares * UNITS);
        if begin < len {
            let to = entries[word] as usize / N::value() + replica * len;
            let from =
                (entries[word + 3] as usize + replica * entries[word + 6] as usize) / N::value();
            let number = entries[word + 4] as usize;
            let stride = entries[word + 5] as usize / N::value();
            for i in range_stepped(begin, len, shares * UNITS) {
                let mut sum = Vector::<f32, N>::new(0.0f32);
                let fours = number / 4 * 4;
                for part in range_stepped(0usize, fours, 4usize) {
                    let at = from + part * stride + i;
                    let a = parts[at];
                    let b = parts[at + stride];
                    let c = parts[at + 2 * stride];
                    let d = parts[at + 3 * stride];
                    sum += (a + b) + (c + d);
                }
                for part in fours..number {
                    sum += parts[from + part * stride + i];
                }
                let sum = sum * Vector::new(factor);
                gradients[to + i] = sum;
                total += sum * sum;
            }
        }
    }
    let mut own = 0.0f32;
    #[unroll]
    for k in 0..N::value() {
        own += total.extract(k);
    }
    let total = reduce::sum(own, &mut scratch, shape);
    if UNIT_POS == 0 {
        squares[replica * shares + share] = total;
    }
}

/// The norm of every replica's gradient, and what brings it under the limit.
#[cube(launch_unchecked)]
fn norms_kernel(
    squares: &[f32],
    factors: &[f32],
    norms: &mut [f32],
    scales: &mut [f32],
    shares: usize,
    #[comptime] shape: Rows,
) {
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let replica = CUBE_POS_X as usize;
    let mut total = 0.0f32;
    for share in range_stepped(UNIT_POS as usize, shares, UNITS) {
        total += squares[replica * shares + share];
    }
    let norm = reduce::sum(total, &mut scratch, shape).sqrt();
    if UNIT_POS == 0 {
        let limit = factors[replica * PER_REPLICA + 2 * FACTORS];
        norms[replica] = norm;
        scales[replica] = min(1.0f32, limit / (norm + 1e-6));
    }
}

/// Adds up the parts of all gradients, times `factor`, to flat `gradients`. Returns partial sums of their squares, `[R, shares]`.
pub(crate) fn gather(
    parts: &CubeTensor,
    tables: &Tables,
    gradients: &CubeTensor,
    factor: f32,
) -> CubeTensor {
    let shares = shares(tables.replicas, gradients.meta.num_elements());
    let squares = empty(parts, [tables.replicas, shares]);
    // SAFETY: every element belongs to one unit.
    unsafe {
        gather_kernel::launch_unchecked(
            on(&parts.client),
            CubeCount::Static(shares as u32, tables.replicas as u32, 1),
            CubeDim::new_1d(UNITS as u32),
            tables.even,
            reads(parts),
            reads(&primitive_int(tables.entries.clone())),
            writes(gradients),
            writes(&squares),
            tables.count,
            shares,
            factor,
            Rows::CUBE,
        );
    }
    squares
}

/// Norms and scales `[R]` from [`gather`]'s squares and `factors` `[R, PER_REPLICA]`.
pub(crate) fn norms(squares: &CubeTensor, factors: &CubeTensor) -> [CubeTensor; 2] {
    let [r, shares] = dims(squares);
    let [norms, scales] = [0; 2].map(|_| empty(squares, [r]));
    // SAFETY: one unit of each cube writes one element of each.
    unsafe {
        norms_kernel::launch_unchecked(
            on(&squares.client),
            CubeCount::Static(r as u32, 1, 1),
            CubeDim::new_1d(UNITS as u32),
            reads(squares),
            reads(factors),
            writes(&norms),
            writes(&scales),
            shares,
            Rows::CUBE,
        );
    }
    [norms, scales]
}
