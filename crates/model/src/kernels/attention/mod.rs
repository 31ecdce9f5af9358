//! Causal attention in tiles (Dao et al. 2022; Dao 2023): no score matrix is ever stored.
//!
//! A cube of 8 x 8 units takes a tile of queries (or of keys) and goes through the tiles on the
//! other side, which it fetches to shared memory. Scores of a tile are `MICRO x MICRO` for each unit,
//! in registers, and go to shared memory for the product with the values. In half precision the products are those of
//! matrix units where the device has some ([`matrix`]).

mod backward;
mod forward;
mod matrix;
mod tile;

use burn::cubecl::client::Client;
use burn::tensor::DType;
use burn_cubecl::kernel::cast;
use burn_cubecl::tensor::CubeTensor;

use super::Choices;
use super::launch::{empty, rows_of};
use super::rotary;
pub(crate) use super::rotary::chunks;
use crate::ops::attention::Dims;
pub(crate) use tile::fits;

/// Score of keys that a query does not see.
const HIDDEN: f32 = -1.0e30;

/// Where queries and keys are, and the strides of their rows.
struct Operands {
    /// Queries at column 0 and keys at column `D` of each row.
    qk: CubeTensor,
    /// Length of a row of `qk`.
    qk_stride: usize,
    /// The projection `[R, M, 3 D]`, whose last third are the values.
    qkv: CubeTensor,
}

/// `[R, M, 3 D]` to the result `[R, M, D]`, the log of every softmax's denominator
/// `[R, sequences * heads, context]`, and what the backward pass takes queries and keys from. With `normed`, queries and
/// keys are normed and turned first (gains `[R, 1, head_dim]`, tables `[context, head_dim / 2]`).
///
/// On matrix units queries and keys are kept as they are used, `[R, M, 2 D]` in half precision; the result is in the precision of
/// `qkv`.
pub(crate) fn forward(
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
        let [out, log_sum, qk] = matrix::forward(grid, qkv, gains, tables, normed, half, d);
        return [cast(out, dtype), log_sum, qk];
    }
    let qkv = rows_of(qkv);
    let operands = operands(qkv, gains, tables, normed, d, choices);
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

fn operands(
    qkv: CubeTensor,
    gains: [CubeTensor; 2],
    tables: [CubeTensor; 2],
    normed: bool,
    d: Dims,
    choices: Choices,
) -> Operands {
    let qk = match normed {
        true => rotary::forward(qkv.clone(), gains, tables, d, choices),
        false => qkv.clone(),
    };
    let qk_stride = if normed { 2 } else { 3 } * d.width();
    Operands { qk, qk_stride, qkv }
}

/// Gradient of the projection `[R, M, 3 D]`, and of the gains as rows of both
/// `[R, chunks, 2 head_dim]`, unwritten without `normed`. `qk` is what [`forward`] has kept.
pub(crate) fn backward(
    [qkv, qk, out, log_sum, dy]: [CubeTensor; 5],
    gains: [CubeTensor; 2],
    tables: [CubeTensor; 2],
    normed: bool,
    half: Option<DType>,
    d: Dims,
    choices: Choices,
) -> (CubeTensor, CubeTensor) {
    if let Some((grid, half)) = matrix_units(half, d.head_dim, &dy.client, choices) {
        let dtype = qkv.dtype;
        let [qkv, out, dy] = [qkv, out, dy].map(|tensor| cast(tensor, half));
        let read = [qkv, qk, out, log_sum, dy];
        let (dqkv, dgain) = matrix::backward(grid, read, gains, tables, normed, half, d);
        return (cast(dqkv, dtype), dgain);
    }
    let [qkv, out, log_sum, dy] = [qkv, out, log_sum, dy].map(rows_of);
    // Queries and keys are normed and turned again: cheaper than keeping them for every block.
    let operands = operands(qkv, gains.clone(), tables.clone(), normed, d, choices);
    let dqkv = empty(&dy, [d.replicas, d.sequences * d.context, 3 * d.width()]);
    let along = backward::along(&out, &dy, d, choices);
    backward::launch(&operands, &log_sum, &along, &dy, &dqkv, d);
    let dgain = match normed {
        true => rotary::backward(&operands.qkv, gains, tables, &dqkv, d, choices),
        false => empty(&dy, [1, 1, 1]),
    };
    (dqkv, dgain)
}
