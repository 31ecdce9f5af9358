//! The forward pass: a cube for each tile of queries of each head.
//!
//! Heads that are normed have scores of which the largest is known from the gains: where that one is small, scores stay in fragments
//! ([`held`]), else they go through shared memory ([`running`]).

use burn::cubecl::prelude::*;
use burn::cubecl::{self};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;

use super::super::tile::HIDDEN;
use super::coords::{Place, Sizes, SizesLaunch, tile_coords};
use super::grid::Grid;
use super::held;
use super::running::{self, of_row};
use super::tile::{fetch, leave, meet, no_sums, row_of_lane, rows_of_plane, store};
use crate::kernels::fragments;
use crate::kernels::launch::cubes;
use crate::kernels::lines::{Line, PER_WORD};
use crate::kernels::tensors::elem;
use crate::kernels::traffic::{on, reads_if, reads_some, writes};
use crate::ops::attention::dims::Dims;

/// Scores up to which P is taken without another one: no value of P leaves the type's range, and sums are in `f32`.
fn most_of(half: DType) -> f32 {
    if half == DType::F16 { 9.0 } else { 60.0 }
}

/// Largest `value` of the units of a plane.
#[cube]
fn largest_of_plane(value: f32, #[comptime] grid: Grid) -> f32 {
    let mut result = value;
    #[unroll]
    for i in 0..comptime!(grid.lanes.ilog2() as usize) {
        result = max(result, plane_shuffle_xor(result, comptime!(1u32 << i as u32)));
    }
    result
}

/// What no score of normed heads exceeds: both norms are at most the largest gain times the root of `head_dim`.
#[cube]
fn largest_score(
    q_gain: &[f32],
    k_gain: &[f32],
    replica: usize,
    factor: f32,
    #[comptime] grid: Grid,
) -> f32 {
    let head_dim = comptime!(grid.words * PER_WORD);
    let mut q = 0.0f32;
    let mut k = 0.0f32;
    for i in range_stepped(UNIT_POS_X as usize, head_dim, grid.lanes) {
        q = max(q, q_gain[replica * head_dim + i].abs());
        k = max(k, k_gain[replica * head_dim + i].abs());
    }
    largest_of_plane(q, grid) * largest_of_plane(k, grid) * factor * comptime!(head_dim as f32)
}

#[cube(launch_unchecked)]
#[allow(clippy::collapsible_if)] // one is decided when the kernel is compiled
fn forward_kernel<E: Float, N: Size>(
    qk: &[Vector<u32, N>],
    qkv: &[Vector<u32, N>],
    q_gain: &[f32],
    k_gain: &[f32],
    out: &mut [Vector<u32, N>],
    log_sums: &mut [f32],
    sizes: Sizes,
    most: f32,
    #[comptime] grid: Grid,
    #[define(E)] _type: ElemType,
) {
    let (others, lanes) = comptime!((grid.others(), grid.lanes));
    let each = grid.rows_of_lane();
    let mut tiles = Shared::<[Line]>::new_aligned_slice(grid.tiles(), 16usize);
    let mut scratch =
        Shared::<[Line]>::new_aligned_slice(comptime!(grid.planes * grid.scratch()), 16usize);
    let here = tile_coords(&sizes, true, grid);
    let (context, factor) = (sizes.context, sizes.scale);
    let (first, first_of_plane) = (here.first, here.first_of_plane);
    let k_at = here.q_at + here.width;
    let at = UNIT_POS_Y as usize * comptime!(grid.scratch());
    let (row, part) = row_of_lane(grid);

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

    let sums = no_sums(comptime!(grid.down * grid.deep), grid.side);
    let mut top = Array::<f32>::new(each);
    let mut total = Array::<f32>::new(each);
    let mut factors = Array::<f32>::new(each);
    #[unroll]
    for e in 0..each {
        top[e] = f32::new(HIDDEN);
        total[e] = 0.0;
    }
    // Where no score can be large, all are taken as they are, and their sums are those of products with 1.
    let mut is_bounded = false;
    let totals = no_sums(comptime!(if grid.held { grid.down } else { 0 }), grid.side);
    if comptime!(grid.held) {
        is_bounded = largest_score(q_gain, k_gain, here.replica, factor, grid) <= most;
    }
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
                let place = Place { row: first_of_plane, column };
                let mut runs = true;
                if comptime!(grid.held) {
                    runs = !is_bounded;
                }
                if runs {
                    running::attend::<E>(
                        &sums,
                        &mut top,
                        &mut total,
                        &queries,
                        &tiles,
                        of_chunk,
                        &mut scratch,
                        at,
                        factor,
                        place,
                        grid,
                    );
                }
                if comptime!(grid.held) {
                    if is_bounded {
                        held::attend::<E>(
                            &sums, &totals, &queries, &tiles, of_chunk, factor, place, grid,
                        );
                    }
                }
            }
        }
    }

    if comptime!(grid.held) {
        meet(grid);
        #[unroll]
        for i in 0..grid.down {
            let to = at + comptime!(i * grid.side * grid.wide());
            let end = scratch.len();
            fragments::store(&mut scratch[to..end], &totals[i], comptime!(4 * grid.wide() as u32));
        }
        meet(grid);
    }
    #[unroll]
    for e in 0..each {
        let mut sum = of_row(total[e], false, grid);
        if comptime!(grid.held) {
            if is_bounded {
                // Every column has it.
                let line = at + (row + comptime!(e * lanes)) * comptime!(grid.wide());
                sum = f32::reinterpret(scratch[line].extract(0usize));
                top[e] = 0.0;
            }
        }
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

/// Writes `out` and `log_sum`.
pub(super) fn launch(
    grid: Grid,
    qk: &CubeTensor,
    qkv: &CubeTensor,
    gains: [Option<&CubeTensor>; 2],
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
            reads_if(gains[0].filter(|_| grid.held), qk),
            reads_if(gains[1].filter(|_| grid.held), qk),
            writes(out),
            writes(log_sum),
            sizes,
            most_of(qkv.dtype),
            grid,
            elem(qkv.dtype),
        );
    }
}
