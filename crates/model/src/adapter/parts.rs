//! Where the parts of every gradient lie until they are added up.

use burn::tensor::{DType, Device};
use burn_cubecl::tensor::CubeTensor;
use isoflop_plan::Family;

use super::packed;
use crate::kernels::Choices;
use crate::kernels::flat::{Entry, Tables};
use crate::kernels::launch::chunks;
use crate::kernels::tensors::{empty, view};
use crate::ops::attention::{self, Dims};
use crate::ops::embedding;
use crate::ops::linear::product;
use crate::params::ParamSpec;

/// Parts begin at multiples of this many elements: places of buffers that every device takes (256 bytes).
const ALIGNMENT: usize = 64;

/// A gradient's parts, `[R, parts, rows * cols]`; queries' and keys' gains are side by side in the parts of the former.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub at: usize,
    pub parts: usize,
    /// Elements of a part.
    pub len: usize,
}

/// Memory for the parts of all gradients of a stack that passes so many tokens at a time.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub flat: CubeTensor,
    pub layouts: Vec<Layout>,
    pub tables: Tables,
    replicas: usize,
}

impl Parts {
    /// `head_tokens`: of a replica that go to the logits at a time.
    pub fn new(
        specs: &[ParamSpec],
        family: Family,
        d: Dims,
        dtype: DType,
        head: (usize, usize),
        like: &CubeTensor,
        device: &Device,
        choices: Choices,
    ) -> Self {
        let r = d.replicas;
        let m = d.sequences * d.context;
        let mut next = 0;
        let mut take = |parts: usize, len: usize| {
            let layout = Layout { at: next, parts, len };
            next = (next + r * parts * len).next_multiple_of(ALIGNMENT);
            layout
        };
        let last = specs.len() - 1;
        let mut layouts: Vec<Layout> = Vec::new();
        for (i, spec) in specs.iter().enumerate() {
            let layout = if i == 0 {
                take(embedding::kernel::chunks(m, spec.rows), spec.len())
            } else if family == Family::Gpt2 && i == 1 {
                take(1, spec.len())
            } else if spec.is_projection() {
                let sizes = [spec.rows, spec.cols];
                let (r, m) = if i == last { head } else { (r, m) };
                let client = &like.client;
                take(product::gradient_parts(dtype, [r, m], sizes, client, choices), spec.len())
            } else if spec.name.ends_with("q_norm") {
                take(attention::kernel::chunks(d), 2 * d.head_dim)
            } else if spec.name.ends_with("k_norm") {
                let queries = *layouts.last().expect("keys follow queries");
                Layout { at: queries.at + d.head_dim, ..queries }
            } else {
                take(chunks(m), spec.len())
            };
            layouts.push(layout);
        }
        let (starts, _) = packed::offsets(specs, r);
        let entry = |((spec, layout), at): ((&ParamSpec, &Layout), usize)| Entry {
            at,
            per_replica: spec.len(),
            decays: spec.decay,
            parts_at: layout.at,
            parts: layout.parts,
            part_stride: layout.len,
            replica_stride: layout.parts * layout.len,
        };
        let entries: Vec<Entry> = specs.iter().zip(&layouts).zip(starts).map(entry).collect();
        let flat = empty(like, [next.max(1)]);
        Self { flat, layouts, tables: Tables::new(&entries, r, device), replicas: r }
    }

    /// The parts of a gradient as `[R, parts, len]`.
    pub fn of(&self, weight: usize) -> CubeTensor {
        let layout = self.layouts[weight];
        view(&self.flat, layout.at, [self.replicas, layout.parts, layout.len])
    }

    /// The parts of a projection's gradient as products write them, `[replicas * parts, rows, cols]`, for some of the replicas.
    pub fn of_projection(
        &self,
        weight: usize,
        [rows, cols]: [usize; 2],
        replicas: std::ops::Range<usize>,
    ) -> CubeTensor {
        let layout = self.layouts[weight];
        let at = layout.at + replicas.start * layout.parts * layout.len;
        view(&self.flat, at, [replicas.len() * layout.parts, rows, cols])
    }
}
