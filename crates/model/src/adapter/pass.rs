//! The forward pass of a packed stack.

use burn::tensor::{DType, Device};
use burn_cubecl::tensor::CubeTensor;
use isoflop_plan::Family;

use super::head::{self, Gradient};
use super::packed::Packed;
use super::parts::Parts;
use crate::block::Block;
use crate::kernels::tensors::{dims, empty_of, primitive};
use crate::kernels::traffic::cast;
use crate::ops::activation::Activation;
use crate::ops::activation::kernel as activation;
use crate::ops::attention::kernel as attention;
use crate::ops::attention::{Dims, device_tables};
use crate::ops::embedding::kernel as embedding;
use crate::ops::linear::bias;
use crate::ops::linear::product::{Epilogue, Side, gated, product};
use crate::ops::norm::kernel as norm;
use crate::params::{ParamSpec, param_specs};

/// Token ids of a pass on the device.
pub(crate) struct Batch {
    /// `[R, M, 1]` of 32-bit integers each.
    pub inputs: CubeTensor,
    pub targets: CubeTensor,
    /// The tokens of each word: where they start in the list of positions, and that list.
    pub token_index: Option<[CubeTensor; 2]>,
}

/// What the backward pass of a block needs.
pub(super) struct BlockSaved {
    pub x: CubeTensor,
    pub normed1: CubeTensor,
    pub qkv: CubeTensor,
    pub qk: CubeTensor,
    pub log_sum: CubeTensor,
    pub attended: CubeTensor,
    pub middle: CubeTensor,
    pub normed2: CubeTensor,
    pub up: CubeTensor,
    pub active: CubeTensor,
}

/// A stack and the sizes of its passes.
pub(crate) struct Pass<'a> {
    pub packed: &'a Packed,
    pub(super) dims: Dims,
    /// Cosines and sines of the rotary positions.
    pub(super) tables: [CubeTensor; 2],
}

impl<'a> Pass<'a> {
    /// For `sequences` of each replica.
    pub fn new(packed: &'a Packed, sequences: usize, device: &Device) -> Self {
        let shape = &packed.shape;
        let dims = Dims {
            replicas: packed.replicas,
            sequences,
            context: shape.context,
            heads: shape.heads,
            head_dim: shape.head_dim(),
        };
        let tables = device_tables(dims, device).map(primitive);
        Self { packed, dims, tables }
    }

    pub(super) fn tokens(&self) -> usize {
        self.dims.sequences * self.dims.context
    }

    fn specs(&self) -> Vec<ParamSpec> {
        param_specs(&self.packed.shape)
    }

    /// Memory for the parts of the gradients.
    pub fn parts(&self, device: &Device) -> Parts {
        let (specs, shape) = (self.specs(), &self.packed.shape);
        let head = head::largest(
            self.packed.replicas,
            self.tokens(),
            [shape.width, shape.vocab],
            head::bound_at(&self.packed.flat.client),
        );
        let (dtype, like) = (self.packed.dtype(), &self.packed.flat);
        Parts::new(&specs, shape.family, self.dims, dtype, head, like, device, self.packed.choices)
    }

    pub(super) fn has_biases(&self) -> bool {
        self.packed.shape.family == Family::Gpt2
    }

    pub(super) fn activation(&self) -> Activation {
        Activation::of(self.packed.shape.family)
    }

    pub(super) fn weight(&self, at: usize) -> &CubeTensor {
        &self.packed.each[at]
    }

    /// The bias that follows weight `at` in families that have biases.
    fn bias(&self, at: usize) -> Option<&CubeTensor> {
        self.has_biases().then(|| &self.packed.each[at + 1])
    }

    pub(super) fn empty(&self, cols: usize, dtype: DType) -> CubeTensor {
        empty_of(&self.packed.flat, [self.packed.replicas, self.tokens(), cols], dtype)
    }

    fn project(&self, x: &CubeTensor, at: usize) -> CubeTensor {
        let w = &self.packed.operands[at];
        let y = self.empty(dims::<3>(w)[2], x.dtype);
        product(Side::plain(x), Side::plain(w), &y, Epilogue::Store, self.packed.choices);
        if let Some(bias) = self.bias(at) {
            bias::add(&y, bias);
        }
        y
    }

    /// A projection and the activation of it: in one launch where a kernel takes both.
    fn project_and_activate(&self, x: &CubeTensor, at: usize) -> [CubeTensor; 2] {
        if self.activation() == Activation::SwiGlu && self.bias(at).is_none() {
            return gated(x, &self.packed.operands[at], self.packed.choices);
        }
        let up = self.project(x, at);
        let active = activation::forward(up.clone(), self.activation());
        [up, active]
    }

    /// The residual stream with a projection added, `f32`.
    fn project_onto(&self, residual: &CubeTensor, x: &CubeTensor, at: usize) -> CubeTensor {
        let w = &self.packed.operands[at];
        let y = self.empty(dims::<3>(w)[2], DType::F32);
        product(
            Side::plain(x),
            Side::plain(w),
            &y,
            Epilogue::Residual(residual),
            self.packed.choices,
        );
        if let Some(bias) = self.bias(at) {
            bias::add(&y, bias);
        }
        y
    }

    fn normalise(&self, x: &CubeTensor, at: usize) -> CubeTensor {
        norm::forward_as(
            x,
            self.weight(at),
            self.bias(at),
            self.packed.dtype(),
            self.packed.choices,
        )
    }

    /// Gains of queries and keys; any tensor stands in where there are none.
    pub(super) fn gains(&self, block: Block) -> [CubeTensor; 2] {
        let at = block.qk_norm.map_or([0, 0], |at| [at, at + 1]);
        at.map(|at| self.packed.each[at].clone())
    }

    /// The half precision of attention where it goes to matrix units, and the type of its tensors.
    pub(super) fn attention_in(&self) -> (Option<DType>, DType) {
        let dtype = self.packed.dtype();
        let half = (dtype != DType::F32).then_some(dtype);
        let client = &self.packed.flat.client;
        match attention::is_by_matrix(half, self.dims.head_dim, client, self.packed.choices) {
            true => (half, dtype),
            false => (None, DType::F32),
        }
    }

    /// Final normed hidden states `[R, M, D]`, and what the backward pass needs when `save`.
    pub(super) fn forward(
        &self,
        batch: &Batch,
        save: bool,
    ) -> (CubeTensor, CubeTensor, Vec<BlockSaved>) {
        let positions = self.has_biases().then(|| self.weight(1));
        let sizes = [self.tokens(), self.dims.context];
        let mut x = embedding::forward(self.weight(0), positions, &batch.inputs, sizes);
        let mut blocks = Vec::new();
        let dtype = self.packed.dtype();
        let (half, inside) = self.attention_in();
        for index in 0..self.packed.shape.depth {
            let block = Block::new(self.packed.shape.family, index);
            let normed1 = self.normalise(&x, block.norm1);
            let qkv = self.project(&normed1, block.qkv);
            let [attended, log_sum, qk] = attention::run(
                cast(qkv.clone(), inside),
                self.gains(block),
                self.tables.clone(),
                block.qk_norm.is_some(),
                half,
                self.dims,
                self.packed.choices,
            );
            let attended = cast(attended, dtype);
            let middle = self.project_onto(&x, &attended, block.out);
            let normed2 = self.normalise(&middle, block.norm2);
            let [up, active] = self.project_and_activate(&normed2, block.up);
            let next = self.project_onto(&middle, &active, block.down);
            if save {
                let (x, middle) = (x, middle);
                blocks.push(BlockSaved {
                    x,
                    normed1,
                    qkv,
                    qk,
                    log_sum,
                    attended,
                    middle,
                    normed2,
                    up,
                    active,
                });
            }
            x = next;
        }
        let normed = self.normalise(&x, self.final_norm());
        (normed, x, blocks)
    }

    pub(super) fn final_norm(&self) -> usize {
        Block::new(self.packed.shape.family, self.packed.shape.depth).norm1
    }

    pub(super) fn head(&self) -> &CubeTensor {
        self.packed.operands.last().expect("a model has a head")
    }

    /// See [`head::run`].
    pub(super) fn run_head(
        &self,
        hidden: &CubeTensor,
        batch: &Batch,
        loss: &CubeTensor,
        share: f32,
        accumulate: bool,
        gradient: Option<Gradient>,
    ) -> Option<CubeTensor> {
        let (head, choices) = (self.head(), self.packed.choices);
        head::run(hidden, head, &batch.targets, loss, share, accumulate, gradient, choices)
    }

    /// Mean loss of each replica `[R]`.
    pub fn loss(&self, batch: &Batch) -> CubeTensor {
        let (hidden, ..) = self.forward(batch, false);
        let loss = head::no_loss(&self.packed.flat, self.packed.replicas);
        self.run_head(&hidden, batch, &loss, 1.0, false, None);
        loss
    }
}

/// Sizes of both lists of a [`TokenIndex`](crate::ops::embedding::kernel::TokenIndex) for a replica's batch.
pub(crate) fn token_index_sizes(replicas: usize, tokens: usize, vocab: usize) -> [usize; 2] {
    [replicas * embedding::chunks(tokens, vocab) * (vocab + 1), replicas * tokens]
}
