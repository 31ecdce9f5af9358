//! The update of a packed stack: gradients added up, clipped, and AdamW, in three launches.

use burn::tensor::{Tensor, TensorData};
use burn_cubecl::tensor::CubeTensor;

use super::packed::{self, Packed};
use super::parts::Parts;
use crate::kernels::flat::{Entry, Tables};
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

/// Moves the weights by the gradients in `parts`, times `factor`. `factors` are those of [`factors`](crate::ops::adamw::factors). Returns the norms `[R]`
/// before clipping.
pub(crate) fn update(
    packed: &Packed,
    moments: &Moments,
    parts: &Parts,
    gradients: &CubeTensor,
    factors: &CubeTensor,
    factor: f32,
) -> CubeTensor {
    let squares = gather(&parts.flat, &parts.tables, gradients, factor);
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
    adamw(update, &parts.tables);
    norms
}

/// [`update`] by whole gradients and the `factors` of [`factors`](crate::ops::adamw::factors). Returns their norms `[R]`.
pub(crate) fn whole(
    packed: &Packed,
    moments: &Moments,
    grads: Vec<Tensor<3>>,
    specs: &[ParamSpec],
    factors: Vec<f32>,
) -> CubeTensor {
    let r = packed.replicas;
    let (flat, _) = packed::pack(grads, specs);
    let (starts, _) = packed::offsets(specs, r);
    let entry = |(spec, at): (&ParamSpec, usize)| Entry {
        at,
        per_replica: spec.len(),
        decays: spec.decay,
        parts_at: at,
        parts: 1,
        part_stride: spec.len(),
        replica_stride: spec.len(),
    };
    let entries: Vec<Entry> = specs.iter().zip(starts).map(entry).collect();
    let device = tensor::<1>(packed.flat.clone()).device();
    let parts = Parts::of_flat(flat.clone(), Tables::new(&entries, r, &device), r);
    let factors = TensorData::new(factors, [r, PER_REPLICA]);
    let factors = primitive(Tensor::<2>::from_data(factors, &device));
    let gradients = empty(&flat, [flat.meta.num_elements()]);
    update(packed, moments, &parts, &gradients, &factors, 1.0)
}
