//! What a stack is expected to keep in memory. An estimate from above, made before anything is
//! built; the trainer measures.

use serde::Serialize;

use crate::{Family, Hyper, Optimizer, Precision, Shape};

/// Bytes of one stack, by purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MemoryEstimate {
    /// f32 master weights, and their half-precision copy where there is one.
    pub weights: u64,
    /// f32 gradients.
    pub gradients: u64,
    /// Optimizer moments: two per weight for AdamW, one for the matrices of Muon.
    pub moments: u64,
    /// What the forward pass keeps for the backward pass, and the logits.
    pub activations: u64,
}

impl MemoryEstimate {
    /// All of it, in bytes.
    pub fn total(&self) -> u64 {
        let parts = [self.weights, self.gradients, self.moments, self.activations];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

/// Estimates a stack of `replicas` cells that pass `sequences` sequences each at a time.
///
/// Activations in floats per token, after Korthikanti et al. 2022, section 4.1, for these blocks:
/// per block `12 d + 4 h + 2 heads T` (inputs of every product and norm, the gate's two factors,
/// scores before and after the softmax), and `2 d + 3 V` at the end (logits, their log-softmax and
/// gradient). Kernels that keep no score matrix or no softmax need less; on the CPU, the room that
/// this leaves is shared out among copies of the gradients.
pub fn stack_memory(
    shape: &Shape,
    hyper: &Hyper,
    replicas: usize,
    sequences: usize,
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
    let per_token = l * (12.0 * d + gates * h + 2.0 * heads * t) + 2.0 * d + 3.0 * v;
    let bytes = |per_replica: f64| (replicas as f64 * per_replica) as u64;
    MemoryEstimate {
        weights: bytes(F32 * n + half),
        gradients: bytes(F32 * n),
        moments: bytes(F32 * moments),
        activations: bytes(F32 * sequences as f64 * t * per_token),
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
        let one = stack_memory(&SHAPE, &hyper(Optimizer::AdamW, Precision::F32), 1, 16);
        assert_eq!(one.weights + one.gradients + one.moments, 16 * n);
        let per_token = 2 * (12 * 32 + 4 * 88 + 2 * 2 * 128) + 2 * 32 + 3 * 256;
        assert_eq!(one.activations, 4 * 16 * 128 * per_token);
        let three = stack_memory(&SHAPE, &hyper(Optimizer::AdamW, Precision::F32), 3, 16);
        assert_eq!(three.total(), 3 * one.total());
        let half = stack_memory(&SHAPE, &hyper(Optimizer::AdamW, Precision::Bf16), 1, 16);
        assert_eq!(half.weights, 6 * n);
        let muon = stack_memory(&SHAPE, &hyper(Optimizer::Muon, Precision::F32), 1, 16);
        assert!(muon.moments < one.moments);
    }

    #[test]
    fn nothing_overflows() {
        let shape = Shape { depth: 65_536, width: 65_536, hidden: 65_536, ..SHAPE };
        let huge = stack_memory(&shape, &hyper(Optimizer::AdamW, Precision::F32), 256, 1 << 40);
        assert!(huge.activations > 1 << 60);
    }
}
