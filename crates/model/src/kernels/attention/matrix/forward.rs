//! The forward pass: a cube for each tile of queries of each head.

use burn::cubecl::prelude::*;
use burn::cubecl::{self};
use burn::tensor::{DType, bf16, f16};
use burn_cubecl::tensor::CubeTensor;

use super::super::super::launch::cubes;
use super::super::tile::{Sizes, SizesLaunch, place};
use super::super::{HIDDEN, Operands};
use super::{ALIGNMENT, FORWARD, Grid, add_product, fetch, no_sums, products, store};
use crate::ops::attention::Dims;

#[cube(launch_unchecked)]
fn forward_kernel<E: Float>(
    qk: &[f32],
    qkv: &[f32],
    out: &mut [f32],
    log_sums: &mut [f32],
    sizes: Sizes,
    #[comptime] grid: Grid,
) {
    let (side, rows, wide, sharers) =
        comptime!((grid.side, grid.rows(), grid.wide(), grid.sharers()));
    let mut queries =
        Shared::<[E]>::new_aligned_slice(comptime!(grid.rows() * grid.stride()), ALIGNMENT);
    let mut others =
        Shared::<[E]>::new_aligned_slice(comptime!(grid.rows() * grid.stride()), ALIGNMENT);
    let mut weights =
        Shared::<[E]>::new_aligned_slice(comptime!(grid.rows() * grid.wide()), ALIGNMENT);
    let mut scores =
        Shared::<[f32]>::new_aligned_slice(comptime!(grid.rows() * grid.wide()), ALIGNMENT);
    let mut parts =
        Shared::<[f32]>::new_aligned_slice(comptime!(2 * grid.rows() * grid.sharers()), ALIGNMENT);
    let mut logs = Shared::<[f32]>::new_aligned_slice(rows, ALIGNMENT);
    let here = place(&sizes, true, rows);
    let (context, qk_stride, scale) = (sizes.context, sizes.qk_stride, sizes.scale);
    let (width, q_at, v_at) = (here.width, here.q_at, here.v_at);
    let first = here.block * rows;
    let lane = UNIT_POS_X as usize;
    // This unit's row of scores, of which it has every `sharers`-th column.
    let (row, part) = (UNIT_POS_Y as usize * side + lane % side, lane / side);

    fetch::<E>(qk, q_at, qk_stride, first, context, &mut queries, grid);
    let (mut top, mut sum) = (f32::new(HIDDEN), 0.0f32);
    for key_block in 0..here.block + 1 {
        let first_key = key_block * rows;
        sync_cube(); // the scores before have been used
        fetch::<E>(qk, q_at + width, qk_stride, first_key, context, &mut others, grid);
        sync_cube();
        products::<E>(&queries, &others, &mut scores, grid);
        sync_cube();
        let mut high = top;
        for col in range_stepped(part, rows, sharers) {
            let seen = first_key + col <= first + row;
            high = max(high, select(seen, scores[row * wide + col] * scale, HIDDEN));
        }
        sum *= (top - high).exp();
        for col in range_stepped(part, rows, sharers) {
            let seen = first_key + col <= first + row;
            sum += select(seen, (scores[row * wide + col] * scale - high).exp(), 0.0);
        }
        top = high;
    }
    parts[2 * (row * sharers + part)] = top;
    parts[2 * (row * sharers + part) + 1] = sum;
    sync_cube();
    if part == 0 {
        for other in 1..sharers {
            let (t, s) =
                (parts[2 * (row * sharers + other)], parts[2 * (row * sharers + other) + 1]);
            let high = max(top, t);
            sum = sum * (top - high).exp() + s * (t - high).exp();
            top = high;
        }
        let log_sum = top + sum.ln();
        logs[row] = log_sum;
        if first + row < context && here.is_real {
            log_sums[here.sequence_head * context + first + row] = log_sum;
        }
    }

    let mut sums = no_sums(grid);
    for key_block in 0..here.block + 1 {
        let first_key = key_block * rows;
        sync_cube(); // the values before have been used, and log sums are there
        fetch::<E>(qk, q_at + width, qk_stride, first_key, context, &mut others, grid);
        sync_cube();
        products::<E>(&queries, &others, &mut scores, grid);
        sync_cube(); // keys have been used
        fetch::<E>(qkv, v_at, 3 * width, first_key, context, &mut others, grid);
        let log_sum = logs[row];
        for col in range_stepped(part, rows, sharers) {
            let seen = first_key + col <= first + row;
            let p = select(seen, (scores[row * wide + col] * scale - log_sum).exp(), 0.0);
            weights[row * wide + col] = E::cast_from(p);
        }
        sync_cube(); // weights and values are there
        add_product::<E>(&mut sums, &weights, &others, false, grid);
    }
    store(&sums, 1.0f32, &mut scores, out, here.y_at, width, first, context, here.is_real, grid);
}

pub(in super::super) fn launch(
    grid: Grid,
    half: DType,
    operands: &Operands,
    out: &CubeTensor,
    log_sum: &CubeTensor,
    d: Dims,
) {
    let client = &out.client;
    let limit = client.properties().hardware.max_shared_memory_size;
    let grid = grid.largest(&FORWARD, limit).expect("less than the backward pass takes");
    let (sizes, total) = SizesLaunch::of(d, operands.qk_stride, grid.rows());
    let launch = match half {
        DType::BF16 => forward_kernel::launch_unchecked::<bf16>,
        _ => forward_kernel::launch_unchecked::<f16>,
    };
    // SAFETY: cubes beyond the last tile and rows beyond the context write nothing.
    unsafe {
        launch(
            client,
            cubes(total),
            grid.dim(),
            operands.qk.clone().into_buffer_arg(),
            operands.qkv.clone().into_buffer_arg(),
            out.clone().into_buffer_arg(),
            log_sum.clone().into_buffer_arg(),
            sizes,
            grid,
        );
    }
}
