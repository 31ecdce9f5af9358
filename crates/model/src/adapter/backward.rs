//! The backward pass of a packed stack.

use burn::tensor::{DType, Tensor};
use burn_cubecl::tensor::CubeTensor;

use super::head::Gradient;
use super::parts::Parts;
use super::pass::{Batch, Pass};
use crate::block::Block;
use crate::kernels::elementwise::{add, copy};
use crate::kernels::tensors::{dims, primitive, rows_of, tensor};
use crate::kernels::traffic::{cast, elsewhere};
use crate::ops::activation::Activation;
use crate::ops::activation::kernel as activation;
use crate::ops::attention::kernel::{self as attention, GainGradients};
use crate::ops::embedding::kernel as embedding;
use crate::ops::linear::{bias, product};
use crate::ops::norm::kernel::{self as norm, Gains};

impl Pass<'_> {
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
            let dup = sink.activated(block.down, [s.up, s.active], &dx);
            let dnormed = sink.linear(block.up, &s.normed2, &dup);
            dx = sink.norm(block.norm2, &s.middle, &dnormed, Some(&dx));
            drop((dup, dnormed));
            let dattended = sink.linear(block.out, &s.attended, &dx);
            let read = [s.qkv, s.qk, s.attended, s.log_sum, dattended];
            let [qkv, qk, attended, log_sum, dattended] = read;
            let read =
                [cast(qkv, inside), qk, cast(attended, inside), log_sum, cast(dattended, inside)];
            let of_gains = block.qk_norm.map(|at| parts.of(at));
            let dgain = of_gains.as_ref().map(|to| GainGradients { to, accumulate });
            let dqkv = attention::run_backward(
                read,
                self.gains(block),
                self.tables.clone(),
                dgain,
                half,
                self.dims,
                self.packed.choices,
            );
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
    /// Where the gradient of projection `at` goes, and in how many parts.
    fn parts_of(&self, at: usize) -> (CubeTensor, usize) {
        let [r, rows, cols] = dims(&self.pass.packed.operands[at]);
        (self.parts.of_projection(at, [rows, cols], 0..r), self.parts.layouts[at].parts)
    }

    /// The gradients of projection `at`; returns its input's.
    fn linear(&self, at: usize, x: &CubeTensor, dy: &CubeTensor) -> CubeTensor {
        let w = &self.pass.packed.operands[at];
        let dx = self.pass.empty(dims::<3>(w)[1], dy.dtype);
        let (to, count) = self.parts_of(at);
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

    /// The gradients of projection `at`, whose input is the activation of `up`; returns that of `up`.
    fn activated(&self, at: usize, [up, active]: [CubeTensor; 2], dy: &CubeTensor) -> CubeTensor {
        let kind = self.pass.activation();
        if kind == Activation::SwiGlu && !self.pass.has_biases() {
            let w = &self.pass.packed.operands[at];
            let (to, count) = self.parts_of(at);
            let (read, choices) = ([&up, &active], self.pass.packed.choices);
            return product::gated_gradients(dy, w, read, (&to, count), self.accumulate, choices);
        }
        activation::backward(up, self.linear(at, &active, dy), kind)
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

    /// Parts that are there already, of positions.
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
            let sum = dx.clone().reshape([r, m / d.context, d.context * width]).sum_dim(1);
            let sum = rows_of(primitive(sum));
            elsewhere(&[&primitive(dx)], &sum);
            self.put(1, &sum);
        }
    }
}
