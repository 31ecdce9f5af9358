//! The backward pass of keys and values: a cube for each tile of them, which goes through the queries that see them.
//!
//! Scores are made transposed, so that each plane has the rows of its own keys and no other plane needs its part of P.

use burn::cubecl::prelude::*;
use burn::cubecl::{self};
use burn_cubecl::tensor::CubeTensor;

use super::coords::{Place, Sizes, SizesLaunch, is_case, tile_coords};
use super::grid::Grid;
use super::held::add_key_gradients;
use super::queries::P_SCALE;
use super::tile::{
    add_product, fetch, fetch_numbers, leave, leave_numbers, meet, no_sums, products, row_of_lane,
    rows_of_plane, store,
};
use crate::kernels::launch::cubes;
use crate::kernels::lines::{Line, Quad, pack};
use crate::kernels::tensors::elem;
use crate::kernels::traffic::{on, reads, reads_some, writes_some};
use crate::ops::attention::dims::Dims;

#[cube(launch_unchecked)]
fn keys_kernel<E: Float, N: Size>(
    qk: &[Vector<u32, N>],
    qkv: &[Vector<u32, N>],
    dy: &[Vector<u32, N>],
    log_sums: &[f32],
    deltas: &[f32],
    dqkv: &mut [Vector<u32, N>],
    sizes: Sizes,
    #[comptime] grid: Grid,
    #[define(E)] _type: ElemType,
) {
    let others = comptime!(grid.others());
    let (each, quads) = comptime!((grid.rows_of_lane(), grid.columns_of_lane() / 4));
    let mut tiles = Shared::<[Line]>::new_aligned_slice(grid.tiles(), 16usize);
    let mut scratch =
        Shared::<[Line]>::new_aligned_slice(comptime!(grid.planes * grid.scratch()), 16usize);
    let mut shifts = Shared::<[f32]>::new_aligned_slice(others, 16usize);
    let mut deltas_here = Shared::<[f32]>::new_aligned_slice(others, 16usize);
    let here = tile_coords(&sizes, false, grid);
    let (context, factor) = (sizes.context, sizes.scale);
    let (first, first_of_plane) = (here.first, here.first_of_plane);
    let k_at = here.q_at + here.width;
    let at = UNIT_POS_Y as usize * comptime!(grid.scratch());
    let second = at + comptime!(grid.columns() / 4);
    let (row, part) = row_of_lane(grid);
    let own = at + row * comptime!(grid.wide()) + part * quads;

    let rows = comptime!(grid.rows());
    let mut of_rows = Array::<Line>::new(comptime!(grid.fetched(grid.rows())));
    fetch::<N>(qk, k_at, sizes.qk_stride, first, context, &mut of_rows, rows, grid);
    leave(&of_rows, &mut tiles, 0usize, rows, grid);
    fetch::<N>(qkv, here.v_at, 3 * here.width, first, context, &mut of_rows, rows, grid);
    // The first tile of queries that one of the keys is seen by.
    let begin = first / others;
    let end = context.div_ceil(others);
    let mut of_queries = Array::<Line>::new(comptime!(grid.fetched(grid.others())));
    let mut of_dys = Array::<Line>::new(comptime!(grid.fetched(grid.others())));
    let mut of_log_sums = Array::<f32>::new(comptime!(grid.others().div_ceil(grid.units())));
    let mut of_deltas = Array::<f32>::new(comptime!(grid.others().div_ceil(grid.units())));
    let next = begin * others;
    fetch::<N>(qk, here.q_at, sizes.qk_stride, next, context, &mut of_queries, others, grid);
    fetch::<N>(dy, here.y_at, here.width, next, context, &mut of_dys, others, grid);
    fetch_numbers(log_sums, here.rows_at, next, context, 0.0, &mut of_log_sums, grid);
    fetch_numbers(deltas, here.rows_at, next, context, 0.0, &mut of_deltas, grid);
    sync_cube();
    let keys = rows_of_plane::<E>(&tiles, grid);
    sync_cube();
    leave(&of_rows, &mut tiles, 0usize, rows, grid);
    sync_cube();
    let values = rows_of_plane::<E>(&tiles, grid);

    // What is added to scores before `exp` is added to their sums, before `factor`, where they stay in fragments; so is delta.
    let mut per_score = 1.0f32;
    let mut of_delta = 1.0f32;
    if comptime!(grid.held) {
        per_score = 1.0 / factor;
        of_delta = -1.0f32;
    }
    let shift = comptime!(P_SCALE.ln()) * per_score;
    let dk = no_sums(comptime!(grid.down * grid.deep), grid.side);
    let dv = no_sums(comptime!(grid.down * grid.deep), grid.side);
    for round in begin..end {
        let first_query = round * others;
        sync_cube(); // the tiles before have been used
        leave(&of_queries, &mut tiles, 0usize, others, grid);
        leave(&of_dys, &mut tiles, comptime!(grid.tiles() / 2), others, grid);
        leave_numbers(&of_log_sums, -per_score, shift, &mut shifts, grid);
        leave_numbers(&of_deltas, of_delta, 0.0, &mut deltas_here, grid);
        sync_cube();
        if round + 1 < end {
            let next = first_query + others;
            fetch::<N>(
                qk,
                here.q_at,
                sizes.qk_stride,
                next,
                context,
                &mut of_queries,
                others,
                grid,
            );
            fetch::<N>(dy, here.y_at, here.width, next, context, &mut of_dys, others, grid);
            fetch_numbers(log_sums, here.rows_at, next, context, 0.0, &mut of_log_sums, grid);
            fetch_numbers(deltas, here.rows_at, next, context, 0.0, &mut of_deltas, grid);
        }
        for c in 0..comptime!(grid.across / grid.chunk) {
            let column = first_query + c * comptime!(grid.columns());
            if column + comptime!(grid.columns()) > first_of_plane {
                let of_chunk = c * comptime!(grid.columns() * grid.stride());
                let place = Place { row: first_of_plane, column };
                if comptime!(grid.held) {
                    add_key_gradients::<E>(
                        &dk,
                        &dv,
                        &keys,
                        &values,
                        &tiles,
                        of_chunk,
                        &shifts,
                        &deltas_here,
                        c * comptime!(grid.columns()),
                        factor,
                        place,
                        grid,
                    );
                } else {
                    let of_dys_chunk = of_chunk + comptime!(grid.tiles() / 2);
                    products::<E>(&keys, &tiles, of_chunk, &mut scratch, at, grid);
                    products::<E>(&values, &tiles, of_dys_chunk, &mut scratch, second, grid);
                    meet(grid);
                    let first_own = c * comptime!(grid.columns()) + part * comptime!(4 * quads);
                    let before = first_query + first_own;
                    let t = first_of_plane + row;
                    let hides = place.hides(true, grid);
                    #[unroll]
                    for case in 0..2usize {
                        if is_case(hides, case) {
                            score_gradients::<E>(
                                &mut scratch,
                                own,
                                factor,
                                &shifts,
                                &deltas_here,
                                first_own,
                                t,
                                before,
                                comptime!(case == 1),
                                grid,
                            );
                        }
                    }
                    meet(grid);
                    add_product::<E>(&dv, &scratch, at, &tiles, of_dys_chunk, grid);
                    add_product::<E>(&dk, &scratch, second, &tiles, of_chunk, grid);
                    meet(grid);
                }
            }
        }
    }
    let mut factors = Array::<f32>::new(each);
    #[unroll]
    for e in 0..each {
        factors[e] = comptime!(1.0 / P_SCALE).runtime();
    }
    store::<E, N>(
        &dv,
        &factors,
        &mut scratch,
        at,
        dqkv,
        here.d_at + 2 * here.width,
        3 * here.width,
        first_of_plane,
        context,
        here.is_real,
        grid,
    );
    #[unroll]
    for e in 0..each {
        factors[e] = factor * comptime!(1.0 / P_SCALE);
    }
    store::<E, N>(
        &dk,
        &factors,
        &mut scratch,
        at,
        dqkv,
        here.d_at + here.width,
        3 * here.width,
        first_of_plane,
        context,
        here.is_real,
        grid,
    );
}

/// Leaves P in the place of the scores, and `dS = P (dP - delta)` in the place of dP, both times [`P_SCALE`]. Rows
/// are keys, a unit's first one `t`, and columns queries, its first one `before` of the sequence and `first` of the tile;
/// with `hides`, rows are not seen by columns before them.
#[cube]
fn score_gradients<E: Float>(
    scratch: &mut Shared<[Line]>,
    own: usize,
    factor: f32,
    shifts: &Shared<[f32]>,
    deltas: &Shared<[f32]>,
    first: usize,
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
            let mut ps = Sequence::<Line>::new();
            let mut dss = Sequence::<Line>::new();
            #[unroll]
            for h in 0..2usize {
                let line = from + comptime!(2 * k + h);
                let s = Quad::reinterpret(scratch[line]);
                let dp = Quad::reinterpret(scratch[line + comptime!(grid.columns() / 4)]);
                let mut shift = Quad::new(0.0f32);
                let mut delta = Quad::new(0.0f32);
                #[unroll]
                for x in 0..4usize {
                    let column = first + comptime!(4 * (2 * k + h) + x);
                    shift.insert(x, shifts[column]);
                    delta.insert(x, deltas[column]);
                }
                let mut p = (s * Quad::new(factor) + shift).exp();
                if comptime!(hides) {
                    #[unroll]
                    for x in 0..4usize {
                        let is_seen = t <= before + comptime!(4 * (2 * k + h) + x);
                        p.insert(x, select(is_seen, p.extract(x), f32::new(0.0)));
                    }
                }
                ps.push(Line::reinterpret(p));
                dss.push(Line::reinterpret(p * (dp - delta)));
            }
            scratch[from + k] = pack::<E>(ps[0], ps[1]);
            scratch[from + k + comptime!(grid.columns() / 4)] = pack::<E>(dss[0], dss[1]);
        }
    }
}

/// Writes the keys' and the values' thirds of `dqkv`.
pub(super) fn launch(
    grid: Grid,
    [qk, qkv, dy, log_sum, deltas]: [&CubeTensor; 5],
    dqkv: &CubeTensor,
    d: Dims,
) {
    let qk_stride = qk.meta.shape().dims::<3>()[2];
    let (sizes, total) = SizesLaunch::of(d, qk_stride, grid);
    let elements = dy.meta.num_elements();
    // SAFETY: cubes beyond the last tile and rows beyond the context write nothing.
    unsafe {
        keys_kernel::launch_unchecked(
            on(&dy.client),
            cubes(total),
            grid.dim(),
            grid.piece,
            reads_some(qk, 2 * elements),
            reads_some(qkv, elements),
            reads(dy),
            reads(log_sum),
            reads(deltas),
            writes_some(dqkv, 2 * elements),
            sizes,
            grid,
            elem(qkv.dtype),
        );
    }
}
