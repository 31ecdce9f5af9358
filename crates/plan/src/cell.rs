//! One training run of the grid, and the hash that names it.

use isoflop_durable::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::shape::Shape;

/// Raised whenever a change to the training code changes results in f32, so that old records are not
/// mistaken for new ones.
pub const NUMERICS_VERSION: u32 = 3;

/// The same for what half precision adds to it.
const HALF_NUMERICS_VERSION: u32 = 1;

/// Learning-rate schedule. Multiplies the peak rate; the warm-up is apart from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Schedule {
    /// Half a cosine from the peak to `final_fraction` of it.
    Cosine {
        /// Rate at the end, as a fraction of the peak.
        final_fraction: f64,
    },
    /// Warm-up, stable, decay (Hägele et al. 2024): constant, then `1 - sqrt` to zero.
    Wsd {
        /// Share of all steps spent in the decay.
        cooldown_fraction: f64,
    },
    /// Constant after the warm-up. Its last loss is not a final loss, and fits leave it out.
    Constant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// AdamW (Loshchilov & Hutter 2019).
    AdamW,
    /// Muon on the blocks' matrices (Jordan et al. 2024), AdamW on the rest.
    Muon,
}

/// Arithmetic of the matrix products. Weights, norms, losses and accumulation stay f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit everywhere.
    F32,
    /// IEEE half-precision products.
    F16,
    /// bfloat16 products.
    Bf16,
}

impl Precision {
    pub fn word(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }
}

/// Everything about a run that is neither its shape, its length nor its data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hyper {
    pub batch_sequences: usize,
    pub learning_rate: f64,
    /// Warm-up steps, linear from zero.
    pub warmup_steps: u64,
    pub schedule: Schedule,
    pub optimizer: Optimizer,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Decoupled weight decay, applied to matrices only; scaled by the current learning rate.
    pub weight_decay: f64,
    /// Global gradient-norm limit; `None` leaves gradients as they are.
    pub clip_norm: Option<f64>,
    /// Weight of the z-loss `mean(log Z ^ 2)` (PaLM, section 5); 0 leaves it out.
    pub z_loss: f64,
    pub precision: Precision,
}

impl Hyper {
    /// A step of AdamW with clipping at a constant rate: for timing and testing steps, not for results.
    pub fn for_timing(batch_sequences: usize, precision: Precision) -> Self {
        Self {
            batch_sequences,
            learning_rate: 1e-3,
            warmup_steps: 0,
            schedule: Schedule::Constant,
            optimizer: Optimizer::AdamW,
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            weight_decay: 0.1,
            clip_norm: Some(1.0),
            z_loss: 0.0,
            precision,
        }
    }
}

impl Hyper {
    /// Steps in front of a WSD run's decay; the whole run for the other schedules. Up to here a run
    /// of `steps` steps is the same as any longer one of the same settings.
    pub fn stable_steps(&self, steps: u64) -> u64 {
        match self.schedule {
            Schedule::Wsd { cooldown_fraction } => {
                steps - ((steps as f64 * cooldown_fraction).round() as u64).clamp(1, steps)
            }
            Schedule::Cosine { .. } | Schedule::Constant => steps,
        }
    }
}

/// Stable name of a [`Cell`]: 16 hex digits of SHA-256 over all that can change its result.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CellId(pub String);

impl std::fmt::Display for CellId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One training run: shape x tokens x hyper-parameters x seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Name, a hash of the rest and of the data.
    pub id: CellId,
    /// The compute budget this cell belongs to, in FLOPs; `None` for cells outside any slice.
    pub budget_flops: Option<f64>,
    pub shape: Shape,
    pub steps: u64,
    pub hyper: Hyper,
    /// Seed of the batch order and, by [`Cell::init_seed`], of the initial weights.
    pub seed: u64,
}

#[derive(Serialize)]
struct Identity<'a> {
    numerics: u32,
    data_sha256: &'a str,
    shape: &'a Shape,
    steps: u64,
    hyper: &'a Hyper,
    seed: u64,
}

impl Cell {
    /// Builds a cell and its id. `data_sha256` names the tokenised data.
    pub fn new(
        budget_flops: Option<f64>,
        shape: Shape,
        steps: u64,
        hyper: Hyper,
        seed: u64,
        data_sha256: &str,
    ) -> Self {
        let mut cell = Self { id: CellId(String::new()), budget_flops, shape, steps, hyper, seed };
        cell.id = cell.id_for(NUMERICS_VERSION, data_sha256);
        cell
    }

    /// Whether its id is that of its settings and the data, by this numerics version or an older one.
    pub fn is_named_for(&self, data_sha256: &str) -> bool {
        (1..=NUMERICS_VERSION).rev().any(|version| self.id == self.id_for(version, data_sha256))
    }

    fn id_for(&self, version: u32, data_sha256: &str) -> CellId {
        let identity = Identity {
            numerics: match self.hyper.precision {
                Precision::F32 => version,
                Precision::F16 | Precision::Bf16 => version + HALF_NUMERICS_VERSION,
            },
            data_sha256,
            shape: &self.shape,
            steps: self.steps,
            hyper: &self.hyper,
            seed: self.seed,
        };
        let bytes = serde_json::to_vec(&identity).expect("an identity is plain data");
        CellId(hex(&Sha256::digest(bytes)[..8]))
    }

    /// Seed of the initial weights, drawn from seed, shape and length, so that what chance does to a start is
    /// not shared by the budgets of one width, nor by the widths of one budget: deviations that runs have in
    /// common look like a law's. Runs that differ in their rate start from the same weights. Where runs of several lengths
    /// share their trunk (all schedules but cosine) the length plays no part.
    pub fn init_seed(&self) -> u64 {
        let steps = match self.hyper.schedule {
            Schedule::Cosine { .. } => Some(self.steps),
            Schedule::Wsd { .. } | Schedule::Constant => None,
        };
        let bytes = serde_json::to_vec(&(self.seed, &self.shape, steps));
        let digest = Sha256::digest(bytes.expect("a shape is plain data"));
        u64::from_le_bytes(std::array::from_fn(|i| digest[i]))
    }

    pub fn batch_tokens(&self) -> u64 {
        (self.hyper.batch_sequences * self.shape.context) as u64
    }

    /// Training tokens, D.
    pub fn tokens(&self) -> u64 {
        self.steps * self.batch_tokens()
    }

    /// Steps in front of the decay, see [`Hyper::stable_steps`].
    pub fn stable_steps(&self) -> u64 {
        self.hyper.stable_steps(self.steps)
    }

    /// Exact FLOPs of one training step.
    pub fn step_flops(&self) -> f64 {
        self.shape.flops_per_token().train() * self.batch_tokens() as f64
    }

    /// Exact training FLOPs: matrix products, forward x 3, head and attention included.
    pub fn flops(&self) -> f64 {
        self.shape.flops_per_token().train() * self.tokens() as f64
    }
}
