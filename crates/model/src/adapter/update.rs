//! The update of a packed stack: gradients added up, clipped, and AdamW, in three launches.

use burn::tensor::{Tensor, TensorData};
use burn_cubecl::tensor::CubeTensor;

use super::packed::{self, Packed};
use crate::kernels::flat::Tables;
use crate::kernels::tensors::{empty, primitive, tensor};
use crate::ops::adamw::PER_REPLICA;
use crate::ops::adamw::kernel::{Update, adamw};
use crate::ops::clip::kernel::{gather, norms};
use crate::params::ParamSpec;

/// Moments of all weights, flat.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    /// Told apart from all others of the process.
    pub id: u64,
    pub first: CubeTensor,
    pub second: CubeTensor,
}

/// Moves the weights by the gradients in `parts`, times `factor`; `tables` tell where these lie. `factors` are those of [`factors`](crate::ops::adamw::factors). Returns the norms `[R]`
/// before clipping.
pub(crate) fn update(
    packed: &Packed,
    moments: &Moments,
    (parts, tables): (&CubeTensor, &Tables),
    gradients: &CubeTensor,
    factors: &CubeTensor,
    factor: f32,
) -> CubeTensor {
    let squares = gather(parts, tables, gradients, factor);
    let [norms, scales] = norms(&squares, factors);
    let update = Update {
        gradients,
        scales: &scales,
        factors,
        weights: &packed.flat,
        first: &moments.first,
        second: &moments.second,
        half: packed.half.as_ref(),
    };
    adamw(update, tables);
    norms
}

/// [`update`] by whole gradients and the `factors` of [`factors`](crate::ops::adamw::factors). Returns their norms `[R]`.
pub(crate) fn update_by_gradients(
    packed: &Packed,
    moments: &Moments,
    grads: Vec<Tensor<3>>,
    specs: &[ParamSpec],
    factors: Vec<f32>,
) -> CubeTensor {
    let r = packed.replicas;
    let (flat, _) = packed::pack(grads, specs);
    let device = tensor::<1>(packed.flat.clone()).device();
    let tables = packed.whole_gradients(specs, &device);
    let factors = TensorData::new(factors, [r, PER_REPLICA]);
    let factors = primitive(Tensor::<2>::from_data(factors, &device));
    let gradients = empty(&flat, [flat.meta.num_elements()]);
    update(packed, moments, (&flat, tables), &gradients, &factors, 1.0)
}
