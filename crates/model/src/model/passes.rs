//! Forward and backward pass of a stack, one operation after the other.

use burn::tensor::Tensor;
use isoflop_plan::Family;

use super::StackModel;
use crate::batch::Tokens;
use crate::block::Block;
use crate::ops::activation::{self, Activation};
use crate::ops::attention::{self, Dims, QkNorm};
use crate::ops::{embedding, head, linear, norm};
use crate::params::Grads;

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
pub(super) struct Saved {
    blocks: Vec<BlockSaved>,
    norm: norm::Saved,
}

impl StackModel {
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
    pub(super) fn forward(&self, tokens: &Tokens, save: bool) -> (Tensor<3>, Option<Saved>) {
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

    pub(super) fn backward(&self, saved: Saved, tokens: &Tokens, head: head::Gradients) -> Grads {
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
