//! What a stack is expected to keep in memory. An estimate from above, made before anything is
//! built; the trainer measures.

use serde::{Deserialize, Serialize};

use crate::{Family, Hyper, Optimizer, Precision, Shape};

/// Bytes of one stack, by purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MemoryEstimate {
    /// f32 master weights, and their half-precision copy where there is one.
    pub weights: u64,
    pub gradients: u64,
    /// Optimizer moments: two per weight for AdamW, one for the matrices of Muon.
    pub moments: u64,
    /// What the forward pass keeps for the backward pass, and the logits.
    pub activations: u64,
    /// The largest single tensor, which has to fit into a buffer.
    pub largest_tensor: u64,
}

/// Logits that adapters hold at a time, at most: the tokens go to them in pieces.
pub const LOGITS_AT_ONCE: usize = 1 << 26;

/// What a device's operations keep of the tensors that grow fastest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Kept {
    /// Scores of attention and all logits. An upper bound for every device.
    #[default]
    All,
    /// Scores, and no more logits than [`LOGITS_AT_ONCE`]: the tensor operations of adapters.
    Scores,
    /// No scores, and logits as [`Kept::Scores`]: the kernels of adapters.
    Pieces,
}

impl MemoryEstimate {
    /// All of it, in bytes.
    pub fn total(&self) -> u64 {
        let parts = [self.weights, self.gradients, self.moments, self.activations];
        parts.into_iter().fold(0, u64::saturating_add)
    }

    /// Of nothing but how large the largest tensor is.
    pub(crate) fn of_tensor(largest_tensor: u64) -> Self {
        Self { weights: 0, gradients: 0, moments: 0, activations: 0, largest_tensor }
    }
}

/// Estimates a stack of `replicas` cells that pass `sequences` sequences each at a time.
///
/// Activations in floats per token, after Korthikanti et al. 2022, section 4.1, for these blocks:
/// per block `12 d + 4 h + 2 heads T` (inputs of every product and norm, the gate's two factors,
/// scores before and after the softmax), and `2 d + 3 V` at the end (logits, their log-softmax and
/// gradient). What of it is `kept` in pieces is counted so; on the CPU, whose operations keep neither scores nor softmax, the
/// room that this leaves is shared out among copies of the gradients.
pub fn stack_memory(
    shape: &Shape,
    hyper: &Hyper,
    replicas: usize,
    sequences: usize,
    kept: Kept,
) -> MemoryEstimate {
    const F32: f64 = 4.0;
    let count = shape.params();
    let [n, matrices] = [count.total(), count.attention + count.mlp].map(|x| x as f64);
    let moments = match hyper.optimizer {
        Optimizer::AdamW => 2.0 * n,
        Optimizer::Muon => 2.0 * n - matrices,
    };
    let half = match hyper.precision {
        Precision::F32 => 0.0,
        Precision::F16 | Precision::Bf16 => 2.0 * n,
    };
    let [l, d, h, v, t, heads] =
        [shape.depth, shape.width, shape.hidden, shape.vocab, shape.context, shape.heads]
            .map(|x| x as f64);
    let gates = match shape.family {
        Family::Llama => 4.0,
        Family::Gpt2 => 2.0,
    };
    let tokens = sequences as f64 * t;
    let (scores, logits) = (heads * t, replicas as f64 * tokens * v);
    let some_logits = logits.min(LOGITS_AT_ONCE as f64);
    let (scores, logits) = match kept {
        Kept::All => (scores, logits),
        Kept::Scores => (scores, some_logits),
        Kept::Pieces => (0.0, some_logits),
    };
    let per_token = l * (12.0 * d + gates * h + 2.0 * scores) + 2.0 * d;
    let widest = [3.0 * d, gates / 2.0 * h, scores].into_iter().fold(0.0, f64::max);
    let bytes = |per_replica: f64| (replicas as f64 * per_replica) as u64;
    MemoryEstimate {
        weights: bytes(F32 * n + half),
        gradients: bytes(F32 * n),
        moments: bytes(F32 * moments),
        activations: (F32 * (replicas as f64 * tokens * per_token + 3.0 * logits)) as u64,
        largest_tensor: {
            let activation = (replicas as f64 * tokens * widest).max(logits);
            let weight = replicas as f64 * d * v.max(gates / 2.0 * h);
            (F32 * activation.max(weight)) as u64
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Schedule;

    const SHAPE: Shape = Shape {
        family: Family::Llama,
        depth: 2,
        width: 32,
        heads: 2,
        hidden: 88,
        vocab: 256,
        context: 128,
    };

    fn hyper(optimizer: Optimizer, precision: Precision) -> Hyper {
        Hyper {
            batch_sequences: 16,
            learning_rate: 1e-3,
            warmup_steps: 1,
            schedule: Schedule::Constant,
            optimizer,
            beta1: 0.9,
            beta2: 0.99,
            epsilon: 1e-8,
            weight_decay: 0.1,
            clip_norm: None,
            z_loss: 0.0,
            precision,
        }
    }

    #[test]
    fn weights_take_sixteen_bytes_and_activations_what_the_formula_says() {
        let n = SHAPE.params().total();
        let one = stack_memory(&SHAPE, &hyper(Optimizer::AdamW, Precision::F32), 1, 16, Kept::All);
        assert_eq!(one.weights + one.gradients + one.moments, 16 * n);
        let per_token = 2 * (12 * 32 + 4 * 88 + 2 * 2 * 128) + 2 * 32 + 3 * 256;
        assert_eq!(one.activations, 4 * 16 * 128 * per_token);
        let three =
            stack_memory(&SHAPE, &hyper(Optimizer::AdamW, Precision::F32), 3, 16, Kept::All);
        assert_eq!(three.total(), 3 * one.total());
        let half =
            stack_memory(&SHAPE, &hyper(Optimizer::AdamW, Precision::Bf16), 1, 16, Kept::All);
        assert_eq!(half.weights, 6 * n);
        let muon = stack_memory(&SHAPE, &hyper(Optimizer::Muon, Precision::F32), 1, 16, Kept::All);
        assert!(muon.moments < one.moments);
    }

    #[test]
    fn kernels_keep_no_scores_and_logits_in_pieces() {
        let of = |shape: &Shape, replicas, kept| {
            stack_memory(shape, &hyper(Optimizer::AdamW, Precision::F32), replicas, 16, kept)
        };
        let per_token = 2 * (12 * 32 + 4 * 88) + 2 * 32 + 3 * 256;
        let small = of(&SHAPE, 1, Kept::Pieces);
        assert_eq!(small.activations, 4 * 16 * 128 * per_token);
        assert_eq!(small.largest_tensor, 4 * 16 * 128 * 256, "the logits");
        assert_eq!(
            of(&SHAPE, 1, Kept::All).largest_tensor,
            4 * 16 * 128 * 256,
            "2 heads of 128 scores"
        );
        let wordy = Shape { vocab: 1 << 16, ..SHAPE };
        let [all, pieces] =
            [Kept::All, Kept::Pieces].map(|kept| of(&wordy, 3, kept).largest_tensor);
        assert_eq!(all, 4 * 3 * 16 * 128 * (1 << 16));
        assert_eq!(pieces, 4 * LOGITS_AT_ONCE as u64);
        let activations = |kept| of(&wordy, 3, kept).activations;
        assert!(activations(Kept::All) > activations(Kept::Scores));
        assert!(activations(Kept::Scores) > activations(Kept::Pieces));
        // One token of a shape with a large vocabulary: the head's weight.
        let one = Shape { context: 1, ..wordy };
        let weight =
            stack_memory(&one, &hyper(Optimizer::AdamW, Precision::F32), 1, 1, Kept::Pieces);
        assert_eq!(weight.largest_tensor, 4 * 32 * (1 << 16));
    }

    #[test]
    fn nothing_overflows() {
        let shape = Shape { depth: 65_536, width: 65_536, hidden: 65_536, ..SHAPE };
        let huge =
            stack_memory(&shape, &hyper(Optimizer::AdamW, Precision::F32), 256, 1 << 40, Kept::All);
        assert!(huge.activations > 1 << 60);
    }
}
