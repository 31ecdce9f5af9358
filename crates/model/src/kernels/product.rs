//! Matrix products of half-precision operands with results in `f32`.
//!
//! The kernels are cubek's, tuned on the device. A tensor's own product would be rounded to its operands' precision:
//! gradients of weights, sums over all tokens, leave the range of `f16`.

use burn::tensor::DType;
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::tensor::CubeTensor;

/// `a b`, `[R, M, K] x [R, K, N] -> [R, M, N]`.
pub(super) fn product(a: CubeTensor, b: CubeTensor) -> CubeTensor {
    // The tuner always has a kernel that takes any sizes.
    matmul(a, b, None, MatmulStrategy::default(), DType::F32)
        .expect("products of any sizes are possible")
}
