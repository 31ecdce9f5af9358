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
        self.weights + self.gradients + self.moments + self.activations
    }
}

/// Estimates a stack of `replicas` cells that pass `sequences` sequences each at a time.
///
/// Activations in floats per token, after Korthikanti et al. 2022, section 4.1, for these blocks:
/// per block `12 d + 4 h + 2 heads T` (inputs of every product and norm, the gate's two factors,
/// scores before and after the softmax), and `2 d + 3 V` at the end (logits, their log-softmax and
/// gradient). Kernels that keep no score matrix or no softmax need less.
pub fn stack_memory(
    shape: &Shape,
    hyper: &Hyper,
    replicas: usize,
    sequences: usize,
) -> MemoryEstimate {
    const F32: u64 = 4;
    let r = replicas as u64;
    let count = shape.params();
    let n = count.total();
    let matrices = count.attention + count.mlp;
    let moments = match hyper.optimizer {
        Optimizer::AdamW => 2 * n,
        Optimizer::Muon => 2 * n - matrices,
    };
    let half = match hyper.precision {
        Precision::F32 => 0,
        Precision::F16 | Precision::Bf16 => 2 * n,
    };
    let [l, d, h, v, t, heads] =
        [shape.depth, shape.width, shape.hidden, shape.vocab, shape.context, shape.heads]
            .map(|x| x as u64);
    let gates = match shape.family {
        Family::Llama => 4,
        Family::Gpt2 => 2,
    };
    let per_token = l * (12 * d + gates * h + 2 * heads * t) + 2 * d + 3 * v;
    MemoryEstimate {
        weights: r * (F32 * n + half),
        gradients: r * F32 * n,
        moments: r * F32 * moments,
        activations: r * F32 * sequences as u64 * t * per_token,
    }
}
