//! The backward pass (Dao 2023, algorithm 2): the weights P are computed again from the log of the softmax's denominators, and
//! `dS = P (dP - delta)` with `dP = dO V^T` and `delta = rowsum(dO O)`. One launch goes through the keys for a tile of queries,
//! another through the queries for a tile of keys, so that each gradient is written by one cube.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::super::dims::Dims;
use super::coords::{Sizes, SizesLaunch, tile_coords};
use super::operands::Operands;
use super::tile::{
    KEYS, QUERIES, SCORES, SIDE, Tile, add_product, fetch, no_sums, products, store,
};
use crate::kernels::Choices;
use crate::kernels::launch::{Rows, cubes};
use crate::kernels::lines::Quad;
use crate::kernels::reduce;
use crate::kernels::tensors::empty;
use crate::kernels::traffic::{on, reads, reads_some, writes, writes_some};

/// `delta = rowsum(dO O)` of every head of every token, in the order of the log sums.
#[cube(launch_unchecked)]
fn delta_kernel(
    out: &[f32],
    dy: &[f32],
    delta: &mut [f32],
    total: usize,
    context: usize,
    heads: usize,
    head_dim: usize,
    #[comptime] shape: Rows,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(shape.lanes * shape.rows));
    let (row, real) = reduce::row(total);
    let mut sum = 0.0f32;
    for col in range_stepped(UNIT_POS_X as usize, head_dim, shape.lanes) {
        sum += out[row * head_dim + col] * dy[row * head_dim + col];
    }
    let sum = reduce::sum(sum, &mut scratch, shape);
    if real && UNIT_POS_X == 0 {
        let (token, head) = (row / heads, row % heads);
        let (sequence, t) = (token / context, token % context);
        delta[(sequence * heads + head) * context + t] = sum;
    }
}

/// Leaves dS of a tile in `dss` and, with `keep_p`, P in `ps`: rows are queries from `first`, columns keys from `first_key`.
#[cube]
fn recompute<S: Size>(
    queries: &Shared<[Quad]>,
    keys: &Shared<[Quad]>,
    values: &Shared<[Quad]>,
    dys: &Shared<[Quad]>,
    log_sums: &[f32],
    deltas: &[f32],
    rows_at: usize,
    first: usize,
    first_key: usize,
    context: usize,
    scale: f32,
    ps: &mut Shared<[Vector<f32, S>]>,
    dss: &mut Shared<[Vector<f32, S>]>,
    #[comptime] keep_p: bool,
    #[comptime] tile: Tile,
) {
    let micro = tile.micro;
    let (x, y) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let s = products(queries, keys, tile);
    let dp = products(dys, values, tile);
    #[unroll]
    for i in 0..micro {
        let row = y + i * SIDE;
        let t = first + row;
        let safe = rows_at + min(t, context - 1);
        let (log_sum, delta) = (log_sums[safe], deltas[safe]);
        let mut own_p = Vector::<f32, S>::new(0.0f32);
        let mut own_ds = Vector::<f32, S>::new(0.0f32);
        #[unroll]
        for j in 0..micro {
            let col = x + j * SIDE;
            let seen = first_key + col <= t && t < context;
            let p = select(seen, (s[i * micro + j] * scale - log_sum).exp(), 0.0);
            own_p.insert(j, p);
            own_ds.insert(j, p * (dp[i * micro + j] - delta) * scale);
        }
        if comptime!(keep_p) {
            ps[row * SCORES + x] = own_p;
        }
        dss[row * SCORES + x] = own_ds;
    }
}

/// Gradients of the keys and values of a tile (`of_keys`), which goes through the queries that see them, or of the queries
/// of a tile, which goes through the keys that they see.
#[cube(launch_unchecked)]
fn backward_kernel<N: Size, S: Size>(
    qk: &[Vector<u32, N>],
    qkv: &[Vector<u32, N>],
    dy: &[Vector<u32, N>],
    log_sums: &[f32],
    deltas: &[f32],
    dqkv: &mut [Vector<u32, N>],
    sizes: Sizes,
    #[comptime] of_keys: bool,
    #[comptime] tile: Tile,
) {
    let rows = comptime!(tile.rows * tile.stride);
    let mut queries = Shared::<[Quad]>::new_slice(rows);
    let mut keys = Shared::<[Quad]>::new_slice(rows);
    let mut values = Shared::<[Quad]>::new_slice(rows);
    let mut dys = Shared::<[Quad]>::new_slice(rows);
    let of_p = comptime!(if of_keys { tile.scores() } else { 1 });
    let mut ps = Shared::<[Vector<f32, S>]>::new_slice(of_p);
    let mut dss = Shared::<[Vector<f32, S>]>::new_slice(tile.scores());
    let here = tile_coords(&sizes, comptime!(!of_keys), tile);
    let (context, qk_stride, scale) = (sizes.context, sizes.qk_stride, sizes.scale);
    let (width, q_at, v_at, y_at) = (here.width, here.q_at, here.v_at, here.y_at);
    let mine = here.block * tile.rows;
    let (mut begin, mut end) = (0, here.block + 1);
    if comptime!(of_keys) {
        begin = here.block;
        end = here.tiles;
        fetch::<N>(qk, q_at + width, qk_stride, mine, context, &mut keys, tile);
        fetch::<N>(qkv, v_at, 3 * width, mine, context, &mut values, tile);
    } else {
        fetch::<N>(qk, q_at, qk_stride, mine, context, &mut queries, tile);
        fetch::<N>(dy, y_at, width, mine, context, &mut dys, tile);
    }
    // Of queries or keys, and of values.
    let mut dqk = no_sums(tile);
    let mut dv = no_sums(tile);
    for block in begin..end {
        let other = block * tile.rows;
        let (mut first, mut first_key) = (mine, other);
        sync_cube();
        if comptime!(of_keys) {
            first = other;
            first_key = mine;
            fetch::<N>(qk, q_at, qk_stride, other, context, &mut queries, tile);
            fetch::<N>(dy, y_at, width, other, context, &mut dys, tile);
        } else {
            fetch::<N>(qk, q_at + width, qk_stride, other, context, &mut keys, tile);
            fetch::<N>(qkv, v_at, 3 * width, other, context, &mut values, tile);
        }
        sync_cube();
        recompute::<S>(
            &queries,
            &keys,
            &values,
            &dys,
            log_sums,
            deltas,
            here.sequence_head * context,
            first,
            first_key,
            context,
            scale,
            &mut ps,
            &mut dss,
            of_keys,
            tile,
        );
        sync_cube();
        if comptime!(of_keys) {
            add_product::<S>(&mut dv, &ps, &dys, true, tile);
            add_product::<S>(&mut dqk, &dss, &queries, true, tile);
        } else {
            add_product::<S>(&mut dqk, &dss, &keys, false, tile);
        }
    }
    let mut factors = Array::<f32>::new(tile.micro);
    #[unroll]
    for i in 0..tile.micro {
        factors[i] = 1.0;
    }
    if here.is_real {
        if comptime!(of_keys) {
            let at = here.d_at + width;
            store::<N>(&dqk, &factors, dqkv, at, 3 * width, mine, context, tile);
            store::<N>(&dv, &factors, dqkv, at + width, 3 * width, mine, context, tile);
        } else {
            store::<N>(&dqk, &factors, dqkv, here.d_at, 3 * width, mine, context, tile);
        }
    }
}

/// `delta` of every head of every token, `[R * sequences * heads, context]`.
pub(super) fn delta(out: &CubeTensor, dy: &CubeTensor, d: Dims, choices: Choices) -> CubeTensor {
    let client = &dy.client;
    let sequence_heads = d.replicas * d.sequences * d.heads;
    let delta = empty(dy, [sequence_heads, d.context]);
    let rows = Rows::of_width(d.head_dim, client, choices);
    // SAFETY: rows beyond the last write nothing.
    unsafe {
        delta_kernel::launch_unchecked(
            on(client),
            rows.cubes(sequence_heads * d.context),
            rows.dim(),
            reads(out),
            reads(dy),
            writes(&delta),
            sequence_heads * d.context,
            d.context,
            d.heads,
            d.head_dim,
            rows,
        );
    }
    delta
}

/// Writes all of `dqkv`: gradients of the queries and keys that were used, and of the values.
pub(super) fn launch(
    operands: &Operands,
    log_sum: &CubeTensor,
    delta: &CubeTensor,
    dy: &CubeTensor,
    dqkv: &CubeTensor,
    d: Dims,
) {
    let (client, elements) = (&dy.client, dy.meta.num_elements());
    let limit = client.properties().hardware.max_shared_memory_size;
    for (of_keys, tiles) in [(false, QUERIES), (true, KEYS)] {
        let tile = Tile::of(d.head_dim, tiles, limit).expect("checked by `fits`");
        let (sizes, total) = SizesLaunch::of(d, operands.qk_stride, tile);
        // SAFETY: cubes beyond the last tile and rows beyond the context write nothing.
        unsafe {
            backward_kernel::launch_unchecked(
                on(client),
                cubes(total),
                CubeDim::new_2d(SIDE as u32, SIDE as u32),
                tile.piece,
                tile.micro,
                reads_some(&operands.qk, 2 * elements),
                reads_some(&operands.qkv, elements),
                reads(dy),
                reads(log_sum),
                reads(delta),
                writes_some(dqkv, if of_keys { 2 * elements } else { elements }),
                sizes,
                of_keys,
                tile,
            );
        }
    }
}
