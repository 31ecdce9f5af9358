//! The stacked decoder: forward, loss and gradients for `R` replicas at once.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use isoflop_plan::{Family, Precision, Shape};

use crate::adapter::{Batch, Packed, Pass, packed};
use crate::batch::Tokens;
use crate::groups;
use crate::kernels;
use crate::ops::activation::{self, Activation};
use crate::ops::attention::{self, Dims, QkNorm};
use crate::ops::head::{self, Head};
use crate::ops::{embedding, is_host, linear, norm};
use crate::params::{ParamSpec, param_specs};

/// `R` models of one shape. Every weight is `[R, rows, cols]`, in the order of [`param_specs`].
#[derive(Debug, Clone)]
pub struct StackModel {
    shape: Shape,
    specs: Vec<ParamSpec>,
    weights: Vec<Tensor<3>>,
    cast: Option<DType>,
    /// On adapters with kernels: the memory that the weights lie in.
    packed: Option<Packed>,
}

/// Gradients, one per weight, in the same order.
pub type Grads = Vec<Tensor<3>>;

/// Positions of one block's weights in the list.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    pub norm1: usize,
    pub qkv: usize,
    pub qk_norm: Option<usize>,
    pub out: usize,
    pub norm2: usize,
    pub up: usize,
    pub down: usize,
}

impl Block {
    /// Where block `index`'s weights stand.
    pub fn new(family: Family, index: usize) -> Self {
        match family {
            Family::Llama => {
                let at = 1 + 8 * index;
                Self {
                    norm1: at,
                    qkv: at + 1,
                    qk_norm: Some(at + 2),
                    out: at + 4,
                    norm2: at + 5,
                    up: at + 6,
                    down: at + 7,
                }
            }
            Family::Gpt2 => {
                let at = 2 + 12 * index;
                Self {
                    norm1: at,
                    qkv: at + 2,
                    qk_norm: None,
                    out: at + 4,
                    norm2: at + 6,
                    up: at + 8,
                    down: at + 10,
                }
            }
        }
    }
}

/// What the backward pass of a block needs.
struct BlockSaved {
    norm1: norm::Saved,
    normed1: Tensor<3>,
    attention: attention::Saved,
    attended: Tensor<3>,
    norm2: norm::Saved,
    normed2: Tensor<3>,
    up: Tensor<3>,
    active: Tensor<3>,
}

/// What the backward pass of the whole model needs.
struct Saved {
    blocks: Vec<BlockSaved>,
    norm: norm::Saved,
}

impl StackModel {
    /// Fresh replicas, one per seed. The same seed gives the same weights in any stack.
    pub fn init(shape: &Shape, seeds: &[u64], precision: Precision, device: &Device) -> Self {
        let specs = param_specs(shape);
        let weights = specs
            .iter()
            .map(|spec| {
                let values: Vec<f32> = seeds.iter().flat_map(|&s| spec.initial(s)).collect();
                let data = TensorData::new(values, [seeds.len(), spec.rows, spec.cols]);
                Tensor::from_data(data, device)
            })
            .collect();
        Self::from_weights(shape, weights, precision)
    }

    /// From weights in the order of [`param_specs`], as a checkpoint holds them.
    pub fn from_weights(shape: &Shape, weights: Vec<Tensor<3>>, precision: Precision) -> Self {
        Self::new(*shape, param_specs(shape), weights, linear::half(precision))
    }

    fn new(
        shape: Shape,
        specs: Vec<ParamSpec>,
        weights: Vec<Tensor<3>>,
        cast: Option<DType>,
    ) -> Self {
        let Some(choices) = kernels::chosen(&weights[0].device()) else {
            return Self { shape, specs, weights, cast, packed: None };
        };
        let packed = Packed::new(&shape, &specs, weights, cast, choices);
        let weights = packed.each.iter().map(packed::tensor).collect();
        Self { shape, specs, weights, cast, packed: Some(packed) }
    }

    /// The same shape and precision with other weights, for any number of replicas.
    pub fn with_weights(&self, weights: Vec<Tensor<3>>) -> Self {
        Self::new(self.shape, self.specs.clone(), weights, self.cast)
    }

    /// The shape of every replica.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// What each weight is.
    pub fn specs(&self) -> &[ParamSpec] {
        &self.specs
    }

    /// The weights, `[R, rows, cols]` each.
    pub fn weights(&self) -> &[Tensor<3>] {
        &self.weights
    }

    /// The weights, for an update in place.
    pub fn weights_mut(&mut self) -> &mut [Tensor<3>] {
        &mut self.weights
    }

    /// Writes [`StackModel::weights_mut`] back to the memory that kernels work on.
    pub(crate) fn store(&mut self) {
        if let Some(packed) = &self.packed {
            packed.replace(&self.weights);
            self.weights = packed.each.iter().map(packed::tensor).collect();
        }
    }

    /// The memory of the weights, where kernels work on it.
    pub(crate) fn packed(&self) -> Option<&Packed> {
        self.packed.as_ref().filter(|_| kernels::chosen(&self.device()).is_some())
    }

    pub(crate) fn is_packed(&self) -> bool {
        self.packed().is_some()
    }

    /// Number of replicas.
    pub fn replicas(&self) -> usize {
        self.weights[0].dims()[0]
    }

    /// Where the tensors live.
    pub fn device(&self) -> Device {
        self.weights[0].device()
    }

    /// Mean loss of each replica over its targets, `[R]`, in nats.
    pub fn loss(&self, inputs: &Tokens, targets: &Tokens) -> Tensor<1> {
        if let Some(packed) = self.packed() {
            let pass = Pass::new(packed, inputs.sequences(), &self.device());
            return packed::tensor(&pass.loss(&self.batch(inputs, targets, false)));
        }
        let (normed, _) = self.forward(inputs, false);
        let head = self.weights.last().expect("a model has a head");
        Head { weight: head, targets, cast: self.cast }.loss(&normed)
    }

    /// Mean loss of each replica and the gradients of all weights, both times `scale` (the share
    /// of this micro-batch). The gradients include the z-loss's, with weight `z`.
    pub fn loss_and_grads(
        &self,
        inputs: &Tokens,
        targets: &Tokens,
        z: f32,
        scale: f32,
    ) -> (Tensor<1>, Grads) {
        let host = is_host(&self.device());
        let count = if host { groups::count(&self.shape, inputs) } else { 1 };
        if count == 1 {
            return self.grads_of_group(inputs, targets, z, scale);
        }
        let parts = groups::each(inputs, targets, count, |inputs, targets, share| {
            self.grads_of_group(inputs, targets, z, scale * share)
        });
        let (losses, grads): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        (groups::sum_losses(losses), groups::sum_grads(grads))
    }

    fn grads_of_group(
        &self,
        inputs: &Tokens,
        targets: &Tokens,
        z: f32,
        scale: f32,
    ) -> (Tensor<1>, Grads) {
        if let Some(packed) = self.packed() {
            return self.packed_grads(packed, inputs, targets, z, scale);
        }
        let (hidden, saved) = self.forward(inputs, true);
        let saved = saved.expect("asked for");
        let weight = self.weights.last().expect("a model has a head");
        let boost = self.boost(inputs, scale);
        let head = Head { weight, targets, cast: self.cast }.gradients(hidden, z, scale * boost);
        let loss = head.loss.clone();
        let grads = self.backward(saved, inputs, head);
        if boost == 1.0 {
            return (loss, grads);
        }
        let down = 1.0 / boost;
        (loss * down, grads.into_iter().map(|g| g * down).collect())
    }

    /// By the launches of [`adapter`](crate::adapter).
    fn packed_grads(
        &self,
        packed: &Packed,
        inputs: &Tokens,
        targets: &Tokens,
        z: f32,
        scale: f32,
    ) -> (Tensor<1>, Grads) {
        let device = self.device();
        let pass = Pass::new(packed, inputs.sequences(), &device);
        let (parts, boost) = (pass.parts(&device), self.boost(inputs, scale));
        let loss = kernels::launch::empty(&packed.flat, [packed.replicas]);
        let batch = self.batch(inputs, targets, true);
        pass.gradients(&batch, [z, scale, boost], &loss, &parts, false);
        let flat = kernels::launch::empty(&packed.flat, [packed.flat.meta.num_elements()]);
        kernels::flat::gather(&parts.flat, &parts.tables, &flat, 1.0 / boost);
        let (starts, _) = packed::places(&self.specs, packed.replicas);
        let views = packed::views(&flat, &starts, &self.specs, packed.replicas);
        (packed::tensor(&loss), views.iter().map(packed::tensor).collect())
    }

    /// Token ids on the device, and for the backward pass where those of each word stand.
    fn batch(&self, inputs: &Tokens, targets: &Tokens, backward: bool) -> Batch {
        let device = self.device();
        let list = |ids: Vec<i32>| {
            let shape = [ids.len()];
            let list = Tensor::<1, Int>::from_data(TensorData::new(ids, shape), &device);
            kernels::primitive_int(list)
        };
        let ids = |tokens: &Tokens| {
            let shape = [tokens.replicas, tokens.per_replica(), 1];
            kernels::launch::view(&list(tokens.ids().to_vec()), 0, shape)
        };
        let places = backward.then(|| {
            let places = kernels::places(inputs, self.shape.vocab);
            [list(places.starts), list(places.rows)]
        });
        Batch { inputs: ids(inputs), targets: ids(targets), places }
    }

    /// What the backward pass is multiplied by on its way, and its results divided by: a power of two that takes the
    /// gradient of a token to about 256 times that of its own loss, where a mean over many tokens would be lost in the range of
    /// f16 (Micikevicius et al. 2018, section 3.2). Within the model gradients are some hundred to some thousand
    /// times as small as at its end, so that both ends are far from 6e-5 and 65,504. Results are in f32, so that sums over
    /// tokens are not in danger.
    pub(crate) fn boost(&self, inputs: &Tokens, scale: f32) -> f32 {
        let tokens = inputs.per_replica() as f32;
        match self.cast {
            Some(DType::F16) if scale > 0.0 => {
                (256.0 * tokens / scale).log2().round().clamp(0.0, 100.0).exp2()
            }
            _ => 1.0,
        }
    }

    /// What goes to a projection, kept for its backward pass as it is used.
    fn operand(&self, x: Tensor<3>) -> Tensor<3> {
        linear::operand(x, self.cast)
    }

    fn block(&self, index: usize) -> Block {
        Block::new(self.shape.family, index)
    }

    fn has_biases(&self) -> bool {
        self.shape.family == Family::Gpt2
    }

    fn activation(&self) -> Activation {
        Activation::of(self.shape.family)
    }

    /// The bias that follows weight `at` in families that have biases.
    fn bias(&self, at: usize) -> Option<&Tensor<3>> {
        self.has_biases().then(|| &self.weights[at + 1])
    }

    fn dims(&self, tokens: &Tokens) -> Dims {
        Dims {
            replicas: tokens.replicas,
            sequences: tokens.sequences(),
            context: tokens.context,
            heads: self.shape.heads,
            head_dim: self.shape.head_dim(),
        }
    }

    fn qk_norm(&self, block: Block) -> Option<QkNorm> {
        block
            .qk_norm
            .map(|at| QkNorm { q: self.weights[at].clone(), k: self.weights[at + 1].clone() })
    }

    fn project(&self, x: &Tensor<3>, at: usize) -> Tensor<3> {
        linear::forward(x, &self.weights[at], self.bias(at), self.cast)
    }

    /// The residual stream with a projection added.
    fn project_onto(&self, residual: Tensor<3>, x: &Tensor<3>, at: usize) -> Tensor<3> {
        linear::forward_onto(residual, x, &self.weights[at], self.bias(at), self.cast)
    }

    fn normalise(&self, x: &Tensor<3>, at: usize) -> (Tensor<3>, norm::Saved) {
        norm::forward(x, &self.weights[at], self.bias(at))
    }

    /// Final normed hidden states `[R, M, D]`, and what the backward pass needs when `save`.
    fn forward(&self, tokens: &Tokens, save: bool) -> (Tensor<3>, Option<Saved>) {
        let positions = self.has_biases().then(|| &self.weights[1]);
        let dims = self.dims(tokens);
        let mut x = embedding::forward(&self.weights[0], positions, tokens);
        let mut blocks = Vec::new();
        for index in 0..self.shape.depth {
            let block = self.block(index);
            let (normed1, norm1) = self.normalise(&x, block.norm1);
            let normed1 = self.operand(normed1);
            let qkv = self.project(&normed1, block.qkv);
            let qk_norm = self.qk_norm(block);
            let (attended, attention) = attention::forward(qkv, qk_norm.as_ref(), dims, self.cast);
            let attended = self.operand(attended);
            x = self.project_onto(x, &attended, block.out);
            let (normed2, norm2) = self.normalise(&x, block.norm2);
            let normed2 = self.operand(normed2);
            let up = self.project(&normed2, block.up);
            let active = self.operand(activation::forward(&up, self.activation()));
            x = self.project_onto(x, &active, block.down);
            if save {
                blocks.push(BlockSaved {
                    norm1,
                    normed1,
                    attention,
                    attended,
                    norm2,
                    normed2,
                    up,
                    active,
                });
            }
        }
        let (normed, norm) = self.normalise(&x, self.final_norm());
        let normed = self.operand(normed);
        let saved = save.then(|| Saved { blocks, norm });
        (normed, saved)
    }

    fn final_norm(&self) -> usize {
        self.block(self.shape.depth).norm1
    }

    fn backward(&self, saved: Saved, tokens: &Tokens, head: head::Gradients) -> Grads {
        let mut grads = GradSink { slots: vec![None; self.weights.len()], model: self };
        grads.slots[self.weights.len() - 1] = Some(head.weight);
        let mut dx = grads.norm(self.final_norm(), saved.norm, head.hidden, None);
        let dims = self.dims(tokens);
        for (index, s) in saved.blocks.into_iter().enumerate().rev() {
            let block = self.block(index);
            let dactive = grads.linear(block.down, s.active, dx.clone());
            let dup = activation::backward(s.up, self.activation(), dactive);
            let dnormed = grads.linear(block.up, s.normed2, dup);
            dx = grads.norm(block.norm2, s.norm2, dnormed, Some(dx));
            let dattended = grads.linear(block.out, s.attended, dx.clone());
            let qk_norm = self.qk_norm(block);
            let g = attention::backward(s.attention, qk_norm.as_ref(), dims, dattended, self.cast);
            if let (Some(at), Some(norm)) = (block.qk_norm, g.qk_norm) {
                grads.slots[at] = Some(norm.q);
                grads.slots[at + 1] = Some(norm.k);
            }
            let dnormed = grads.linear(block.qkv, s.normed1, g.qkv);
            dx = grads.norm(block.norm1, s.norm1, dnormed, Some(dx));
        }
        let (table, positions) =
            embedding::backward(self.shape.vocab, self.has_biases(), tokens, dx);
        grads.slots[0] = Some(table);
        if positions.is_some() {
            grads.slots[1] = positions;
        }
        grads.slots.into_iter().map(|g| g.expect("every weight has a gradient")).collect()
    }
}

/// Collects gradients at the places of their weights.
struct GradSink<'a> {
    slots: Vec<Option<Tensor<3>>>,
    model: &'a StackModel,
}

impl GradSink<'_> {
    /// Files the gradients of projection `at`; returns its input's.
    fn linear(&mut self, at: usize, x: Tensor<3>, dy: Tensor<3>) -> Tensor<3> {
        let model = self.model;
        let g = linear::backward(x, &model.weights[at], model.has_biases(), dy, model.cast);
        self.slots[at] = Some(g.w);
        if g.bias.is_some() {
            self.slots[at + 1] = g.bias;
        }
        g.x
    }

    /// Files the gradients of norm `at`; returns its input's with the residual's added.
    fn norm(
        &mut self,
        at: usize,
        saved: norm::Saved,
        dy: Tensor<3>,
        residual: Option<Tensor<3>>,
    ) -> Tensor<3> {
        let model = self.model;
        let g = norm::backward(saved, &model.weights[at], model.has_biases(), dy, residual);
        self.slots[at] = Some(g.gain);
        if g.bias.is_some() {
            self.slots[at + 1] = g.bias;
        }
        g.x
    }
}
