//! Scores against the largest one that a row has had so far.
//!
//! Fragments of sums cannot be scaled row by row, so the largest score of a row that P is taken against is let lag
//! behind: sums go through shared memory to be scaled only where some row's largest score has grown by more than [`LAG`] (as in
//! FlashAttention-4). P stays below e^[`LAG`], whatever the lag, and comes out right.

use burn::cubecl::prelude::*;
use burn::cubecl::{self};

use super::super::tile::HIDDEN;
use super::coords::Place;
use super::grid::Grid;
use super::tile::{add_product, leave_scaled, meet, products, row_of_lane};
use crate::kernels::fragments::{Fragment, load_sums};
use crate::kernels::lines::{Line, Quad, pack, sum_of};

/// What the largest score of a row may grow by before P is taken against it.
const LAG: f32 = 5.0;

/// Largest `value` of the units that share a row.
#[cube]
pub(super) fn of_row(value: f32, #[comptime] largest: bool, #[comptime] grid: Grid) -> f32 {
    let mut result = value;
    let mut step = comptime!(grid.rows_of_plane());
    #[unroll]
    for _ in 0..comptime!(grid.sharers().ilog2() as usize) {
        let other = plane_shuffle_xor(result, comptime!(step as u32));
        if comptime!(largest) {
            result = max(result, other);
        } else {
            result += other;
        }
        comptime!(step *= 2);
    }
    result
}

/// Scales the sums of a plane's rows by a factor each, through its scratch.
#[cube]
fn scale_sums(
    sums: &Sequence<Fragment<f32>>,
    factors: &Array<f32>,
    scratch: &mut Shared<[Line]>,
    at: usize,
    #[comptime] grid: Grid,
) {
    let (side, deep, wide) = comptime!((grid.side, grid.deep, grid.wide()));
    let together = comptime!(grid.chunk.min(grid.deep));
    #[unroll]
    for round in 0..comptime!(deep.div_ceil(together)) {
        let count = comptime!(together.min(deep - round * together));
        leave_scaled(sums, factors, scratch, at, comptime!(round * together), count, grid);
        #[unroll]
        for i in 0..grid.down {
            #[unroll]
            for c in 0..count {
                let line = at + comptime!(i * side * wide + c * side / 4);
                let end = scratch.len();
                load_sums(
                    &sums[comptime!(i * deep + round * together + c)],
                    &scratch[line..end],
                    comptime!(4 * wide as u32),
                );
            }
        }
    }
    meet(grid);
}

/// P before its division by the sum: `exp` of scores against the largest one.
#[cube]
fn probabilities(scores: Quad, factor: f32, top: f32) -> Quad {
    (scores * Quad::new(factor) - Quad::new(top)).exp()
}

/// Adds a chunk of keys and values to the results of a plane's queries, through its scratch from line `at`. Each unit has the largest
/// scores and the sums of its own rows in `top` and `total`.
#[cube]
pub(super) fn attend<E: Float>(
    sums: &Sequence<Fragment<f32>>,
    top: &mut Array<f32>,
    total: &mut Array<f32>,
    queries: &Sequence<Fragment<E>>,
    tiles: &Shared<[Line]>,
    of_chunk: usize,
    scratch: &mut Shared<[Line]>,
    at: usize,
    factor: f32,
    place: Place,
    #[comptime] grid: Grid,
) {
    let lanes = grid.lanes;
    let (each, quads) = comptime!((grid.rows_of_lane(), grid.columns_of_lane() / 4));
    let (row, part) = row_of_lane(grid);
    let own = at + row * comptime!(grid.wide()) + part * quads;
    let mut s = Array::<Quad>::new(comptime!(each * quads));
    let mut factors = Array::<f32>::new(each);
    products::<E>(queries, tiles, of_chunk, scratch, at, grid);
    meet(grid);
    let mut high = Array::<f32>::new(each);
    #[unroll]
    for e in 0..each {
        let from = own + comptime!(e * lanes * grid.wide());
        #[unroll]
        for k in 0..quads {
            s[comptime!(e * quads + k)] = Quad::reinterpret(scratch[from + k]);
        }
    }
    if place.hides(false, grid) {
        // Keys of these columns that a row sees.
        let first_own = place.column + part * comptime!(4 * quads);
        #[unroll]
        for e in 0..each {
            let t = place.row + row + comptime!(e * lanes);
            #[unroll]
            for k in 0..quads {
                let mut quad = s[comptime!(e * quads + k)];
                #[unroll]
                for x in 0..4usize {
                    let is_seen = first_own + comptime!(4 * k + x) <= t;
                    quad.insert(x, select(is_seen, quad.extract(x), f32::new(HIDDEN)));
                }
                s[comptime!(e * quads + k)] = quad;
            }
        }
    }
    let mut grows = false;
    #[unroll]
    for e in 0..each {
        let mut largest = s[comptime!(e * quads)];
        #[unroll]
        for k in 1..quads {
            largest = max(largest, s[comptime!(e * quads + k)]);
        }
        let low = max(largest.extract(0usize), largest.extract(1usize));
        let upper = max(largest.extract(2usize), largest.extract(3usize));
        high[e] = max(low, upper) * factor;
        grows = grows || high[e] > top[e] + LAG;
    }
    if plane_any(grows) {
        #[unroll]
        for e in 0..each {
            let new = max(top[e], of_row(high[e], true, grid));
            factors[e] = (top[e] - new).exp();
            total[e] *= factors[e];
            top[e] = new;
        }
        if place.column > 0 {
            scale_sums(sums, &factors, scratch, at, grid);
        }
    }
    #[unroll]
    for e in 0..each {
        let to = own + comptime!(e * lanes * grid.wide());
        let mut sum = Quad::new(0.0f32);
        #[unroll]
        for k in 0..comptime!(quads / 2) {
            let low = probabilities(s[comptime!(e * quads + 2 * k)], factor, top[e]);
            let upper = probabilities(s[comptime!(e * quads + 2 * k + 1)], factor, top[e]);
            sum += low + upper;
            scratch[to + k] = pack::<E>(Line::reinterpret(low), Line::reinterpret(upper));
        }
        total[e] += sum_of(sum);
    }
    meet(grid);
    let values = of_chunk + comptime!(grid.tiles() / 2);
    add_product::<E>(sums, &*scratch, at, tiles, values, grid);
    meet(grid);
}
