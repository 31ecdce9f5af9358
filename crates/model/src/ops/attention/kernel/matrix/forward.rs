//! The forward pass: a cube for each tile of queries of each head.
//!
//! Fragments of sums cannot be scaled row by row, so the largest score of a row that P is taken against is let lag
//! behind: sums go through shared memory to be scaled only where some row's largest score has grown by more than [`LAG`] (as in
//! FlashAttention-4). P stays below e^[`LAG`], whatever the lag, and comes out right.

use burn::cubecl::prelude::*;
use burn::cubecl::{self, cmma};
use burn_cubecl::tensor::CubeTensor;

use super::super::tile::HIDDEN;
use super::coords::{Sizes, SizesLaunch, tile_coords};
use super::grid::Grid;
use super::tile::{
    add_product, fetch, leave, meet, no_sums, products, row_of_lane, rows_of_plane, scale, store,
};
use crate::kernels::launch::cubes;
use crate::kernels::lines::{Line, Quad, pack, sum_of};
use crate::kernels::tensors::elem;
use crate::kernels::traffic::{on, reads_some, writes};
use crate::ops::attention::dims::Dims;

/// What the largest score of a row may grow by before P is taken against it.
const LAG: f32 = 5.0;

/// Largest `value` of the units that share a row.
#[cube]
fn of_row(value: f32, #[comptime] largest: bool, #[comptime] grid: Grid) -> f32 {
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
    sums: &mut Sequence<cmma::Matrix<f32>>,
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
        meet(grid);
        #[unroll]
        for i in 0..grid.down {
            #[unroll]
            for c in 0..count {
                let line = at + comptime!(i * side * wide + c * side / 4);
                let end = scratch.len();
                cmma::store(
                    &mut scratch[line..end],
                    &sums[comptime!(i * deep + round * together + c)],
                    comptime!(4 * wide as u32),
                    cmma::MatrixLayout::RowMajor,
                );
            }
        }
        meet(grid);
        scale(scratch, at, factors, comptime!(count * side / 4), grid);
        meet(grid);
        #[unroll]
        for i in 0..grid.down {
            #[unroll]
            for c in 0..count {
                let line = at + comptime!(i * side * wide + c * side / 4);
                let end = scratch.len();
                cmma::load_with_layout(
                    &mut sums[comptime!(i * deep + round * together + c)],
                    &scratch[line..end],
                    comptime!(4 * wide as u32),
                    cmma::MatrixLayout::RowMajor,
                );
            }
        }
    }
    meet(grid);
}

#[cube(launch_unchecked)]
fn forward_kernel<E: Float, N: Size>(
    qk: &[Vector<u32, N>],
    qkv: &[Vector<u32, N>],
    out: &mut [Vector<u32, N>],
    log_sums: &mut [f32],
    sizes: Sizes,
    #[comptime] grid: Grid,
    #[define(E)] _type: ElemType,
) {
    let (others, lanes) = comptime!((grid.others(), grid.lanes));
    let (each, quads) = comptime!((grid.rows_of_lane(), grid.columns_of_lane() / 4));
    let mut tiles = Shared::<[Line]>::new_aligned_slice(grid.tiles(), 16usize);
    let mut scratch =
        Shared::<[Line]>::new_aligned_slice(comptime!(grid.planes * grid.scratch()), 16usize);
    let here = tile_coords(&sizes, true, grid);
    let (context, factor) = (sizes.context, sizes.scale);
    let (first, first_of_plane) = (here.first, here.first_of_plane);
    let k_at = here.q_at + here.width;
    let at = UNIT_POS_Y as usize * comptime!(grid.scratch());
    let (row, part) = row_of_lane(grid);
    let own = at + row * comptime!(grid.wide()) + part * quads;

    let mut of_queries = Array::<Line>::new(comptime!(grid.fetched(grid.rows())));
    fetch::<N>(
        qk,
        here.q_at,
        sizes.qk_stride,
        first,
        context,
        &mut of_queries,
        comptime!(grid.rows()),
        grid,
    );
    let mut of_keys = Array::<Line>::new(comptime!(grid.fetched(grid.others())));
    let mut of_values = Array::<Line>::new(comptime!(grid.fetched(grid.others())));
    fetch::<N>(qk, k_at, sizes.qk_stride, 0usize, context, &mut of_keys, others, grid);
    fetch::<N>(qkv, here.v_at, 3 * here.width, 0usize, context, &mut of_values, others, grid);
    leave(&of_queries, &mut tiles, 0usize, comptime!(grid.rows()), grid);
    sync_cube();
    let queries = rows_of_plane::<E>(&tiles, grid);

    let mut sums = no_sums(comptime!(grid.down * grid.deep), grid.side);
    let mut top = Array::<f32>::new(each);
    let mut total = Array::<f32>::new(each);
    let mut factors = Array::<f32>::new(each);
    #[unroll]
    for e in 0..each {
        top[e] = f32::new(HIDDEN);
        total[e] = 0.0;
    }
    let mut s = Array::<Quad>::new(comptime!(each * quads));
    let seen = min(first + comptime!(grid.rows()), context);
    let rounds = seen.div_ceil(others);
    for round in 0..rounds {
        let first_key = round * others;
        sync_cube(); // the tiles before have been used
        leave(&of_keys, &mut tiles, 0usize, others, grid);
        leave(&of_values, &mut tiles, comptime!(grid.tiles() / 2), others, grid);
        sync_cube();
        if round + 1 < rounds {
            let next = first_key + others;
            fetch::<N>(qk, k_at, sizes.qk_stride, next, context, &mut of_keys, others, grid);
            fetch::<N>(qkv, here.v_at, 3 * here.width, next, context, &mut of_values, others, grid);
        }
        for c in 0..comptime!(grid.across / grid.chunk) {
            let column = first_key + c * comptime!(grid.columns());
            if column < first_of_plane + comptime!(grid.rows_of_plane()) {
                let of_chunk = c * comptime!(grid.columns() * grid.stride());
                products::<E>(&queries, &tiles, of_chunk, &mut scratch, at, grid);
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
                if column + comptime!(grid.columns()) > first_of_plane + 1 {
                    // Keys of these columns that a row sees.
                    let first_own = column + part * comptime!(4 * quads);
                    #[unroll]
                    for e in 0..each {
                        let t = first_of_plane + row + comptime!(e * lanes);
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
                    if column > 0 {
                        scale_sums(&mut sums, &factors, &mut scratch, at, grid);
                    }
                }
                #[unroll]
                for e in 0..each {
                    let to = own + comptime!(e * lanes * grid.wide());
                    let mut sum = Quad::new(0.0f32);
                    #[unroll]
                    for k in 0..comptime!(quads / 2) {
                        let low = probabilities(s[comptime!(e * quads + 2 * k)], factor, top[e]);
                        let upper =
                            probabilities(s[comptime!(e * quads + 2 * k + 1)], factor, top[e]);
                        sum += low + upper;
                        scratch[to + k] =
                            pack::<E>(Line::reinterpret(low), Line::reinterpret(upper));
                    }
                    total[e] += sum_of(sum);
                }
                meet(grid);
                let values = of_chunk + comptime!(grid.tiles() / 2);
                add_product::<E>(&sums, &scratch, at, &tiles, values, grid);
                meet(grid);
            }
        }
    }

    #[unroll]
    for e in 0..each {
        let sum = of_row(total[e], false, grid);
        factors[e] = 1.0 / sum;
        let t = first_of_plane + row + comptime!(e * lanes);
        if part == 0 && t < context && here.is_real {
            log_sums[here.rows_at + t] = top[e] + sum.ln();
        }
    }
    store::<E, N>(
        &sums,
        &factors,
        &mut scratch,
        at,
        out,
        here.y_at,
        here.width,
        first_of_plane,
        context,
        here.is_real,
        grid,
    );
}

/// P before its division by the sum: `exp` of scores against the largest one.
#[cube]
fn probabilities(scores: Quad, factor: f32, top: f32) -> Quad {
    (scores * Quad::new(factor) - Quad::new(top)).exp()
}

/// Writes `out` and `log_sum`.
pub(super) fn launch(
    grid: Grid,
    qk: &CubeTensor,
    qkv: &CubeTensor,
    out: &CubeTensor,
    log_sum: &CubeTensor,
    d: Dims,
) {
    let qk_stride = qk.meta.shape().dims::<3>()[2];
    let (sizes, total) = SizesLaunch::of(d, qk_stride, grid);
    let elements = out.meta.num_elements();
    // SAFETY: cubes beyond the last tile and rows beyond the context write nothing.
    unsafe {
        forward_kernel::launch_unchecked(
            on(&out.client),
            cubes(total),
            grid.dim(),
            grid.piece,
            reads_some(qk, 2 * elements),
            reads_some(qkv, elements),
            writes(out),
            writes(log_sum),
            sizes,
            grid,
            elem(qkv.dtype),
        );
    }
}
