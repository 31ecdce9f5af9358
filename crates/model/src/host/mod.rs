//! What operations on slices share: tensors of the CPU backend as slices of `f32`, products of matrices, and vector code.

pub(crate) mod gemm;
pub(crate) mod simd;

use std::mem::MaybeUninit;

use burn::backend::{DispatchDevice, Flex};
use burn::tensor::{DType, Device, Shape, Tensor, TensorData};
use burn_flex::FlexTensor;

/// Whether the operations written for slices apply to tensors of this device.
pub fn is_host(device: &Device) -> bool {
    matches!(device.as_dispatch(), DispatchDevice::Flex(_)) && !device.is_autodiff()
}

/// A contiguous `f32` tensor of the CPU backend.
pub(crate) struct Host(FlexTensor);

impl Host {
    /// Takes a tensor of the CPU backend; copies only where it is not contiguous.
    pub(crate) fn new<const D: usize>(tensor: Tensor<D>) -> Self {
        let tensor = tensor
            .try_into_primitive::<Flex>()
            .unwrap_or_else(|e| panic!("a CPU operation was called on another backend: {e:?}"));
        assert_eq!(tensor.dtype(), DType::F32, "CPU operations work in f32");
        let whole = tensor
            .layout()
            .contiguous_offsets()
            .is_some_and(|(start, end)| start == 0 && end * 4 == tensor.bytes().len());
        Self(if whole { tensor } else { tensor.to_contiguous() })
    }

    /// The elements, row-major.
    pub(crate) fn slice(&self) -> &[f32] {
        self.0.storage::<f32>()
    }

    /// The elements for writing; copies first where the tensor is shared.
    pub(crate) fn slice_mut(&mut self) -> &mut [f32] {
        self.0.storage_mut::<f32>()
    }

    pub(crate) fn into_tensor<const D: usize>(self) -> Tensor<D> {
        Tensor::from_primitive::<Flex>(self.0)
    }
}

/// A tensor of the CPU backend from its elements, row-major.
pub(crate) fn tensor<const D: usize>(elements: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
    let data = TensorData::new(elements, Shape::from(shape));
    Tensor::from_primitive::<Flex>(FlexTensor::from_data(data))
}

/// Elements of a result that are all written once: without a pass of zeros before.
pub(crate) type Unset = MaybeUninit<f32>;

/// A tensor of the CPU backend from elements that `write` puts in place, row-major.
///
/// # Safety
/// `write` writes every element.
pub(crate) unsafe fn written<const D: usize, T>(
    shape: [usize; D],
    write: impl FnOnce(&mut [Unset]) -> T,
) -> (Tensor<D>, T) {
    let len = shape.iter().product();
    let mut elements = Vec::<f32>::with_capacity(len);
    let unset = &mut elements.spare_capacity_mut()[..len];
    if cfg!(debug_assertions) || cfg!(test) {
        unset.fill(Unset::new(f32::NAN)); // what is forgotten shows
    }
    let value = write(unset);
    // SAFETY: the capacity is at least `len`, and the caller answers for the elements.
    unsafe { elements.set_len(len) };
    (tensor(elements, shape), value)
}
