//! Causal attention in tiles (Dao et al. 2022; Dao 2023): no score matrix is ever stored.
//!
//! A cube of 8 x 8 units takes a tile of queries (or of keys) and goes through the tiles on the
//! other side, which it fetches to shared memory. Scores of a tile are `MICRO x MICRO` for each unit,
//! in registers, and go to shared memory for the product with the values. In half precision the products are those of
//! matrix units where the device has some ([`matrix`]).

mod backward;
mod coords;
mod forward;
mod matrix;
mod operands;
mod rotary;
mod tile;

use burn::cubecl::client::Client;
use burn::tensor::{DType, Tensor};
use burn_cubecl::tensor::CubeTensor;

use super::dims::{Dims, QkNorm};
use super::rope::device_tables;
use crate::kernels::tensors::{empty, primitive, rows_of, tensor};
use crate::kernels::traffic::cast;
use crate::kernels::{Choices, Scores};
use operands::Operands;
pub(crate) use rotary::{GainGradients, chunks};
pub(crate) use tile::fits;

/// `[R, M, 3 D]` to the result `[R, M, D]`, the log of every softmax's denominator
/// `[R, sequences * heads, context]`, and what the backward pass takes queries and keys from. With `normed`, queries and
/// keys are normed and rotated first (gains `[R, 1, head_dim]`, tables `[context, head_dim / 2]`).
///
/// On matrix units queries and keys are kept as they are used, `[R, M, 2 D]` in half precision; the result is in the precision of
/// `qkv`.
pub(crate) fn run(
    qkv: CubeTensor,
    gains: [CubeTensor; 2],
    tables: [CubeTensor; 2],
    normed: bool,
    half: Option<DType>,
    d: Dims,
    choices: Choices,
) -> [CubeTensor; 3] {
    if let Some((grid, half)) = matrix_units(half, d.head_dim, &qkv.client, choices) {
        let dtype = qkv.dtype;
        let qkv = cast(qkv, half);
        let [out, log_sum, qk] =
            matrix::forward(grid, qkv, gains, tables, normed, half, d, choices);
        return [cast(out, dtype), log_sum, qk];
    }
    let qkv = rows_of(qkv);
    let operands = Operands::new(qkv, gains, tables, normed, d, choices);
    let out = empty(&operands.qkv, [d.replicas, d.sequences * d.context, d.width()]);
    let log_sum = empty(&operands.qkv, [d.replicas, d.sequences * d.heads, d.context]);
    forward::launch(&operands, &out, &log_sum, d);
    [out, log_sum, operands.qkv]
}

/// The fragments to multiply in this half precision, for heads of `head_dim`; `None` without matrix units for it.
fn matrix_units(
    half: Option<DType>,
    head_dim: usize,
    client: &Client,
    choices: Choices,
) -> Option<(matrix::Grid, DType)> {
    let half = half.filter(|_| choices.matrix_units)?;
    Some((matrix::grid(head_dim, half, client)?, half))
}

/// Whether products in a half precision are those of matrix units.
pub(crate) fn is_by_matrix(
    half: Option<DType>,
    head_dim: usize,
    client: &Client,
    choices: Choices,
) -> bool {
    matrix_units(half, head_dim, client, choices).is_some()
}

/// Whether attention in a half precision can have its scores there, on matrix units.
pub(crate) fn has_tiles(
    half: Option<DType>,
    head_dim: usize,
    scores: Scores,
    client: &Client,
    choices: Choices,
) -> bool {
    let found = matrix_units(half, head_dim, client, choices);
    found.is_some_and(|(grid, _)| matrix::has_tiles(grid, scores, client))
}

/// Gradient of the projection `[R, M, 3 D]`; those of the gains are written where there are some. `qk` is what [`run`] has kept.
pub(crate) fn run_backward(
    [qkv, qk, out, log_sum, dy]: [CubeTensor; 5],
    gains: [CubeTensor; 2],
    tables: [CubeTensor; 2],
    dgain: Option<GainGradients>,
    half: Option<DType>,
    d: Dims,
    choices: Choices,
) -> CubeTensor {
    if let Some((grid, half)) = matrix_units(half, d.head_dim, &dy.client, choices) {
        let dtype = qkv.dtype;
        let [qkv, out, dy] = [qkv, out, dy].map(|tensor| cast(tensor, half));
        let read = [qkv, qk, out, log_sum, dy];
        let dqkv = matrix::backward(grid, read, gains, tables, dgain, half, d, choices);
        return cast(dqkv, dtype);
    }
    let [qkv, out, log_sum, dy] = [qkv, out, log_sum, dy].map(rows_of);
    // Queries and keys are normed and rotated again: cheaper than keeping them for every block.
    let operands = Operands::new(qkv, gains.clone(), tables.clone(), dgain.is_some(), d, choices);
    let dqkv = empty(&dy, [d.replicas, d.sequences * d.context, 3 * d.width()]);
    let delta = backward::delta(&out, &dy, d, choices);
    backward::launch(&operands, &log_sum, &delta, &dy, &dqkv, d);
    if let Some(dgain) = dgain {
        rotary::backward(&operands.qkv, gains, tables, &dqkv, dgain, d, choices);
    }
    dqkv
}

/// Gains and tables for a launch; any tensor stands in where there are none.
fn norm_operands(
    qk_norm: Option<&QkNorm>,
    filler: &CubeTensor,
    d: Dims,
) -> ([CubeTensor; 2], [CubeTensor; 2]) {
    let filled = || [filler.clone(), filler.clone()];
    let Some(QkNorm { q, k }) = qk_norm else { return (filled(), filled()) };
    let gains = [q, k].map(|gain| primitive(gain.clone()));
    (gains, device_tables(d, &q.device()).map(primitive))
}

/// Result `[R, M, D]`, log sums `[R, sequences * heads, context]`, and what the backward pass takes queries and keys from.
/// With `half`, products may have operands in that precision.
pub(super) fn forward(
    qkv: &Tensor<3>,
    qk_norm: Option<&QkNorm>,
    half: Option<DType>,
    d: Dims,
    choices: Choices,
) -> [Tensor<3>; 3] {
    let qkv = primitive(qkv.clone());
    let (gains, tables) = norm_operands(qk_norm, &qkv, d);
    run(qkv, gains, tables, qk_norm.is_some(), half, d, choices).map(tensor)
}

/// Gradient of the projection, and of the gains of queries and keys.
pub(super) fn backward(
    read: [Tensor<3>; 5],
    qk_norm: Option<&QkNorm>,
    half: Option<DType>,
    d: Dims,
    choices: Choices,
) -> (Tensor<3>, Option<QkNorm>) {
    let read = read.map(primitive);
    let (gains, tables) = norm_operands(qk_norm, &read[3], d);
    let parts = qk_norm.map(|_| empty(&read[3], [d.replicas, chunks(d), 2 * d.head_dim]));
    let dgain = parts.as_ref().map(|to| GainGradients { to, accumulate: false });
    let dqkv = run_backward(read, gains, tables, dgain, half, d, choices);
    let gains = parts.map(|parts| {
        let both = tensor::<3>(parts).sum_dim(1);
        let [q, k] = [0, d.head_dim].map(|start| both.clone().narrow(2, start, d.head_dim));
        QkNorm { q, k }
    });
    (tensor(dqkv), gains)
}
