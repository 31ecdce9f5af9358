//! The backward pass: as without matrix units, one kernel goes through the keys for a tile of queries, another through the
//! queries for a tile of keys.

use burn::cubecl::prelude::*;
use burn::cubecl::{self};
use burn::tensor::{DType, bf16, f16};
use burn_cubecl::tensor::CubeTensor;

use super::super::super::launch::cubes;
use super::super::Operands;
use super::super::tile::{Sizes, SizesLaunch, place};
use super::{BACKWARD, Grid, add_product, fetch, no_sums, products, store};
use crate::ops::attention::Dims;

/// What gradients of scores are multiplied by in half precision, and products with them divided by: they are as small as a weight of
/// the softmax, below the range of f16 for long contexts.
const SLOPES: f32 = 16.0;

/// Leaves the weights of a tile in `weights` and the gradients of its scores in `slopes`, without
/// the factor of the scores and times [`SLOPES`]: rows are queries from `first`,
/// columns keys from `first_key`. All units of the cube come here together.
#[cube]
fn scores_again<E: Float>(
    queries: &Shared<[E]>,
    keys: &Shared<[E]>,
    values: &Shared<[E]>,
    dys: &Shared<[E]>,
    scores: &mut Shared<[f32]>,
    log_sums: &[f32],
    along: &[f32],
    rows_at: usize,
    first: usize,
    first_key: usize,
    context: usize,
    scale: f32,
    weights: &mut Shared<[E]>,
    slopes: &mut Shared<[E]>,
    #[comptime] grid: Grid,
) {
    let (side, rows, wide, sharers) =
        comptime!((grid.side, grid.rows(), grid.wide(), grid.sharers()));
    let lane = UNIT_POS_X as usize;
    let (row, part) = (UNIT_POS_Y as usize * side + lane % side, lane / side);
    let t = first + row;
    let safe = rows_at + min(t, context - 1);
    let (log_sum, along) = (log_sums[safe], along[safe]);
    let mut mine = Array::<f32>::new(comptime!(grid.rows() / grid.sharers()));
    products::<E>(queries, keys, scores, grid);
    sync_cube();
    #[unroll]
    for k in 0..comptime!(rows / sharers) {
        let col = part + k * sharers;
        let seen = first_key + col <= t && t < context;
        let p = select(seen, (scores[row * wide + col] * scale - log_sum).exp(), 0.0);
        mine[k] = p;
        weights[row * wide + col] = E::cast_from(p);
    }
    sync_cube(); // scores have been used
    products::<E>(dys, values, scores, grid);
    sync_cube();
    #[unroll]
    for k in 0..comptime!(rows / sharers) {
        let col = part + k * sharers;
        let slope = mine[k] * (scores[row * wide + col] - along);
        slopes[row * wide + col] = E::cast_from(slope * SLOPES);
    }
}

#[cube(launch_unchecked)]
fn queries_kernel<E: Float>(
    qk: &[f32],
    qkv: &[f32],
    dy: &[f32],
    log_sums: &[f32],
    along: &[f32],
    dqkv: &mut [f32],
    sizes: Sizes,
    #[comptime] grid: Grid,
) {
    let rows = comptime!(grid.rows());
    let size = comptime!(grid.rows() * grid.stride());
    let mut queries = Shared::<[E]>::new_slice(size);
    let mut keys = Shared::<[E]>::new_slice(size);
    let mut values = Shared::<[E]>::new_slice(size);
    let mut dys = Shared::<[E]>::new_slice(size);
    let mut weights = Shared::<[E]>::new_slice(comptime!(grid.rows() * grid.wide()));
    let mut slopes = Shared::<[E]>::new_slice(comptime!(grid.rows() * grid.wide()));
    let mut scores = Shared::<[f32]>::new_slice(comptime!(grid.rows() * grid.wide()));
    let here = place(&sizes, true, rows);
    let (context, qk_stride, scale) = (sizes.context, sizes.qk_stride, sizes.scale);
    let (width, q_at, v_at, y_at) = (here.width, here.q_at, here.v_at, here.y_at);
    let first = here.block * rows;
    fetch::<E>(qk, q_at, qk_stride, first, context, &mut queries, grid);
    fetch::<E>(dy, y_at, width, first, context, &mut dys, grid);
    let mut sums = no_sums(grid);
    for key_block in 0..here.block + 1 {
        let first_key = key_block * rows;
        sync_cube();
        fetch::<E>(qk, q_at + width, qk_stride, first_key, context, &mut keys, grid);
        fetch::<E>(qkv, v_at, 3 * width, first_key, context, &mut values, grid);
        sync_cube();
        scores_again::<E>(
            &queries,
            &keys,
            &values,
            &dys,
            &mut scores,
            log_sums,
            along,
            here.sequence_head * context,
            first,
            first_key,
            context,
            scale,
            &mut weights,
            &mut slopes,
            grid,
        );
        sync_cube();
        add_product::<E>(&mut sums, &slopes, &keys, false, grid);
    }
    let (at, is_real) = (here.d_at, here.is_real);
    let factor = scale / SLOPES;
    store(&sums, factor, &mut scores, dqkv, at, 3 * width, first, context, is_real, grid);
}

#[cube(launch_unchecked)]
fn keys_kernel<E: Float>(
    qk: &[f32],
    qkv: &[f32],
    dy: &[f32],
    log_sums: &[f32],
    along: &[f32],
    dqkv: &mut [f32],
    sizes: Sizes,
    #[comptime] grid: Grid,
) {
    let rows = comptime!(grid.rows());
    let size = comptime!(grid.rows() * grid.stride());
    let mut queries = Shared::<[E]>::new_slice(size);
    let mut keys = Shared::<[E]>::new_slice(size);
    let mut values = Shared::<[E]>::new_slice(size);
    let mut dys = Shared::<[E]>::new_slice(size);
    let mut weights = Shared::<[E]>::new_slice(comptime!(grid.rows() * grid.wide()));
    let mut slopes = Shared::<[E]>::new_slice(comptime!(grid.rows() * grid.wide()));
    let mut scores = Shared::<[f32]>::new_slice(comptime!(grid.rows() * grid.wide()));
    let here = place(&sizes, false, rows);
    let (context, qk_stride, scale) = (sizes.context, sizes.qk_stride, sizes.scale);
    let (width, q_at, v_at, y_at) = (here.width, here.q_at, here.v_at, here.y_at);
    let first_key = here.block * rows;
    fetch::<E>(qk, q_at + width, qk_stride, first_key, context, &mut keys, grid);
    fetch::<E>(qkv, v_at, 3 * width, first_key, context, &mut values, grid);
    let (mut dk, mut dv) = (no_sums(grid), no_sums(grid));
    for query_block in here.block..here.tiles {
        let first = query_block * rows;
        sync_cube();
        fetch::<E>(qk, q_at, qk_stride, first, context, &mut queries, grid);
        fetch::<E>(dy, y_at, width, first, context, &mut dys, grid);
        sync_cube();
        scores_again::<E>(
            &queries,
            &keys,
            &values,
            &dys,
            &mut scores,
            log_sums,
            along,
            here.sequence_head * context,
            first,
            first_key,
            context,
            scale,
            &mut weights,
            &mut slopes,
            grid,
        );
        sync_cube();
        add_product::<E>(&mut dv, &weights, &dys, true, grid);
        add_product::<E>(&mut dk, &slopes, &queries, true, grid);
    }
    let (at, is_real) = (here.d_at + width, here.is_real);
    let factor = scale / SLOPES;
    store(&dk, factor, &mut scores, dqkv, at, 3 * width, first_key, context, is_real, grid);
    let at = at + width;
    store(&dv, 1.0f32, &mut scores, dqkv, at, 3 * width, first_key, context, is_real, grid);
}

/// Writes all of `dqkv`. `along` is the product of result and its gradient for every head of every token.
pub(in super::super) fn launch(
    grid: Grid,
    half: DType,
    operands: &Operands,
    log_sum: &CubeTensor,
    along: &CubeTensor,
    dy: &CubeTensor,
    dqkv: &CubeTensor,
    d: Dims,
) {
    let client = &dy.client;
    let limit = client.properties().hardware.max_shared_memory_size;
    let grid = grid.largest(&BACKWARD, limit).expect("checked when it was chosen");
    let kernels = match half {
        DType::BF16 => {
            [queries_kernel::launch_unchecked::<bf16>, keys_kernel::launch_unchecked::<bf16>]
        }
        _ => [queries_kernel::launch_unchecked::<f16>, keys_kernel::launch_unchecked::<f16>],
    };
    for launch in kernels {
        let (sizes, total) = SizesLaunch::of(d, operands.qk_stride, grid.rows());
        // SAFETY: cubes beyond the last tile and rows beyond the context write nothing.
        unsafe {
            launch(
                client,
                cubes(total),
                grid.dim(),
                operands.qk.clone().into_buffer_arg(),
                operands.qkv.clone().into_buffer_arg(),
                dy.clone().into_buffer_arg(),
                log_sum.clone().into_buffer_arg(),
                along.clone().into_buffer_arg(),
                dqkv.clone().into_buffer_arg(),
                sizes,
                grid,
            );
        }
    }
}
