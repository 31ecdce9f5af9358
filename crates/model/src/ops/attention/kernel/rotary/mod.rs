//! RMSNorm (Henry et al. 2020) and rotary positions (Su et al. 2021) of queries and keys. Units take the pairs of coordinates that
//! one angle rotates, so that forward and backward pass need nothing of each other: eight pairs in half precision, where halves of
//! a head are whole lines ([`eights`]), else one ([`single`]).

mod eights;
mod formulas;
mod pairs;
mod single;

use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;

use super::super::dims::Dims;
use crate::kernels::Choices;
use crate::kernels::tensors::{empty_of, row_major, rows_of};
pub(crate) use formulas::chunks;

/// Whether units take eight pairs.
fn in_eights(dtype: DType, d: Dims) -> bool {
    dtype != DType::F32 && d.head_dim.is_multiple_of(eights::LEAST)
}

/// Normed and rotated queries and keys side by side, `[R, M, 2 D]`, of a projection `[R, M, 3 D]`, in its type.
pub(super) fn forward(
    qkv: CubeTensor,
    gains: [CubeTensor; 2],
    tables: [CubeTensor; 2],
    d: Dims,
    choices: Choices,
) -> CubeTensor {
    let qkv = row_major(qkv);
    let (gains, tables) = (gains.map(rows_of), tables.map(rows_of));
    let y = empty_of(&qkv, [d.replicas, d.sequences * d.context, 2 * d.width()], qkv.dtype);
    if in_eights(qkv.dtype, d) {
        eights::forward(&qkv, gains, tables, &y, d);
    } else {
        single::forward(&qkv, gains, tables, &y, d, choices);
    }
    y
}

/// Where the gradients of the gains of queries and keys go, one row of both for every chunk, `[R, chunks, 2 head_dim]`, and whether
/// they are added to what is there.
#[derive(Clone, Copy)]
pub(crate) struct GainGradients<'a> {
    pub to: &'a CubeTensor,
    pub accumulate: bool,
}

/// Overwrites the gradients of the rotated queries and keys in `dqkv` `[R, M, 3 D]` by those of the projection, and writes those of the
/// gains.
pub(super) fn backward(
    qkv: &CubeTensor,
    gains: [CubeTensor; 2],
    tables: [CubeTensor; 2],
    dqkv: &CubeTensor,
    dgain: GainGradients,
    d: Dims,
    choices: Choices,
) {
    let (gains, tables) = (gains.map(rows_of), tables.map(rows_of));
    if in_eights(qkv.dtype, d) {
        eights::backward(qkv, gains, tables, dqkv, dgain, d);
    } else {
        single::backward(qkv, gains, tables, dqkv, dgain, d, choices);
    }
}
