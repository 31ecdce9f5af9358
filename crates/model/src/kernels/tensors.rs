//! Tensors as kernels take them, and tensors to write to.

use burn::backend::Cube;
use burn::cubecl::prelude::*;
use burn::tensor::{DType, Int, Shape, Tensor, bf16, f16};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

/// Elements of all tensors of a kind in one launch: kernels count them in 32 bits.
pub(crate) const MOST_ELEMENTS: usize = u32::MAX as usize - (1 << 20);

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

/// The tensor of integers as kernels take it.
pub(crate) fn primitive_int<const D: usize>(tensor: Tensor<D, Int>) -> CubeTensor {
    tensor
        .try_into_primitive::<Cube>()
        .unwrap_or_else(|e| panic!("a kernel was called on another backend: {e:?}"))
}

/// The tensor row-major in `f32`.
pub(crate) fn rows_of(tensor: CubeTensor) -> CubeTensor {
    assert_eq!(tensor.dtype, DType::F32, "these kernels work in f32");
    row_major(tensor)
}

/// The tensor row-major, in whatever type it has.
pub(crate) fn row_major(tensor: CubeTensor) -> CubeTensor {
    let elements = tensor.meta.num_elements();
    assert!(
        elements <= MOST_ELEMENTS,
        "kernels count up to {MOST_ELEMENTS} elements, not {elements}"
    );
    into_contiguous(tensor)
}

/// The tensor row-major and not shared with anyone, to be written in place.
pub(crate) fn own(tensor: CubeTensor) -> CubeTensor {
    let tensor = rows_of(tensor);
    if tensor.can_mut() { tensor } else { tensor.copy() }
}

pub(crate) fn dims<const D: usize>(tensor: &CubeTensor) -> [usize; D] {
    tensor.meta.shape().dims()
}

/// An unwritten `f32` tensor, row-major, where `like` is.
pub(crate) fn empty<const D: usize>(like: &CubeTensor, shape: [usize; D]) -> CubeTensor {
    empty_of(like, shape, DType::F32)
}

/// An unwritten tensor of this type, row-major, where `like` is.
pub(crate) fn empty_of<const D: usize>(
    like: &CubeTensor,
    shape: [usize; D],
    dtype: DType,
) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    empty_device_contiguous_dtype(client, device, Shape::from(shape), dtype)
}

/// Part of a row-major tensor, from element `at`, as a tensor of this shape that shares its memory.
pub(crate) fn view<const D: usize>(flat: &CubeTensor, at: usize, shape: [usize; D]) -> CubeTensor {
    let size = flat.dtype.size();
    let len: usize = shape.iter().product();
    let end = flat.meta.num_elements() - at - len;
    let handle =
        flat.handle.clone().offset_start((at * size) as u64).offset_end((end * size) as u64);
    let (client, device) = (flat.client.clone(), flat.device.clone());
    CubeTensor::new_contiguous(client, device, Shape::from(shape), handle, flat.dtype)
}

/// The type as kernels are compiled for it.
pub(crate) fn elem(dtype: DType) -> ElemType {
    match dtype {
        DType::F32 => f32::elem_type_native(),
        DType::F16 => f16::elem_type_native(),
        DType::BF16 => bf16::elem_type_native(),
        other => panic!("kernels do not work in {other:?}"),
    }
}
