//! Operations on lists of tensors, of which burn's extensions know nothing.

use burn::backend::Cube;
use burn::tensor::{Device, Tensor};
use burn_cubecl::tensor::CubeTensor;

use super::cube_device;

/// The tensor as kernels take it.
pub(super) fn primitive<const D: usize>(tensor: Tensor<D>) -> CubeTensor {
    tensor
        .try_into_primitive::<Cube>()
        .unwrap_or_else(|e| panic!("a kernel was called on another backend: {e:?}"))
}

/// Does `work` on tensors of a device with kernels.
pub(super) fn apply(
    inputs: Vec<Tensor<3>>,
    work: impl FnOnce(Vec<CubeTensor>) -> Vec<CubeTensor>,
) -> Vec<Tensor<3>> {
    let results = work(inputs.into_iter().map(primitive).collect());
    results.into_iter().map(Tensor::from_primitive::<Cube>).collect()
}

/// Tensors that one launch of a device can take beside `others`.
pub(super) fn most_tensors(device: &Device, others: usize) -> usize {
    // One for sizes, which go in a buffer of their own.
    let taken = others + 1;
    let limit = cube_device(device)
        .map_or(0, |cube| cube.client().properties().hardware.max_bindings as usize);
    limit.saturating_sub(taken)
}
