//! The forward pass: a cube for each tile of queries of each head, with a softmax that is corrected
//! as larger scores come up.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::super::dims::Dims;
use super::coords::{Sizes, SizesLaunch, tile_coords};
use super::operands::Operands;
use super::tile::{
    FORWARD, HIDDEN, SCORES, SIDE, Tile, add_product, fetch, no_sums, products, store,
};
use crate::kernels::launch::cubes;
use crate::kernels::lines::Quad;
use crate::kernels::traffic::{on, reads_some, writes};

/// In memory rows are in pieces of `N` words, scores in shared memory in vectors of `S`.
#[cube(launch_unchecked)]
fn forward_kernel<N: Size, S: Size>(
    qk: &[Vector<u32, N>],
    qkv: &[Vector<u32, N>],
    out: &mut [Vector<u32, N>],
    log_sums: &mut [f32],
    sizes: Sizes,
    #[comptime] tile: Tile,
) {
    let (micro, cols) = comptime!((tile.micro, tile.cols));
    let mut queries = Shared::<[Quad]>::new_slice(comptime!(tile.rows * tile.stride));
    let mut others = Shared::<[Quad]>::new_slice(comptime!(tile.rows * tile.stride));
    let mut scores = Shared::<[Vector<f32, S>]>::new_slice(tile.scores());
    let mut parts = Shared::<[f32]>::new_slice(comptime!(tile.rows * SIDE));
    let (x, y) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let here = tile_coords(&sizes, true, tile);
    let (context, qk_stride, scale) = (sizes.context, sizes.qk_stride, sizes.scale);
    let (width, q_at, v_at) = (here.width, here.q_at, here.v_at);
    let first = here.block * tile.rows;

    fetch::<N>(qk, q_at, qk_stride, first, context, &mut queries, tile);
    let mut highest = Array::<f32>::new(micro);
    let mut total_of = Array::<f32>::new(micro);
    let mut sums = no_sums(tile);
    #[unroll]
    for i in 0..micro {
        highest[i] = HIDDEN;
        total_of[i] = 0.0;
    }
    for key_block in 0..here.block + 1 {
        let first_key = key_block * tile.rows;
        sync_cube(); // the values before have been used
        fetch::<N>(qk, q_at + width, qk_stride, first_key, context, &mut others, tile);
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
        fetch::<N>(qkv, v_at, 3 * width, first_key, context, &mut others, tile);
        #[unroll]
        for i in 0..micro {
            let row = y + i * SIDE;
            let mut top = highest[i];
            #[unroll]
            for k in 0..SIDE {
                top = max(top, parts[row * SIDE + k]);
            }
            let shrink = (highest[i] - top).exp();
            highest[i] = top;
            let mut own = Vector::<f32, S>::new(0.0f32);
            let mut sum = 0.0f32;
            #[unroll]
            for j in 0..micro {
                let p = (s[i * micro + j] - top).exp();
                sum += p;
                own.insert(j, p);
            }
            scores[row * SCORES + x] = own;
            total_of[i] = total_of[i] * shrink + sum;
            #[unroll]
            for j in 0..cols {
                sums[comptime!(i * cols + j)] *= Quad::new(shrink);
            }
        }
        sync_cube(); // scores and values are there
        add_product::<S>(&mut sums, &scores, &others, false, tile);
    }
    // Each unit has the sums of its own columns.
    #[unroll]
    for i in 0..micro {
        parts[(y + i * SIDE) * SIDE + x] = total_of[i];
    }
    sync_cube();
    let mut factors = Array::<f32>::new(micro);
    #[unroll]
    for i in 0..micro {
        let row = y + i * SIDE;
        let mut total = 0.0f32;
        #[unroll]
        for k in 0..SIDE {
            total += parts[row * SIDE + k];
        }
        factors[i] = 1.0 / total;
        let t = first + row;
        if x == 0 && t < context && here.is_real {
            log_sums[here.sequence_head * context + t] = highest[i] + total.ln();
        }
    }
    if here.is_real {
        store::<N>(&sums, &factors, out, here.y_at, width, first, context, tile);
    }
}

pub(super) fn launch(operands: &Operands, out: &CubeTensor, log_sum: &CubeTensor, d: Dims) {
    let (client, elements) = (&out.client, out.meta.num_elements());
    let limit = client.properties().hardware.max_shared_memory_size;
    let tile = Tile::of(d.head_dim, FORWARD, limit).expect("checked by `fits`");
    let (sizes, total) = SizesLaunch::of(d, operands.qk_stride, tile);
    // SAFETY: cubes beyond the last tile and rows beyond the context write nothing.
    unsafe {
        forward_kernel::launch_unchecked(
            on(client),
            cubes(total),
            CubeDim::new_2d(SIDE as u32, SIDE as u32),
            tile.piece,
            tile.micro,
            reads_some(&operands.qk, 2 * elements),
            reads_some(&operands.qkv, elements),
            writes(out),
            writes(log_sum),
            sizes,
            tile,
        );
    }
}
