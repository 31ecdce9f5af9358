//! The weights of a stack in one piece of memory.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::{DType, Device, Tensor};
use burn_cubecl::tensor::CubeTensor;
use isoflop_plan::Shape;

use crate::kernels::Choices;
use crate::kernels::elementwise::copy;
use crate::kernels::flat::{BLOCK, Entry, Tables};
use crate::kernels::tensors::{dims, empty_of, primitive, rows_of, view};
use crate::ops::adamw::kernel::to_half;
use crate::params::ParamSpec;

/// Where the weights of a shape begin, each of all replicas, and how many elements there are in all.
pub(crate) fn offsets(specs: &[ParamSpec], replicas: usize) -> (Vec<usize>, usize) {
    let mut next = 0;
    let starts = specs.iter().map(|spec| {
        let at = next;
        next += (replicas * spec.len()).next_multiple_of(BLOCK);
        at
    });
    (starts.collect(), next)
}

/// Tensors of a shape's weights, `[R, rows, cols]` each, in one flat `f32` tensor.
pub(crate) fn pack(tensors: Vec<Tensor<3>>, specs: &[ParamSpec]) -> (CubeTensor, Vec<CubeTensor>) {
    let tensors: Vec<CubeTensor> = tensors.into_iter().map(|t| rows_of(primitive(t))).collect();
    let [replicas, ..] = dims::<3>(&tensors[0]);
    let (starts, total) = offsets(specs, replicas);
    let flat = empty_of(&tensors[0], [total], DType::F32);
    let views = views(&flat, &starts, specs, replicas);
    for (tensor, view) in tensors.iter().zip(&views) {
        copy(tensor, view);
    }
    (flat, views)
}

/// The weights' places in a flat tensor.
pub(crate) fn views(
    flat: &CubeTensor,
    starts: &[usize],
    specs: &[ParamSpec],
    replicas: usize,
) -> Vec<CubeTensor> {
    let view = |(spec, &at): (&ParamSpec, &usize)| view(flat, at, [replicas, spec.rows, spec.cols]);
    specs.iter().zip(starts).map(view).collect()
}

/// A number that no other piece of memory of this process has.
pub(crate) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The weights of a stack, and their copy in half precision where products have it.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    /// Told apart from all others of the process.
    pub id: u64,
    pub shape: Shape,
    /// How its operations are computed, for as long as it lives.
    pub choices: Choices,
    pub replicas: usize,
    /// All weights, `f32`.
    pub flat: CubeTensor,
    /// Each of them, `[R, rows, cols]`.
    pub each: Vec<CubeTensor>,
    /// All in half precision.
    pub half: Option<CubeTensor>,
    /// Each as products take it.
    pub operands: Vec<CubeTensor>,
    /// See [`Packed::whole_gradients`].
    whole_gradients: OnceLock<Tables>,
}

impl Packed {
    /// Copies the weights; they are in `cast` beside `f32` where that is given.
    pub fn new(
        shape: &Shape,
        specs: &[ParamSpec],
        weights: Vec<Tensor<3>>,
        cast: Option<DType>,
        choices: Choices,
    ) -> Self {
        let (flat, each) = pack(weights, specs);
        let [replicas, ..] = dims::<3>(&each[0]);
        let (starts, total) = offsets(specs, replicas);
        let half = cast.map(|dtype| empty_of(&flat, [total], dtype));
        let operands = half.as_ref().map(|half| views(half, &starts, specs, replicas));
        let packed = Self {
            id: next_id(),
            shape: *shape,
            choices,
            replicas,
            operands: operands.unwrap_or_else(|| each.clone()),
            flat,
            each,
            half,
            whole_gradients: OnceLock::new(),
        };
        packed.to_half();
        packed
    }

    /// Makes the copy in half precision anew.
    pub fn to_half(&self) {
        if let Some(half) = &self.half {
            to_half(&self.flat, half);
        }
    }

    /// Overwrites the weights.
    pub fn replace(&self, weights: &[Tensor<3>]) {
        for (to, from) in self.each.iter().zip(weights) {
            copy(&rows_of(primitive(from.clone())), to);
        }
        self.to_half();
    }

    /// Tables of gradients that are in one part and lie as the weights do, sent to the device once.
    pub fn whole_gradients(&self, specs: &[ParamSpec], device: &Device) -> &Tables {
        self.whole_gradients.get_or_init(|| {
            let (starts, _) = offsets(specs, self.replicas);
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
            Tables::new(&entries, self.replicas, device)
        })
    }

    /// Type of activations.
    pub fn dtype(&self) -> DType {
        self.operands[0].dtype
    }
}
