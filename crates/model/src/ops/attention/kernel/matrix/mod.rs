//! Attention in half precision by the device's matrix units (tensor cores, cooperative matrices).
//!
//! What lies in memory is in half precision, but for log sums and gradients of gains; products are added up in `f32` in square
//! fragments, and softmax and scores are in `f32`. Each plane of a cube has rows of its own, whose scores stay in its fragments
//! ([`held`]) or go through a scratch of its own, so that planes meet only where a tile of the other side comes to shared memory. While one tile is used, the
//! next one is fetched to registers.

mod coords;
mod forward;
mod grid;
mod held;
mod keys;
mod queries;
mod running;
mod tile;

use burn::cubecl::client::Client;
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;

use super::rotary::{self, GainGradients};
use crate::kernels::tensors::{empty, empty_of, row_major, rows_of};
use crate::kernels::{Choices, Scores};
use crate::ops::attention::dims::Dims;
pub(super) use grid::{Grid, grid};

/// The tensor row-major in half precision.
fn rows_in(dtype: DType, tensor: CubeTensor) -> CubeTensor {
    assert_eq!(tensor.dtype, dtype, "what attention keeps is in one half precision");
    row_major(tensor)
}

/// The grid of a kernel.
fn grid_of(kernel: &grid::Kernel, grid: Grid, scores: Scores, like: &CubeTensor) -> Grid {
    let limit = like.client.properties().hardware.max_shared_memory_size;
    let best = grid.best(kernel, scores, limit);
    best.or_else(|| grid.best(kernel, Scores::Shared, limit)).expect("checked when it was chosen")
}

/// Whether attention has its scores there: what has no tiles for that goes through shared memory.
pub(super) fn has_tiles(grid: Grid, scores: Scores, client: &Client) -> bool {
    grid.has_tiles(scores, client.properties().hardware.max_shared_memory_size)
}

/// As [`run`](super::run), in half precision.
pub(super) fn forward(
    grid: Grid,
    qkv: CubeTensor,
    gains: [CubeTensor; 2],
    tables: [CubeTensor; 2],
    normed: bool,
    half: DType,
    d: Dims,
    choices: Choices,
) -> [CubeTensor; 3] {
    let qkv = rows_in(half, qkv);
    // The largest score of heads that are not normed is not known.
    let scores = if normed { choices.scores } else { Scores::Shared };
    let of_forward = grid_of(&grid::FORWARD, grid, scores, &qkv);
    let qk = match normed {
        true => rotary::forward(qkv.clone(), gains.clone(), tables, d, choices),
        false => qkv.clone(),
    };
    let out = empty_of(&qkv, [d.replicas, d.sequences * d.context, d.width()], half);
    let log_sum = empty(&qkv, [d.replicas, d.sequences * d.heads, d.context]);
    let gains = gains.map(|gain| normed.then(|| rows_of(gain)));
    forward::launch(of_forward, &qk, &qkv, gains.each_ref().map(Option::as_ref), &out, &log_sum, d);
    [out, log_sum, qk]
}

/// As [`run_backward`](super::run_backward), in half precision.
pub(super) fn backward(
    grid: Grid,
    [qkv, qk, out, log_sum, dy]: [CubeTensor; 5],
    gains: [CubeTensor; 2],
    tables: [CubeTensor; 2],
    dgain: Option<GainGradients>,
    half: DType,
    d: Dims,
    choices: Choices,
) -> CubeTensor {
    let [qkv, qk, out, dy] = [qkv, qk, out, dy].map(|tensor| rows_in(half, tensor));
    let log_sum = rows_of(log_sum);
    let [of_queries, of_keys] =
        [&grid::QUERIES, &grid::KEYS].map(|kernel| grid_of(kernel, grid, choices.scores, &qkv));
    let dqkv = empty_of(&dy, [d.replicas, d.sequences * d.context, 3 * d.width()], half);
    let delta = empty(&dy, [d.replicas, d.sequences * d.heads, d.context]);
    let read = [&qk, &qkv, &out, &dy, &log_sum];
    queries::launch(of_queries, read, &delta, &dqkv, d);
    keys::launch(of_keys, [&qk, &qkv, &dy, &log_sum, &delta], &dqkv, d);
    if let Some(dgain) = dgain {
        rotary::backward(&qkv, gains, tables, &dqkv, dgain, d, choices);
    }
    dqkv
}
