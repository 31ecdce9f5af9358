//! Where queries and keys are.

use burn_cubecl::tensor::CubeTensor;

use super::super::dims::Dims;
use super::rotary;
use crate::kernels::Choices;

/// Queries and keys, and the strides of their rows.
pub(super) struct Operands {
    /// Queries at column 0 and keys at column `D` of each row.
    pub qk: CubeTensor,
    /// Length of a row of `qk`.
    pub qk_stride: usize,
    /// The projection `[R, M, 3 D]`, whose last third are the values.
    pub qkv: CubeTensor,
}

impl Operands {
    pub fn new(
        qkv: CubeTensor,
        gains: [CubeTensor; 2],
        tables: [CubeTensor; 2],
        normed: bool,
        d: Dims,
        choices: Choices,
    ) -> Self {
        let qk = match normed {
            true => rotary::forward(qkv.clone(), gains, tables, d, choices),
            false => qkv.clone(),
        };
        let qk_stride = if normed { 2 } else { 3 } * d.width();
        Self { qk, qk_stride, qkv }
    }
}
