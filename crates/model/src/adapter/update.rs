//! The update of a packed stack: gradients added up, clipped, and AdamW, in three launches.

use burn::tensor::{Tensor, TensorData};
use burn_cubecl::tensor::CubeTensor;

use super::packed::{self, Packed};
use super::parts::Parts;
use crate::kernels::flat::{self, Entry, PER_REPLICA, Tables, Update};
use crate::kernels::launch::empty;
use crate::kernels::primitive;
use crate::optim::ReplicaStep;
use crate::params::ParamSpec;

/// Moments of all weights, flat.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    /// Told apart from all others of the process.
    pub id: u64,
    pub first: CubeTensor,
    pub second: CubeTensor,
}

/// Moves the weights by the gradients in `parts`, times `factor`. `factors` are those of [`flat::FACTORS`]. Returns the norms `[R]`
/// before clipping.
pub(crate) fn update(
    packed: &Packed,
    moments: &Moments,
    parts: &Parts,
    gradients: &CubeTensor,
    factors: &CubeTensor,
    factor: f32,
) -> CubeTensor {
    let squares = flat::gather(&parts.flat, &parts.tables, gradients, factor);
    let [norms, scales] = flat::norms(&squares, factors);
    let update = Update {
        gradients,
        scales: &scales,
        factors,
        weights: &packed.flat,
        first: &moments.first,
        second: &moments.second,
        half: packed.half.as_ref(),
    };
    flat::adamw(update, &parts.tables);
    norms
}

/// [`update`] by whole gradients. Returns their norms `[R]`.
pub(crate) fn whole(
    packed: &Packed,
    moments: &Moments,
    grads: Vec<Tensor<3>>,
    specs: &[ParamSpec],
    settings: &[ReplicaStep],
    step: u64,
) -> CubeTensor {
    let r = packed.replicas;
    let (flat, _) = packed::pack(grads, specs);
    let (starts, _) = packed::places(specs, r);
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
    let device = packed::tensor::<1>(&packed.flat).device();
    let parts = Parts::of_flat(flat.clone(), Tables::new(&entries, r, &device), r);
    let factors = TensorData::new(super::factors(settings, step), [r, PER_REPLICA]);
    let factors = primitive(Tensor::<2>::from_data(factors, &device));
    let gradients = empty(&flat, [flat.meta.num_elements()]);
    update(packed, moments, &parts, &gradients, &factors, 1.0)
}
