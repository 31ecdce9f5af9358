//! A weight and its moments, in their places.

use burn::tensor::{Device, Tensor, TensorData};

/// A weight and its moments.
pub(crate) struct Slot<'a> {
    pub weight: &'a mut Tensor<3>,
    pub first: &'a mut Tensor<3>,
    pub second: &'a mut Tensor<3>,
}

/// One number per replica as `[R, 1, 1]`.
pub(crate) fn per_replica(values: impl Iterator<Item = f64>, device: &Device) -> Tensor<3> {
    let values: Vec<f32> = values.map(|v| v as f32).collect();
    let shape = [values.len(), 1, 1];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Takes a tensor out of its place, so that an operation owns it alone and works in place.
pub(crate) fn take(tensor: &mut Tensor<3>) -> Tensor<3> {
    let empty = Tensor::empty([1, 1, 1], &tensor.device());
    std::mem::replace(tensor, empty)
}
