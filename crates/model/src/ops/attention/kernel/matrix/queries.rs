//! The backward pass of queries: a cube for each tile of them, which goes through the keys that they see.
//!
//! It also leaves `delta = rowsum(dO O)` of every row (Dao 2023, algorithm 2), for the backward pass of keys.

use burn::cubecl::prelude::*;
use burn::cubecl::{self};
use burn_cubecl::tensor::CubeTensor;

use super::coords::{Place, Sizes, SizesLaunch, is_case, tile_coords};
use super::grid::Grid;
use super::held::add_query_gradients;
use super::tile::{
    add_product, fetch, leave, meet, no_sums, products, row_of_lane, rows_of_plane, store,
};
use crate::kernels::launch::cubes;
use crate::kernels::lines::{Line, Quad, pack, sum_of, unpack};
use crate::kernels::tensors::elem;
use crate::kernels::traffic::{on, reads, reads_some, writes, writes_some};
use crate::ops::attention::dims::Dims;

/// What P is multiplied by in half precision, and products with it and with dS divided by: dS is as small as a weight of the
/// softmax, below the range of f16 for long contexts.
pub(super) const P_SCALE: f32 = 16.0;

/// Product of eight elements with eight others.
#[cube]
fn product_of<E: Float>(a: Line, b: Line) -> f32 {
    let low = unpack::<E>(a, false) * unpack::<E>(b, false);
    sum_of(low + unpack::<E>(a, true) * unpack::<E>(b, true))
}

#[cube(launch_unchecked)]
#[allow(clippy::if_same_then_else, clippy::collapsible_if)] // one is decided when the kernel is compiled
fn queries_kernel<E: Float, N: Size>(
    qk: &[Vector<u32, N>],
    qkv: &[Vector<u32, N>],
    out: &[Vector<u32, N>],
    dy: &[Vector<u32, N>],
    log_sums: &[f32],
    deltas: &mut [f32],
    dqkv: &mut [Vector<u32, N>],
    sizes: Sizes,
    #[comptime] grid: Grid,
    #[define(E)] _type: ElemType,
) {
    let (others, lanes, lines, units) =
        comptime!((grid.others(), grid.lanes, grid.lines(), grid.units()));
    let (each, quads) = comptime!((grid.rows_of_lane(), grid.columns_of_lane() / 4));
    let mut tiles = Shared::<[Line]>::new_aligned_slice(grid.tiles(), 16usize);
    let mut scratch =
        Shared::<[Line]>::new_aligned_slice(comptime!(grid.planes * grid.scratch()), 16usize);
    // Parts of each row's delta; where scores stay in fragments, what is added to scores, and to dP.
    let mut parts = Shared::<[f32]>::new_aligned_slice(grid.parts(), 16usize);
    let (shifts, deltas_at) =
        comptime!((grid.rows() * grid.lines(), grid.rows() * (grid.lines() + 1)));
    let here = tile_coords(&sizes, true, grid);
    let (context, factor) = (sizes.context, sizes.scale);
    let (first, first_of_plane) = (here.first, here.first_of_plane);
    let k_at = here.q_at + here.width;
    let at = UNIT_POS_Y as usize * comptime!(grid.scratch());
    let (row, part) = row_of_lane(grid);
    let own = at + row * comptime!(grid.wide()) + part * quads;

    let rows = comptime!(grid.rows());
    let mut of_queries = Array::<Line>::new(comptime!(grid.fetched(grid.rows())));
    let mut of_results = Array::<Line>::new(comptime!(grid.fetched(grid.rows())));
    fetch::<N>(qk, here.q_at, sizes.qk_stride, first, context, &mut of_queries, rows, grid);
    leave(&of_queries, &mut tiles, 0usize, rows, grid);
    fetch::<N>(dy, here.y_at, here.width, first, context, &mut of_queries, rows, grid);
    fetch::<N>(out, here.y_at, here.width, first, context, &mut of_results, rows, grid);
    let mut of_keys = Array::<Line>::new(comptime!(grid.fetched(grid.others())));
    let mut of_values = Array::<Line>::new(comptime!(grid.fetched(grid.others())));
    fetch::<N>(qk, k_at, sizes.qk_stride, 0usize, context, &mut of_keys, others, grid);
    fetch::<N>(qkv, here.v_at, 3 * here.width, 0usize, context, &mut of_values, others, grid);
    sync_cube();
    let queries = rows_of_plane::<E>(&tiles, grid);
    sync_cube();
    leave(&of_queries, &mut tiles, 0usize, rows, grid);
    #[unroll]
    for i in 0..comptime!(grid.fetched(grid.rows())) {
        let line = UNIT_POS as usize + comptime!(i * units);
        let product = product_of::<E>(of_queries[i], of_results[i]);
        if comptime!((grid.rows() * grid.lines()).is_multiple_of(units)) {
            parts[line] = product;
        } else if line < comptime!(grid.rows() * grid.lines()) {
            parts[line] = product;
        }
    }
    sync_cube();
    let dys = rows_of_plane::<E>(&tiles, grid);

    // Of each row: what is added to scores before `exp`, and delta.
    let mut shift = Array::<f32>::new(each);
    let mut delta = Array::<f32>::new(each);
    let mut factors = Array::<f32>::new(each);
    #[unroll]
    for e in 0..each {
        let of_cube = first_of_plane - first + row + comptime!(e * lanes);
        let t = first + of_cube;
        let mut sum = 0.0f32;
        #[unroll]
        for k in 0..lines {
            sum += parts[of_cube * lines + k];
        }
        delta[e] = sum;
        shift[e] = comptime!(P_SCALE.ln()).runtime();
        if t < context {
            shift[e] -= log_sums[here.rows_at + t];
            if part == 0 && here.is_real {
                deltas[here.rows_at + t] = sum;
            }
        }
        factors[e] = factor * comptime!(1.0 / P_SCALE);
        if comptime!(grid.held) {
            if part == 0 {
                parts[shifts + of_cube] = shift[e] / factor;
                parts[deltas_at + of_cube] = -sum;
            }
        }
    }

    let sums = no_sums(comptime!(grid.down * grid.deep), grid.side);
    let seen = min(first + rows, context);
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
                if comptime!(grid.held) {
                    let of_plane = first_of_plane - first;
                    add_query_gradients::<E>(
                        &sums,
                        &queries,
                        &dys,
                        &tiles,
                        of_chunk,
                        &parts,
                        of_plane + shifts,
                        of_plane + deltas_at,
                        factor,
                        place,
                        grid,
                    );
                } else {
                    let of_values_chunk = of_chunk + comptime!(grid.tiles() / 2);
                    let second = at + comptime!(grid.columns() / 4);
                    products::<E>(&queries, &tiles, of_chunk, &mut scratch, at, grid);
                    products::<E>(&dys, &tiles, of_values_chunk, &mut scratch, second, grid);
                    meet(grid);
                    let before = column + part * comptime!(4 * quads);
                    let t = first_of_plane + row;
                    let hides = place.hides(false, grid);
                    #[unroll]
                    for case in 0..2usize {
                        if is_case(hides, case) {
                            score_gradients::<E>(
                                &mut scratch,
                                own,
                                factor,
                                &shift,
                                &delta,
                                t,
                                before,
                                comptime!(case == 1),
                                grid,
                            );
                        }
                    }
                    meet(grid);
                    add_product::<E>(&sums, &scratch, at, &tiles, of_chunk, grid);
                    meet(grid);
                }
            }
        }
    }
    store::<E, N>(
        &sums,
        &factors,
        &mut scratch,
        at,
        dqkv,
        here.d_at,
        3 * here.width,
        first_of_plane,
        context,
        here.is_real,
        grid,
    );
}

/// Leaves `dS = P (dP - delta)`, times [`P_SCALE`], in the place of the scores. A unit's first row is `t` and its first column
/// `before`; with `hides`, rows do not see columns behind them.
#[cube]
fn score_gradients<E: Float>(
    scratch: &mut Shared<[Line]>,
    own: usize,
    factor: f32,
    shift: &Array<f32>,
    delta: &Array<f32>,
    t: usize,
    before: usize,
    #[comptime] hides: bool,
    #[comptime] grid: Grid,
) {
    let quads = comptime!(grid.columns_of_lane() / 4);
    #[unroll]
    for e in 0..comptime!(grid.rows_of_lane()) {
        let from = own + comptime!(e * grid.lanes * grid.wide());
        let t = t + comptime!(e * grid.lanes);
        #[unroll]
        for k in 0..comptime!(quads / 2) {
            let mut pair = Sequence::<Line>::new();
            #[unroll]
            for h in 0..2usize {
                let line = from + comptime!(2 * k + h);
                let s = Quad::reinterpret(scratch[line]);
                let dp = Quad::reinterpret(scratch[line + comptime!(grid.columns() / 4)]);
                let mut p = (s * Quad::new(factor) + Quad::new(shift[e])).exp();
                if comptime!(hides) {
                    #[unroll]
                    for x in 0..4usize {
                        let is_seen = before + comptime!(4 * (2 * k + h) + x) <= t;
                        p.insert(x, select(is_seen, p.extract(x), f32::new(0.0)));
                    }
                }
                pair.push(Line::reinterpret(p * (dp - Quad::new(delta[e]))));
            }
            scratch[from + k] = pack::<E>(pair[0], pair[1]);
        }
    }
}

/// Writes the queries' third of `dqkv`, and `deltas` `[R * sequences * heads, context]`.
pub(super) fn launch(
    grid: Grid,
    [qk, qkv, out, dy, log_sum]: [&CubeTensor; 5],
    deltas: &CubeTensor,
    dqkv: &CubeTensor,
    d: Dims,
) {
    let qk_stride = qk.meta.shape().dims::<3>()[2];
    let (sizes, total) = SizesLaunch::of(d, qk_stride, grid);
    let elements = out.meta.num_elements();
    // SAFETY: cubes beyond the last tile and rows beyond the context write nothing.
    unsafe {
        queries_kernel::launch_unchecked(
            on(&out.client),
            cubes(total),
            grid.dim(),
            grid.piece,
            reads_some(qk, 2 * elements),
            reads_some(qkv, elements),
            reads(out),
            reads(dy),
            reads(log_sum),
            writes(deltas),
            writes_some(dqkv, elements),
            sizes,
            grid,
            elem(qkv.dtype),
        );
    }
}
