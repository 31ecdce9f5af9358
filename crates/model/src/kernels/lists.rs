//! Operations on lists of tensors, of which burn's extensions know nothing: registered with its
//! fusion by hand.

use burn::backend::fusion::FusionBackend;
use burn::backend::fusion::custom::{
    CustomOpIr, HandleContainer, Operation, OperationIr, StreamId, TensorIr,
};
use burn::backend::{Cube, ExecutionError};
use burn::tensor::{DType, Device, Shape, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use super::cube_device;

type Runtime = <CubeBackend as FusionBackend>::FusionRuntime;
type Handle = <Runtime as burn::backend::fusion::FusionRuntime>::FusionHandle;

/// What is done when fusion comes to it.
struct OnList<F> {
    inputs: Vec<TensorIr>,
    outputs: Vec<TensorIr>,
    work: F,
}

impl<F> std::fmt::Debug for OnList<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tensors to {}", self.inputs.len(), self.outputs.len())
    }
}

impl<F> Operation<Runtime> for OnList<F>
where
    F: Fn(Vec<CubeTensor>) -> Vec<CubeTensor> + Send + Sync,
{
    fn execute(&self, handles: &mut HandleContainer<Handle>) -> Result<(), ExecutionError> {
        let inputs = self.inputs.iter().map(|ir| handles.get_float_tensor::<CubeBackend>(ir));
        let outputs = (self.work)(inputs.collect());
        assert_eq!(outputs.len(), self.outputs.len(), "as many results as were announced");
        for (ir, output) in self.outputs.iter().zip(outputs) {
            handles.register_float_tensor::<CubeBackend>(&ir.id, output);
        }
        Ok(())
    }
}

/// Does `work` on tensors of a device with kernels; its results have the given sizes, in `f32`.
pub(super) fn apply(
    name: &'static str,
    inputs: Vec<Tensor<3>>,
    outputs: Vec<[usize; 3]>,
    work: impl Fn(Vec<CubeTensor>) -> Vec<CubeTensor> + Send + Sync + 'static,
) -> Vec<Tensor<3>> {
    let primitive = |tensor: Tensor<3>| {
        tensor
            .try_into_primitive::<Cube>()
            .unwrap_or_else(|e| panic!("a kernel was called on another backend: {e:?}"))
    };
    let inputs: Vec<_> = inputs.into_iter().map(primitive).collect();
    let client = inputs.first().expect("there is an input").client.clone();
    let inputs: Vec<TensorIr> = inputs.into_iter().map(|tensor| tensor.into_ir()).collect();
    let output =
        |sizes| TensorIr::uninit(client.create_empty_handle(), Shape::from(sizes), DType::F32);
    let outputs: Vec<TensorIr> = outputs.into_iter().map(output).collect();
    let ir = OperationIr::Custom(CustomOpIr::new(name, &inputs, &outputs));
    let results = client.register(StreamId::current(), ir, OnList { inputs, outputs, work });
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
