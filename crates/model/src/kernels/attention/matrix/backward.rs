//! The backward pass: as without matrix units, one launch goes through the keys for a tile of queries, another through the
//! queries for a tile of keys.

use burn::cubecl::prelude::*;
use burn::cubecl::{self};
use burn::tensor::{DType, bf16, f16};
use burn_cubecl::tensor::CubeTensor;

use super::super::super::launch::cubes;
use super::super::Operands;
use super::super::tile::{Sizes, SizesLaunch, place};
use super::{ALIGNMENT, Grid, KEYS, PAD, QUERIES, add_product, fetch, no_sums, products, store};
use crate::ops::attention::Dims;

/// What gradients of scores are multiplied by in half precision, and products with them divided by: they are as small as a weight of
/// the softmax, below the range of f16 for long contexts.
const SLOPES: f32 = 16.0;

/// Leaves the gradients of a tile's scores in `slopes`, without the factor of the scores and times [`SLOPES`], and, with
/// `keep_weights`, its weights in `weights`: rows are queries from `first`, columns keys from `first_key`. All units of the
/// cube come here together.
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
    #[comptime] keep_weights: bool,
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
        if comptime!(keep_weights) {
            weights[row * wide + col] = E::cast_from(p);
        }
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

/// Gradients of the keys and values of a tile (`of_keys`), which goes through the queries that see them, or of the queries
/// of a tile, which goes through the keys that they see.
#[cube(launch_unchecked)]
fn backward_kernel<E: Float>(
    qk: &[f32],
    qkv: &[f32],
    dy: &[f32],
    log_sums: &[f32],
    along: &[f32],
    dqkv: &mut [f32],
    sizes: Sizes,
    #[comptime] of_keys: bool,
    #[comptime] grid: Grid,
) {
    let rows = comptime!(grid.rows());
    let (size, wide) = comptime!((grid.rows() * grid.stride(), grid.rows() * grid.wide()));
    let mut queries = Shared::<[E]>::new_aligned_slice(size, ALIGNMENT);
    let mut keys = Shared::<[E]>::new_aligned_slice(size, ALIGNMENT);
    let mut values = Shared::<[E]>::new_aligned_slice(size, ALIGNMENT);
    let mut dys = Shared::<[E]>::new_aligned_slice(size, ALIGNMENT);
    let mut weights =
        Shared::<[E]>::new_aligned_slice(comptime!(if of_keys { wide } else { PAD }), ALIGNMENT);
    let mut slopes = Shared::<[E]>::new_aligned_slice(wide, ALIGNMENT);
    let mut scores = Shared::<[f32]>::new_aligned_slice(wide, ALIGNMENT);
    let here = place(&sizes, comptime!(!of_keys), rows);
    let (context, qk_stride, scale) = (sizes.context, sizes.qk_stride, sizes.scale);
    let (width, q_at, v_at, y_at) = (here.width, here.q_at, here.v_at, here.y_at);
    let mine = here.block * rows;
    let (mut begin, mut end) = (0, here.block + 1);
    if comptime!(of_keys) {
        begin = here.block;
        end = here.tiles;
        fetch::<E>(qk, q_at + width, qk_stride, mine, context, &mut keys, grid);
        fetch::<E>(qkv, v_at, 3 * width, mine, context, &mut values, grid);
    } else {
        fetch::<E>(qk, q_at, qk_stride, mine, context, &mut queries, grid);
        fetch::<E>(dy, y_at, width, mine, context, &mut dys, grid);
    }
    // Of queries or keys, and of values.
    let (mut dqk, mut dv) = (no_sums(grid), no_sums(grid));
    for block in begin..end {
        let other = block * rows;
        let (mut first, mut first_key) = (mine, other);
        sync_cube();
        if comptime!(of_keys) {
            first = other;
            first_key = mine;
            fetch::<E>(qk, q_at, qk_stride, other, context, &mut queries, grid);
            fetch::<E>(dy, y_at, width, other, context, &mut dys, grid);
        } else {
            fetch::<E>(qk, q_at + width, qk_stride, other, context, &mut keys, grid);
            fetch::<E>(qkv, v_at, 3 * width, other, context, &mut values, grid);
        }
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
            of_keys,
            grid,
        );
        sync_cube();
        if comptime!(of_keys) {
            add_product::<E>(&mut dv, &weights, &dys, true, grid);
            add_product::<E>(&mut dqk, &slopes, &queries, true, grid);
        } else {
            add_product::<E>(&mut dqk, &slopes, &keys, false, grid);
        }
    }
    let (is_real, factor) = (here.is_real, scale / SLOPES);
    let mut at = here.d_at;
    if comptime!(of_keys) {
        at += width;
        store(&dv, 1.0f32, &mut scores, dqkv, at + width, 3 * width, mine, context, is_real, grid);
    }
    store(&dqk, factor, &mut scores, dqkv, at, 3 * width, mine, context, is_real, grid);
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
    let launch = match half {
        DType::BF16 => backward_kernel::launch_unchecked::<bf16>,
        _ => backward_kernel::launch_unchecked::<f16>,
    };
    for (of_keys, tiles) in [(false, &QUERIES), (true, &KEYS)] {
        let grid = grid.largest(tiles, limit).expect("checked when it was chosen");
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
                of_keys,
                grid,
            );
        }
    }
}
