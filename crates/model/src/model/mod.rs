//! The stacked decoder: forward, loss and gradients for `R` replicas at once.

mod adapter;
mod passes;

use burn::tensor::{DType, Device, Tensor, TensorData};
use isoflop_plan::{Precision, Shape};

use crate::adapter::packed::Packed;
use crate::adapter::pass::Pass;
use crate::batch::Tokens;
use crate::groups;
use crate::host::is_host;
use crate::kernels::chosen;
use crate::kernels::tensors::tensor;
use crate::ops::head::Head;
use crate::ops::linear;
use crate::params::{Grads, ParamSpec, param_specs};

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
        let Some(choices) = chosen(&weights[0].device()) else {
            return Self { shape, specs, weights, cast, packed: None };
        };
        let packed = Packed::new(&shape, &specs, weights, cast, choices);
        let weights = packed.each.iter().cloned().map(tensor).collect();
        Self { shape, specs, weights, cast, packed: Some(packed) }
    }

    /// The same shape and precision with other weights, for any number of replicas.
    pub fn with_weights(&self, weights: Vec<Tensor<3>>) -> Self {
        Self::new(self.shape, self.specs.clone(), weights, self.cast)
    }

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
            self.weights = packed.each.iter().cloned().map(tensor).collect();
        }
    }

    /// The memory of the weights, where kernels work on it.
    pub(crate) fn packed(&self) -> Option<&Packed> {
        self.packed.as_ref().filter(|_| chosen(&self.device()).is_some())
    }

    pub(crate) fn is_packed(&self) -> bool {
        self.packed().is_some()
    }

    pub fn replicas(&self) -> usize {
        self.weights[0].dims()[0]
    }

    pub fn device(&self) -> Device {
        self.weights[0].device()
    }

    /// Mean loss of each replica over its targets, `[R]`, in nats.
    pub fn loss(&self, inputs: &Tokens, targets: &Tokens) -> Tensor<1> {
        if let Some(packed) = self.packed() {
            let pass = Pass::new(packed, inputs.sequences(), &self.device());
            return tensor(pass.loss(&self.batch(inputs, targets, false)));
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
        let loss_scale = self.loss_scale(inputs, scale);
        let head =
            Head { weight, targets, cast: self.cast }.gradients(hidden, z, scale * loss_scale);
        let loss = head.loss.clone();
        let grads = self.backward(saved, inputs, head);
        if loss_scale == 1.0 {
            return (loss, grads);
        }
        let down = 1.0 / loss_scale;
        (loss * down, grads.into_iter().map(|g| g * down).collect())
    }

    /// What the backward pass is multiplied by on its way, and its results divided by: a power of two that takes the
    /// gradient of a token to about 256 times that of its own loss, where a mean over many tokens would be lost in the range of
    /// f16 (Micikevicius et al. 2018, section 3.2). Within the model gradients are some hundred to some thousand
    /// times as small as at its end, so that both ends are far from 6e-5 and 65,504. Results are in f32, so that sums over
    /// tokens are not in danger.
    pub(crate) fn loss_scale(&self, inputs: &Tokens, scale: f32) -> f32 {
        let tokens = inputs.per_replica() as f32;
        match self.cast {
            Some(DType::F16) if scale > 0.0 => {
                (256.0 * tokens / scale).log2().round().clamp(0.0, 100.0).exp2()
            }
            _ => 1.0,
        }
    }
}
