//! Tensors of burn's as kernels take them.

use burn::backend::Cube;
use burn::tensor::Tensor;
use burn_cubecl::tensor::CubeTensor;

/// The tensor as kernels take it.
pub(crate) fn primitive<const D: usize>(tensor: Tensor<D>) -> CubeTensor {
    tensor
        .try_into_primitive::<Cube>()
        .unwrap_or_else(|e| panic!("a kernel was called on another backend: {e:?}"))
}

/// A tensor of burn's that shares the memory.
pub(crate) fn tensor<const D: usize>(cube: CubeTensor) -> Tensor<D> {
    Tensor::from_primitive::<Cube>(cube)
}
