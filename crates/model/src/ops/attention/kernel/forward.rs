//! The forward pass: a cube for each tile of queries of each head, with a softmax that is corrected
//! as larger scores come up.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::super::dims::Dims;
use super::operands::Operands;
use super::tile::{
    FORWARD, HIDDEN, SIDE, Sizes, SizesLaunch, Tile, add_product, fetch, products, tile_coords,
};
use crate::kernels::launch::cubes;
use crate::kernels::traffic::{on, reads_some, writes};

#[cube(launch_unchecked)]
fn forward_kernel(
    qk: &[f32],
    qkv: &[f32],
    out: &mut [f32],
    log_sums: &mut [f32],
    sizes: Sizes,
    #[comptime] tile: Tile,
) {
    let (micro, cols) = comptime!((tile.micro, tile.cols));
    let mut queries = Shared::<[f32]>::new_slice(comptime!(tile.rows * tile.stride));
    let mut others = Shared::<[f32]>::new_slice(comptime!(tile.rows * tile.stride));
    let mut scores = Shared::<[f32]>::new_slice(comptime!(tile.rows * (tile.rows + 1)));
    let mut parts = Shared::<[f32]>::new_slice(comptime!(tile.rows * SIDE));
    let (x, y) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let here = tile_coords(&sizes, true, tile.rows);
    let (context, head_dim, qk_stride, scale) =
        (sizes.context, sizes.head_dim, sizes.qk_stride, sizes.scale);
    let (width, q_at, v_at) = (here.width, here.q_at, here.v_at);
    let first = here.block * tile.rows;

    fetch(qk, q_at, qk_stride, first, context, head_dim, &mut queries, tile);
    let mut highest = Array::<f32>::new(micro);
    let mut total_of = Array::<f32>::new(micro);
    let mut sums = Array::<f32>::new(comptime!(micro * cols));
    #[unroll]
    for i in 0..micro {
        highest[i] = HIDDEN;
        total_of[i] = 0.0;
    }
    #[unroll]
    for k in 0..comptime!(micro * cols) {
        sums[k] = 0.0;
    }
    for key_block in 0..here.block + 1 {
        let first_key = key_block * tile.rows;
        sync_cube(); // the values before have been used
        fetch(qk, q_at + width, qk_stride, first_key, context, head_dim, &mut others, tile);
        sync_cube();
        let mut s = products(&queries, &others, tile);
        #[unroll]
        for i in 0..micro {
            let row = y + i * SIDE;
            let mut top = f32::new(HIDDEN);
            #[unroll]
            for j in 0..micro {
                let key = first_key + x + j * SIDE;
                let seen = key <= first + row && key < context;
                s[i * micro + j] = select(seen, s[i * micro + j] * scale, HIDDEN);
                top = max(top, s[i * micro + j]);
            }
            parts[row * SIDE + x] = top;
        }
        sync_cube(); // keys have been used, and largest scores are there
        fetch(qkv, v_at, 3 * width, first_key, context, head_dim, &mut others, tile);
        let mut shrink = Array::<f32>::new(micro);
        #[unroll]
        for i in 0..micro {
            let row = y + i * SIDE;
            let mut top = highest[i];
            #[unroll]
            for k in 0..SIDE {
                top = max(top, parts[row * SIDE + k]);
            }
            shrink[i] = (highest[i] - top).exp();
            highest[i] = top;
            #[unroll]
            for j in 0..micro {
                let p = (s[i * micro + j] - top).exp();
                scores[row * comptime!(tile.rows + 1) + x + j * SIDE] = p;
            }
        }
        sync_cube(); // scores and values are there
        #[unroll]
        for i in 0..micro {
            let row = y + i * SIDE;
            let mut sum = 0.0f32;
            for k in 0..tile.rows {
                sum += scores[row * comptime!(tile.rows + 1) + k];
            }
            total_of[i] = total_of[i] * shrink[i] + sum;
            #[unroll]
            for j in 0..cols {
                sums[i * cols + j] *= shrink[i];
            }
        }
        add_product(&mut sums, &scores, &others, false, tile);
    }
    #[unroll]
    for i in 0..micro {
        let t = first + y + i * SIDE;
        if t < context && here.is_real {
            let to = here.y_at + t * width;
            #[unroll]
            for j in 0..cols {
                let col = x + j * SIDE;
                if col < head_dim {
                    out[to + col] = sums[i * cols + j] / total_of[i];
                }
            }
            if x == 0 {
                log_sums[here.sequence_head * context + t] = highest[i] + total_of[i].ln();
            }
        }
    }
}

pub(super) fn launch(operands: &Operands, out: &CubeTensor, log_sum: &CubeTensor, d: Dims) {
    let (client, elements) = (&out.client, out.meta.num_elements());
    let limit = client.properties().hardware.max_shared_memory_size;
    let tile = Tile::of(d.head_dim, FORWARD, limit).expect("checked by `fits`");
    let (sizes, total) = SizesLaunch::of(d, operands.qk_stride, tile.rows);
    // SAFETY: cubes beyond the last tile and rows beyond the context write nothing.
    unsafe {
        forward_kernel::launch_unchecked(
            on(client),
            cubes(total),
            CubeDim::new_2d(SIDE as u32, SIDE as u32),
            reads_some(&operands.qk, 2 * elements),
            reads_some(&operands.qkv, elements),
            writes(out),
            writes(log_sum),
            sizes,
            tile,
        );
    }
}
