//! The backward pass of keys and values: a cube for each tile of them, which goes through the queries that see them.
//!
//! Scores are made transposed, so that each plane has the rows of its own keys and no other plane needs its weights.

use burn::cubecl::prelude::*;
use burn::cubecl::{self};
use burn::tensor::{DType, bf16, f16};
use burn_cubecl::tensor::CubeTensor;

use super::grid::Grid;
use super::place::{Sizes, SizesLaunch, place};
use super::queries::SLOPES;
use super::tile::{
    add_product, fetch, leave, meet, no_sums, products, row_of_lane, rows_of_plane, store,
};
use crate::kernels::launch::cubes;
use crate::kernels::lines::{Line, Quad, pack};
use crate::ops::attention::dims::Dims;

/// Fetches what rows `first..` of a sequence have one number each of, `other` beyond the context.
#[cube]
fn fetch_numbers(
    from: &[f32],
    at: usize,
    first: usize,
    context: usize,
    other: f32,
    to: &mut Array<f32>,
    #[comptime] grid: Grid,
) {
    #[unroll]
    for i in 0..comptime!(grid.others().div_ceil(grid.units())) {
        let t = first + UNIT_POS as usize + comptime!(i * grid.units());
        let mut value = other;
        if t < context {
            value = from[at + t];
        }
        to[i] = value;
    }
}

/// Leaves fetched numbers in shared memory.
#[cube]
fn leave_numbers(fetched: &Array<f32>, to: &mut Shared<[f32]>, #[comptime] grid: Grid) {
    #[unroll]
    for i in 0..comptime!(grid.others().div_ceil(grid.units())) {
        let place = UNIT_POS as usize + comptime!(i * grid.units());
        if place < comptime!(grid.others()) {
            to[place] = fetched[i];
        }
    }
}

#[cube(launch_unchecked)]
fn keys_kernel<E: Float>(
    qk: &[Line],
    qkv: &[Line],
    dy: &[Line],
    log_sums: &[f32],
    along: &[f32],
    dqkv: &mut [Line],
    sizes: Sizes,
    #[comptime] grid: Grid,
) {
    let others = comptime!(grid.others());
    let (each, quads) = comptime!((grid.rows_of_lane(), grid.columns_of_lane() / 4));
    let mut tiles = Shared::<[Line]>::new_aligned_slice(grid.tiles(), 16usize);
    let mut scratch =
        Shared::<[Line]>::new_aligned_slice(comptime!(grid.planes * grid.scratch()), 16usize);
    let mut log_sums_here = Shared::<[f32]>::new_aligned_slice(others, 16usize);
    let mut along_here = Shared::<[f32]>::new_aligned_slice(others, 16usize);
    let here = place(&sizes, false, grid);
    let (context, factor) = (sizes.context, sizes.scale);
    let (first, first_of_plane) = (here.first, here.first_of_plane);
    let k_at = here.q_at + here.width;
    let at = UNIT_POS_Y as usize * comptime!(grid.scratch());
    let second = at + comptime!(grid.columns() / 4);
    let (row, part) = row_of_lane(grid);
    let own = at + row * comptime!(grid.wide()) + part * quads;

    let rows = comptime!(grid.rows());
    let mut of_rows = Array::<Line>::new(comptime!(grid.fetched(grid.rows())));
    fetch(qk, k_at, sizes.qk_stride, first, context, &mut of_rows, rows, grid);
    leave(&of_rows, &mut tiles, 0usize, rows, grid);
    fetch(qkv, here.v_at, 3 * here.width, first, context, &mut of_rows, rows, grid);
    // The first tile of queries that one of the keys is seen by.
    let begin = first / others;
    let end = context.div_ceil(others);
    let mut of_queries = Array::<Line>::new(comptime!(grid.fetched(grid.others())));
    let mut of_dys = Array::<Line>::new(comptime!(grid.fetched(grid.others())));
    let mut of_log_sums = Array::<f32>::new(comptime!(grid.others().div_ceil(grid.units())));
    let mut of_along = Array::<f32>::new(comptime!(grid.others().div_ceil(grid.units())));
    let next = begin * others;
    fetch(qk, here.q_at, sizes.qk_stride, next, context, &mut of_queries, others, grid);
    fetch(dy, here.y_at, here.width, next, context, &mut of_dys, others, grid);
    fetch_numbers(log_sums, here.rows_at, next, context, 0.0, &mut of_log_sums, grid);
    fetch_numbers(along, here.rows_at, next, context, 0.0, &mut of_along, grid);
    sync_cube();
    let keys = rows_of_plane::<E>(&tiles, grid);
    sync_cube();
    leave(&of_rows, &mut tiles, 0usize, rows, grid);
    sync_cube();
    let values = rows_of_plane::<E>(&tiles, grid);

    let dk = no_sums(comptime!(grid.down * grid.deep), grid.side);
    let dv = no_sums(comptime!(grid.down * grid.deep), grid.side);
    for round in begin..end {
        let first_query = round * others;
        sync_cube(); // the tiles before have been used
        leave(&of_queries, &mut tiles, 0usize, others, grid);
        leave(&of_dys, &mut tiles, comptime!(grid.tiles() / 2), others, grid);
        leave_numbers(&of_log_sums, &mut log_sums_here, grid);
        leave_numbers(&of_along, &mut along_here, grid);
        sync_cube();
        if round + 1 < end {
            let next = first_query + others;
            fetch(qk, here.q_at, sizes.qk_stride, next, context, &mut of_queries, others, grid);
            fetch(dy, here.y_at, here.width, next, context, &mut of_dys, others, grid);
            fetch_numbers(log_sums, here.rows_at, next, context, 0.0, &mut of_log_sums, grid);
            fetch_numbers(along, here.rows_at, next, context, 0.0, &mut of_along, grid);
        }
        for c in 0..comptime!(grid.across / grid.chunk) {
            let column = first_query + c * comptime!(grid.columns());
            if column + comptime!(grid.columns()) > first_of_plane {
                let of_chunk = c * comptime!(grid.columns() * grid.stride());
                let of_dys_chunk = of_chunk + comptime!(grid.tiles() / 2);
                products::<E>(&keys, &tiles, of_chunk, &mut scratch, at, grid);
                products::<E>(&values, &tiles, of_dys_chunk, &mut scratch, second, grid);
                meet(grid);
                let first_own = c * comptime!(grid.columns()) + part * comptime!(4 * quads);
                let before = first_query + first_own;
                let t = first_of_plane + row;
                if column < first_of_plane + comptime!(grid.rows_of_plane() - 1) {
                    slopes::<E>(
                        &mut scratch,
                        own,
                        factor,
                        &log_sums_here,
                        &along_here,
                        first_own,
                        t,
                        before,
                        true,
                        grid,
                    );
                } else {
                    slopes::<E>(
                        &mut scratch,
                        own,
                        factor,
                        &log_sums_here,
                        &along_here,
                        first_own,
                        t,
                        before,
                        false,
                        grid,
                    );
                }
                meet(grid);
                add_product::<E>(&dv, &scratch, at, &tiles, of_dys_chunk, grid);
                add_product::<E>(&dk, &scratch, second, &tiles, of_chunk, grid);
                meet(grid);
            }
        }
    }
    let mut factors = Array::<f32>::new(each);
    #[unroll]
    for e in 0..each {
        factors[e] = comptime!(1.0 / SLOPES).runtime();
    }
    store::<E>(
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
        factors[e] = factor * comptime!(1.0 / SLOPES);
    }
    store::<E>(
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

/// Leaves weights in the place of the scores, and gradients of scores in the place of those of weights, both times [`SLOPES`]. Rows
/// are keys, a unit's first one `t`, and columns queries, its first one `before` of the sequence and `first` of the tile;
/// with `hides`, rows are not seen by columns before them.
#[cube]
fn slopes<E: Float>(
    scratch: &mut Shared<[Line]>,
    own: usize,
    factor: f32,
    log_sums: &Shared<[f32]>,
    along: &Shared<[f32]>,
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
            let mut weights = Sequence::<Line>::new();
            let mut gradients = Sequence::<Line>::new();
            #[unroll]
            for h in 0..2usize {
                let place = from + comptime!(2 * k + h);
                let s = Quad::reinterpret(scratch[place]);
                let dp = Quad::reinterpret(scratch[place + comptime!(grid.columns() / 4)]);
                let mut log_sum = Quad::new(0.0f32);
                let mut base = Quad::new(0.0f32);
                #[unroll]
                for x in 0..4usize {
                    let column = first + comptime!(4 * (2 * k + h) + x);
                    log_sum.insert(x, log_sums[column]);
                    base.insert(x, along[column]);
                }
                let shift = Quad::new(comptime!(SLOPES.ln()).runtime()) - log_sum;
                let mut p = (s * Quad::new(factor) + shift).exp();
                if comptime!(hides) {
                    #[unroll]
                    for x in 0..4usize {
                        let is_seen = t <= before + comptime!(4 * (2 * k + h) + x);
                        p.insert(x, select(is_seen, p.extract(x), f32::new(0.0)));
                    }
                }
                weights.push(Line::reinterpret(p));
                gradients.push(Line::reinterpret(p * (dp - base)));
            }
            scratch[from + k] = pack::<E>(weights[0], weights[1]);
            scratch[from + k + comptime!(grid.columns() / 4)] =
                pack::<E>(gradients[0], gradients[1]);
        }
    }
}

/// Writes the keys' and the values' thirds of `dqkv`.
pub(super) fn launch(
    grid: Grid,
    half: DType,
    [qk, qkv, dy, log_sum, along]: [&CubeTensor; 5],
    dqkv: &CubeTensor,
    d: Dims,
) {
    let qk_stride = qk.meta.shape().dims::<3>()[2];
    let (sizes, total) = SizesLaunch::of(d, qk_stride, grid);
    let launch = match half {
        DType::BF16 => keys_kernel::launch_unchecked::<bf16>,
        _ => keys_kernel::launch_unchecked::<f16>,
    };
    // SAFETY: cubes beyond the last tile and rows beyond the context write nothing.
    unsafe {
        launch(
            &dy.client,
            cubes(total),
            grid.dim(),
            qk.clone().into_buffer_arg(),
            qkv.clone().into_buffer_arg(),
            dy.clone().into_buffer_arg(),
            log_sum.clone().into_buffer_arg(),
            along.clone().into_buffer_arg(),
            dqkv.clone().into_buffer_arg(),
            sizes,
            grid,
        );
    }
}
