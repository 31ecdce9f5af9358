//! Forward and backward pass of a packed stack.

use burn::tensor::{DType, Device, Tensor};
use burn_cubecl::kernel::cast;
use burn_cubecl::tensor::CubeTensor;
use isoflop_plan::Family;

use super::head::{self, Gradient};
use super::packed::Packed;
use super::parts::Parts;
use crate::block::Block;
use crate::kernels::elementwise::{add, copy};
use crate::kernels::tensors::{dims, empty_of, primitive, rows_of, tensor};
use crate::ops::activation::Activation;
use crate::ops::activation::kernel as activation;
use crate::ops::attention::kernel as attention;
use crate::ops::attention::{Dims, device_tables};
use crate::ops::embedding::kernel as embedding;
use crate::ops::linear::bias;
use crate::ops::linear::product::{self, Epilogue, Side, product};
use crate::ops::norm::kernel::{self as norm, Gains};
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
struct BlockSaved {
    x: CubeTensor,
    normed1: CubeTensor,
    qkv: CubeTensor,
    qk: CubeTensor,
    log_sum: CubeTensor,
    attended: CubeTensor,
    middle: CubeTensor,
    normed2: CubeTensor,
    up: CubeTensor,
    active: CubeTensor,
}

/// A stack and the sizes of its passes.
pub(crate) struct Pass<'a> {
    pub packed: &'a Packed,
    dims: Dims,
    /// Cosines and sines of the rotary positions.
    tables: [CubeTensor; 2],
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

    fn tokens(&self) -> usize {
        self.dims.sequences * self.dims.context
    }

    fn specs(&self) -> Vec<ParamSpec> {
        param_specs(&self.packed.shape)
    }

    /// Memory for the parts of the gradients.
    pub fn parts(&self, device: &Device) -> Parts {
        let (specs, shape) = (self.specs(), &self.packed.shape);
        let head = head::largest(self.packed.replicas, self.tokens(), shape.vocab);
        let (dtype, like) = (self.packed.dtype(), &self.packed.flat);
        Parts::new(&specs, shape.family, self.dims, dtype, head, like, device, self.packed.choices)
    }

    fn has_biases(&self) -> bool {
        self.packed.shape.family == Family::Gpt2
    }

    fn activation(&self) -> Activation {
        Activation::of(self.packed.shape.family)
    }

    fn weight(&self, at: usize) -> &CubeTensor {
        &self.packed.each[at]
    }

    /// The bias that follows weight `at` in families that have biases.
    fn bias(&self, at: usize) -> Option<&CubeTensor> {
        self.has_biases().then(|| &self.packed.each[at + 1])
    }

    fn empty(&self, cols: usize, dtype: DType) -> CubeTensor {
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
    fn gains(&self, block: Block) -> [CubeTensor; 2] {
        let at = block.qk_norm.map_or([0, 0], |at| [at, at + 1]);
        at.map(|at| self.packed.each[at].clone())
    }

    /// The half precision of attention where it goes to matrix units, and the type of its tensors.
    fn attention_in(&self) -> (Option<DType>, DType) {
        let dtype = self.packed.dtype();
        let half = (dtype != DType::F32).then_some(dtype);
        let client = &self.packed.flat.client;
        match attention::is_by_matrix(half, self.dims.head_dim, client, self.packed.choices) {
            true => (half, dtype),
            false => (None, DType::F32),
        }
    }

    /// Final normed hidden states `[R, M, D]`, and what the backward pass needs when `save`.
    fn forward(&self, batch: &Batch, save: bool) -> (CubeTensor, CubeTensor, Vec<BlockSaved>) {
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
            let up = self.project(&normed2, block.up);
            let active = activation::forward(up.clone(), self.activation());
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

    fn final_norm(&self) -> usize {
        Block::new(self.packed.shape.family, self.packed.shape.depth).norm1
    }

    fn head(&self) -> &CubeTensor {
        self.packed.operands.last().expect("a model has a head")
    }

    /// See [`head::run`].
    fn run_head(
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

    /// Mean loss of each replica times `share`, written to `loss`, and the parts of all gradients, times `share` and `loss_scale`; both
    /// are added to what is there (`accumulate`). `z` is the weight of the z-loss.
    pub fn gradients(
        &self,
        batch: &Batch,
        [z, share, loss_scale]: [f32; 3],
        loss: &CubeTensor,
        parts: &Parts,
        accumulate: bool,
    ) {
        let (hidden, last, blocks) = self.forward(batch, true);
        let weight = self.packed.each.len() - 1;
        let scale = share * loss_scale / self.tokens() as f32;
        let gradient = Gradient { z, scale, parts, weight, accumulate };
        let dhidden = self
            .run_head(&hidden, batch, loss, share, accumulate, Some(gradient))
            .expect("asked for");
        drop(hidden);
        let sink = Sink { pass: self, parts, accumulate };
        let mut dx = sink.norm(self.final_norm(), &last, &dhidden, None);
        drop((last, dhidden));
        let (half, inside) = self.attention_in();
        let dtype = self.packed.dtype();
        for (index, s) in blocks.into_iter().enumerate().rev() {
            let block = Block::new(self.packed.shape.family, index);
            let dactive = sink.linear(block.down, &s.active, &dx);
            let dup = activation::backward(s.up, dactive, self.activation());
            let dnormed = sink.linear(block.up, &s.normed2, &dup);
            dx = sink.norm(block.norm2, &s.middle, &dnormed, Some(&dx));
            drop((dup, dnormed));
            let dattended = sink.linear(block.out, &s.attended, &dx);
            let read = [s.qkv, s.qk, s.attended, s.log_sum, dattended];
            let [qkv, qk, attended, log_sum, dattended] = read;
            let read =
                [cast(qkv, inside), qk, cast(attended, inside), log_sum, cast(dattended, inside)];
            let (dqkv, dgain) = attention::run_backward(
                read,
                self.gains(block),
                self.tables.clone(),
                block.qk_norm.is_some(),
                half,
                self.dims,
                self.packed.choices,
            );
            if let Some(at) = block.qk_norm {
                sink.put(at, &dgain);
            }
            let dqkv = cast(dqkv, dtype);
            let dnormed = sink.linear(block.qkv, &s.normed1, &dqkv);
            dx = sink.norm(block.norm1, &s.x, &dnormed, Some(&dx));
        }
        sink.embedding(batch, &dx);
    }
}

/// Writes gradients to their places.
struct Sink<'a> {
    pass: &'a Pass<'a>,
    parts: &'a Parts,
    accumulate: bool,
}

impl Sink<'_> {
    /// The gradients of projection `at`; returns its input's.
    fn linear(&self, at: usize, x: &CubeTensor, dy: &CubeTensor) -> CubeTensor {
        let w = &self.pass.packed.operands[at];
        let [r, rows, cols] = dims(w);
        let dx = self.pass.empty(rows, dy.dtype);
        let to = self.parts.of_projection(at, [rows, cols], 0..r);
        let count = self.parts.layouts[at].parts;
        product::gradients(
            dy,
            [w, x],
            &dx,
            (&to, count),
            self.accumulate,
            self.pass.packed.choices,
        );
        if self.pass.has_biases() {
            bias::gradient_into(dy, &self.parts.of(at + 1), self.accumulate);
        }
        dx
    }

    /// The gradients of norm `at`; returns its input's with the residual's added.
    fn norm(
        &self,
        at: usize,
        x: &CubeTensor,
        dy: &CubeTensor,
        residual: Option<&CubeTensor>,
    ) -> CubeTensor {
        let (gain, bias) =
            (self.parts.of(at), self.pass.has_biases().then(|| self.parts.of(at + 1)));
        let gains = Gains { gain: &gain, bias: bias.as_ref(), accumulate: self.accumulate };
        norm::backward_into(x, self.pass.weight(at), dy, residual, gains, self.pass.packed.choices)
    }

    /// Parts that are there already.
    fn put(&self, at: usize, from: &CubeTensor) {
        let to = self.parts.of(at);
        if self.accumulate {
            add(from, &to, &to);
        } else {
            copy(from, &to);
        }
    }

    fn embedding(&self, batch: &Batch, dx: &CubeTensor) {
        let [starts, positions] = batch.token_index.as_ref().expect("gradients need them");
        let chunks = self.parts.layouts[0].parts;
        let sizes = [chunks, self.pass.packed.shape.vocab];
        embedding::gradient_into(
            dx,
            [starts, positions],
            sizes,
            &self.parts.of(0),
            self.accumulate,
        );
        if self.pass.has_biases() {
            let d = self.pass.dims;
            let [r, m, width] = dims(dx);
            let dx: Tensor<3> = tensor(cast(dx.clone(), DType::F32));
            let sum = dx.reshape([r, m / d.context, d.context * width]).sum_dim(1);
            self.put(1, &rows_of(primitive(sum)));
        }
    }
}

/// Sizes of both lists of a [`TokenIndex`](crate::ops::embedding::kernel::TokenIndex) for a replica's batch.
pub(crate) fn token_index_sizes(replicas: usize, tokens: usize, vocab: usize) -> [usize; 2] {
    [replicas * embedding::chunks(tokens, vocab) * (vocab + 1), replicas * tokens]
}
