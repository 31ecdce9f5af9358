//! The output projection and the loss, on adapters a piece of the tokens at a time.
//!
//! Logits are by far the largest tensor of a model with a large vocabulary: 16 replicas of 16,384 tokens and 4,096 words have
//! 4 GiB of them, and most drivers' buffers hold 2 through wgpu. So pieces of the tokens go to the logits, to the
//! loss and back, one after the other (as in Hsu et al. 2024, Liger Kernel, section 3.2).

use std::ops::Range;

use burn::tensor::{DType, Tensor};
use isoflop_plan::LOGITS_AT_ONCE;

use super::{cross_entropy, linear};
use crate::batch::Tokens;
use crate::host::is_host;

/// What the backward pass of the head gives.
pub struct Gradients {
    /// Loss of each replica, `[R]`.
    pub loss: Tensor<1>,
    /// Of the hidden states, `[R, M, D]`.
    pub hidden: Tensor<3>,
    /// Of the projection, `[R, D, V]`.
    pub weight: Tensor<3>,
}

/// The pieces that an adapter cuts the `tokens` of each of `replicas` into: as few as have [`LOGITS_AT_ONCE`] logits at most, of
/// one length where a few more pieces make that possible.
pub fn pieces(replicas: usize, tokens: usize, vocab: usize) -> Vec<Range<usize>> {
    let most = (LOGITS_AT_ONCE / (replicas * vocab).max(1)).clamp(1, tokens.max(1));
    let least = tokens.div_ceil(most).max(1);
    let even = (least..=2 * least).find(|&count| tokens.is_multiple_of(count));
    let len = tokens.div_ceil(even.unwrap_or(least)).max(1);
    (0..tokens).step_by(len).map(|start| start..(start + len).min(tokens)).collect()
}

/// The projection `[R, D, V]` and what it is trained for.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// `[R, D, V]`.
    pub weight: &'a Tensor<3>,
    /// The words to come, of every token.
    pub targets: &'a Tokens,
    /// Type of the products' operands; `None` for `f32`.
    pub cast: Option<DType>,
}

impl Head<'_> {
    /// Mean loss of each replica `[R]` over its targets, from final hidden states `[R, M, D]`.
    pub fn loss(self, hidden: &Tensor<3>) -> Tensor<1> {
        self.loss_of(self.pieces(hidden), hidden)
    }

    /// [`Head::loss`] by these pieces of the tokens, on any device.
    pub fn loss_of(self, pieces: Vec<Range<usize>>, hidden: &Tensor<3>) -> Tensor<1> {
        if pieces.len() == 1 {
            return self.whole_loss(hidden);
        }
        let losses = pieces.into_iter().map(|piece| {
            let (hidden, targets, share) = part(hidden, self.targets, piece);
            Head { targets: &targets, ..self }.whole_loss(&hidden) * share
        });
        losses.reduce(|a, b| a + b).expect("a batch has tokens")
    }

    /// [`Head::loss`] and its gradients with the z-loss's added, all times `scale`; see [`cross_entropy::loss_and_grad`].
    pub fn gradients(self, hidden: Tensor<3>, z: f32, scale: f32) -> Gradients {
        self.gradients_of(self.pieces(&hidden), hidden, z, scale)
    }

    /// [`Head::gradients`] by these pieces of the tokens, on any device.
    pub fn gradients_of(
        self,
        pieces: Vec<Range<usize>>,
        hidden: Tensor<3>,
        z: f32,
        scale: f32,
    ) -> Gradients {
        if pieces.len() == 1 {
            return self.whole_gradients(hidden, z, scale);
        }
        let mut of_hidden = Vec::new();
        let sums = pieces.into_iter().map(|piece| {
            let (hidden, targets, share) = part(&hidden, self.targets, piece);
            let head = Head { targets: &targets, ..self };
            let g = head.whole_gradients(hidden, z, scale * share);
            of_hidden.push(g.hidden);
            (g.loss, g.weight)
        });
        let sums = sums.reduce(|(loss, weight), (l, w)| (loss + l, weight + w));
        let (loss, weight) = sums.expect("a batch has tokens");
        Gradients { loss, hidden: Tensor::cat(of_hidden, 1), weight }
    }

    fn whole_loss(self, hidden: &Tensor<3>) -> Tensor<1> {
        let logits = linear::forward(hidden, self.weight, None, self.cast);
        cross_entropy::loss(logits, self.targets)
    }

    fn whole_gradients(self, hidden: Tensor<3>, z: f32, scale: f32) -> Gradients {
        let logits = linear::forward(&hidden, self.weight, None, self.cast);
        let (loss, dlogits) = cross_entropy::loss_and_grad(logits, self.targets, z, scale);
        let g = linear::backward(hidden, self.weight, false, dlogits, self.cast);
        Gradients { loss, hidden: g.x, weight: g.w }
    }

    /// The CPU works in groups of sequences, whose logits are few.
    fn pieces(self, hidden: &Tensor<3>) -> Vec<Range<usize>> {
        let ([r, m, _], [_, _, v]) = (hidden.dims(), self.weight.dims());
        if is_host(&hidden.device()) { std::iter::once(0..m).collect() } else { pieces(r, m, v) }
    }
}

/// A piece of the hidden states and targets, and its share of all tokens.
fn part(hidden: &Tensor<3>, targets: &Tokens, piece: Range<usize>) -> (Tensor<3>, Tokens, f32) {
    let share = piece.len() as f32 / hidden.dims()[1] as f32;
    (hidden.clone().narrow(1, piece.start, piece.len()), targets.of_rows(piece), share)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    fn values<const D: usize>(t: Tensor<D>) -> Vec<f32> {
        t.into_data().try_to_vec().unwrap()
    }

    /// On slices and, as adapters without kernels, on tensors.
    #[test]
    fn pieces_add_up_to_the_whole() {
        for device in [Device::flex(), Device::flex().autodiff()] {
            let random = |dims: [usize; 3]| {
                Tensor::<3>::random(dims, Distribution::Uniform(-1.0, 1.0), &device)
            };
            let (hidden, weight) = (random([2, 10, 6]), random([2, 6, 13]));
            let targets = Tokens::new((0..20).map(|i| (7 * i + 3) % 13).collect(), 2, 5);
            let head = Head { weight: &weight, targets: &targets, cast: None };
            let near = |what: &str, a: Vec<f32>, b: Vec<f32>| {
                assert_eq!(a.len(), b.len(), "{what}");
                let off = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(off < 1e-6, "{what}: {off}");
            };
            let three = vec![0..4, 4..8, 8..10];
            let (one, cut) = (head.loss(&hidden), head.loss_of(three.clone(), &hidden));
            near("loss", values(one), values(cut));
            let one = head.gradients(hidden.clone(), 0.1, 0.5);
            let cut = head.gradients_of(three, hidden, 0.1, 0.5);
            near("loss with gradients", values(one.loss), values(cut.loss));
            near("hidden states", values(one.hidden), values(cut.hidden));
            near("weight", values(one.weight), values(cut.weight));
        }
    }

    #[test]
    fn pieces_cover_all_tokens_once_and_are_even_where_they_can_be() {
        for (replicas, tokens, vocab) in [
            (1, 1024, 256),
            (16, 16_384, 4096),
            (2, 16_384, 16_384),
            (3, 1_000_003, 50_257),
            (1, 7, 1 << 30),
        ] {
            let all = pieces(replicas, tokens, vocab);
            let len = all[0].len();
            assert!(len == 1 || replicas * len * vocab <= LOGITS_AT_ONCE, "{len} tokens");
            let mut next = 0;
            for piece in &all {
                assert_eq!(piece.start, next);
                next = piece.end;
            }
            assert_eq!(next, tokens);
            assert!(all[..all.len() - 1].iter().all(|piece| piece.len() == len));
        }
        assert_eq!(pieces(8, 1024, 256).len(), 1);
        let even = pieces(16, 16_384, 4096);
        assert_eq!((even.len(), even[15].len()), (16, 1024));
        assert_eq!(pieces(16, 3 * 5461, 4096).iter().map(Range::len).min(), Some(1023));
    }
}
