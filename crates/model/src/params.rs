//! What weights a shape has: name, group, size, initial distribution, decay.

use burn::tensor::Tensor;
use isoflop_plan::{Family, ParamCount, Shape};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The group that a weight is counted in (see [`ParamCount`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Token embedding and learned positions.
    Embedding,
    Attention,
    Mlp,
    /// Normalisation gains and biases.
    Norms,
    Head,
}

/// Initial distribution of a weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    Zeros,
    Ones,
    /// Normal with this standard deviation.
    Normal(f32),
}

/// One weight of one replica: a matrix `[rows, cols]`; vectors have one row.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamSpec {
    /// Name, as in the checkpoint: `blocks.0.qkv`.
    pub name: String,
    pub group: Group,
    /// Rows (inputs of a projection).
    pub rows: usize,
    /// Columns (outputs of a projection).
    pub cols: usize,
    pub init: Init,
    /// Whether weight decay applies: matrices yes, gains and biases no.
    pub decay: bool,
}

impl ParamSpec {
    pub fn len(&self) -> usize {
        self.rows * self.cols
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A matrix inside a block: what Muon updates.
    pub fn is_block_matrix(&self) -> bool {
        self.decay && matches!(self.group, Group::Attention | Group::Mlp)
    }

    /// A matrix that activations are multiplied by.
    pub fn is_projection(&self) -> bool {
        self.decay && self.group != Group::Embedding
    }

    /// Initial values of one replica, row-major. A function of the seed and the name alone, so
    /// that a replica starts the same in any stack and on any device.
    pub fn initial(&self, seed: u64) -> Vec<f32> {
        match self.init {
            Init::Zeros => vec![0.0; self.len()],
            Init::Ones => vec![1.0; self.len()],
            Init::Normal(std) => normal(seed, &self.name, self.len(), std),
        }
    }
}

/// Normal variates by the Box-Muller transform, from a stream keyed by seed and name.
fn normal(seed: u64, name: &str, len: usize, std: f32) -> Vec<f32> {
    // FNV-1a of the name picks the stream.
    let stream = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    let unit = |x: u32| (f64::from(x) + 0.5) / 4_294_967_296.0;
    let mut out = Vec::with_capacity(len + 1);
    while out.len() < len {
        let radius = (-2.0 * unit(rng.next_u32()).ln()).sqrt() * f64::from(std);
        let angle = std::f64::consts::TAU * unit(rng.next_u32());
        out.push((radius * angle.cos()) as f32);
        out.push((radius * angle.sin()) as f32);
    }
    out.truncate(len);
    out
}

/// Gradients, one per weight, in the order of [`param_specs`].
pub type Grads = Vec<Tensor<3>>;

/// Standard deviation of initial embeddings.
const EMBEDDING_STD: f32 = 0.3;

/// All weights of a shape, in a fixed order: embedding, blocks, final norm, head.
///
/// Initial values: embeddings `N(0, 0.3)`; projections `N(0, 1/sqrt(inputs))`, but those back into the residual stream 0, so that
/// every block starts as the identity (Zhang et al. 2019, Fixup); the head `N(0, 0.1/sqrt(width))`, so that the first
/// loss is within about 0.01 of `ln V`. Under GPT-2's (embeddings of 0.02, residual projections `1/sqrt(2 depth inputs)`) the first block's
/// noise drowns the embeddings: at widths 20, 32 and 56 that costs 2.0%, 2.3% and 1.4% of the loss (`results/README.md`).
pub fn param_specs(shape: &Shape) -> Vec<ParamSpec> {
    let (d, h, v) = (shape.width, shape.hidden, shape.vocab);
    let fan_in = |n: usize| Init::Normal(1.0 / (n as f32).sqrt());
    let mut specs = Vec::new();
    let mut add = |name: String, group, rows, cols, init, decay| {
        specs.push(ParamSpec { name, group, rows, cols, init, decay });
    };
    add("embedding".into(), Group::Embedding, v, d, Init::Normal(EMBEDDING_STD), true);
    if shape.family == Family::Gpt2 {
        add(
            "positions".into(),
            Group::Embedding,
            shape.context,
            d,
            Init::Normal(EMBEDDING_STD),
            true,
        );
    }
    for block in 0..shape.depth {
        let name = |part: &str| format!("blocks.{block}.{part}");
        match shape.family {
            Family::Llama => {
                add(name("norm1"), Group::Norms, 1, d, Init::Ones, false);
                add(name("qkv"), Group::Attention, d, 3 * d, fan_in(d), true);
                add(name("q_norm"), Group::Norms, 1, shape.head_dim(), Init::Ones, false);
                add(name("k_norm"), Group::Norms, 1, shape.head_dim(), Init::Ones, false);
                add(name("out"), Group::Attention, d, d, Init::Zeros, true);
                add(name("norm2"), Group::Norms, 1, d, Init::Ones, false);
                add(name("gate_up"), Group::Mlp, d, 2 * h, fan_in(d), true);
                add(name("down"), Group::Mlp, h, d, Init::Zeros, true);
            }
            Family::Gpt2 => {
                add(name("norm1"), Group::Norms, 1, d, Init::Ones, false);
                add(name("norm1_bias"), Group::Norms, 1, d, Init::Zeros, false);
                add(name("qkv"), Group::Attention, d, 3 * d, fan_in(d), true);
                add(name("qkv_bias"), Group::Attention, 1, 3 * d, Init::Zeros, false);
                add(name("out"), Group::Attention, d, d, Init::Zeros, true);
                add(name("out_bias"), Group::Attention, 1, d, Init::Zeros, false);
                add(name("norm2"), Group::Norms, 1, d, Init::Ones, false);
                add(name("norm2_bias"), Group::Norms, 1, d, Init::Zeros, false);
                add(name("up"), Group::Mlp, d, h, fan_in(d), true);
                add(name("up_bias"), Group::Mlp, 1, h, Init::Zeros, false);
                add(name("down"), Group::Mlp, h, d, Init::Zeros, true);
                add(name("down_bias"), Group::Mlp, 1, d, Init::Zeros, false);
            }
        }
    }
    add("norm".into(), Group::Norms, 1, d, Init::Ones, false);
    if shape.family == Family::Gpt2 {
        add("norm_bias".into(), Group::Norms, 1, d, Init::Zeros, false);
    }
    add("head".into(), Group::Head, d, v, Init::Normal(0.1 / (d as f32).sqrt()), true);
    specs
}

/// Parameters by group, counted from the weights themselves.
pub fn count_params(specs: &[ParamSpec]) -> ParamCount {
    let sum =
        |group: Group| specs.iter().filter(|s| s.group == group).map(|s| s.len() as u64).sum();
    ParamCount {
        embedding: sum(Group::Embedding),
        attention: sum(Group::Attention),
        mlp: sum(Group::Mlp),
        norms: sum(Group::Norms),
        head: sum(Group::Head),
    }
}
