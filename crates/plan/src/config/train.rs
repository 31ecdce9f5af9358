//! `[train]`: hyper-parameters, or the rules they come from, and how runs are driven.

use crate::{Optimizer, Precision, Schedule};

use super::entries::{Entries, number, quoted};
use super::range::{above_to, from_below, from_to};
use super::section::Section;

/// Resolved `[train]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainConfig {
    /// Peak learning rate.
    pub learning_rate: Setting<RateRule>,
    /// Tokens per step.
    pub batch_tokens: Setting<RateRule>,
    /// Second-moment decay.
    pub beta2: Setting<Beta2Rule>,
    /// Warm-up, in steps.
    pub warmup_steps: Setting<WarmupRule>,
    /// First-moment decay.
    pub beta1: f64,
    /// Adam's denominator offset.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: Setting<DecayRule>,
    /// Schedule after the warm-up.
    pub schedule: Schedule,
    /// Update rule.
    pub optimizer: Optimizer,
    /// Matrix-product precision.
    pub precision: PrecisionChoice,
    /// Global gradient-norm limit.
    pub clip_norm: Option<f64>,
    /// Weight of the z-loss.
    pub z_loss: f64,
    /// Most replicas in a stack; `None` leaves it to a measurement.
    pub stack: Option<usize>,
    /// Sequences per forward and backward pass; smaller than the batch where memory is short.
    /// `None` lets the trainer choose.
    pub micro_batch_sequences: Option<usize>,
    /// Sequences per evaluation pass, the same for every cell.
    pub eval_sequences: usize,
    /// Points of the training-loss curve that are kept per cell.
    pub curve_points: usize,
    /// Held-out evaluations per cell, spread evenly, the last at the end; at least 1.
    pub valid_points: usize,
    /// Seconds between checkpoints.
    pub checkpoint_seconds: f64,
}

/// A hyper-parameter: a number from the user, or a rule that gives it per cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Setting<R> {
    /// The same value for every cell.
    Value(f64),
    /// A rule of the cell's size, length and batch.
    Rule(R),
}

/// Choice of the precision of matrix products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrecisionChoice {
    /// This one.
    Fixed(Precision),
    /// The fastest that the device computes right: a half precision that it has matrix units for, else f32. `None` until a
    /// device, or cells that were trained before, decide ([`Config::decide_precision`](super::Config::decide_precision)).
    Auto(Option<Precision>),
}

impl PrecisionChoice {
    /// The precision, once it is known.
    pub fn known(self) -> Option<Precision> {
        match self {
            Self::Fixed(precision) => Some(precision),
            Self::Auto(decided) => decided,
        }
    }

    /// Whether the device decides.
    pub fn is_auto(self) -> bool {
        matches!(self, Self::Auto(_))
    }
}

/// Rules for the learning rate and the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateRule {
    /// This project's own calibration at small sizes.
    Measured,
    /// StepLaw (Li et al. 2025).
    StepLaw,
    /// DeepSeek LLM (Bi et al. 2024).
    DeepSeek,
}

/// Rules for the second-moment decay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beta2Rule {
    /// A half-life in tokens, held between .95 and .99.
    HalfLife,
}

/// Rules for the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarmupRule {
    /// As many tokens as parameters, at most 5% of the steps.
    ParamsTokens,
}

/// Rules for the weight decay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecayRule {
    /// The customary .1 at every size.
    Customary,
}

const RATE_RULES: &[(&str, RateRule)] = &[
    ("measured", RateRule::Measured),
    ("steplaw", RateRule::StepLaw),
    ("deepseek", RateRule::DeepSeek),
    ("auto", RateRule::Measured),
];
const BETA2_RULES: &[(&str, Beta2Rule)] =
    &[("half-life", Beta2Rule::HalfLife), ("auto", Beta2Rule::HalfLife)];
const WARMUP_RULES: &[(&str, WarmupRule)] =
    &[("params-tokens", WarmupRule::ParamsTokens), ("auto", WarmupRule::ParamsTokens)];
const DECAY_RULES: &[(&str, DecayRule)] =
    &[("customary", DecayRule::Customary), ("auto", DecayRule::Customary)];
const OPTIMIZERS: &[(&str, Optimizer)] = &[("adamw", Optimizer::AdamW), ("muon", Optimizer::Muon)];
const PRECISIONS: &[(&str, PrecisionChoice)] = &[
    ("f32", PrecisionChoice::Fixed(Precision::F32)),
    ("f16", PrecisionChoice::Fixed(Precision::F16)),
    ("bf16", PrecisionChoice::Fixed(Precision::Bf16)),
    ("auto", PrecisionChoice::Auto(None)),
];

#[derive(Clone, Copy)]
enum ScheduleWord {
    Cosine,
    Wsd,
    Constant,
}

impl TrainConfig {
    pub(crate) fn read(s: Section<'_>) -> Self {
        let config = Self {
            learning_rate: s
                .number_or("learning_rate", above_to(0.0, 10.0), RATE_RULES)
                .unwrap_or(Setting::Rule(RateRule::Measured)),
            batch_tokens: s
                .number_or("batch_tokens", from_to(1.0, 1e9), RATE_RULES)
                .unwrap_or(Setting::Rule(RateRule::Measured)),
            beta2: s
                .number_or("beta2", from_below(0.0, 1.0), BETA2_RULES)
                .unwrap_or(Setting::Rule(Beta2Rule::HalfLife)),
            warmup_steps: s
                .number_or("warmup_steps", from_to(0.0, 1e9), WARMUP_RULES)
                .unwrap_or(Setting::Rule(WarmupRule::ParamsTokens)),
            beta1: s.number("beta1", from_below(0.0, 1.0)).unwrap_or(0.9),
            epsilon: s.number("epsilon", above_to(0.0, 1e-3)).unwrap_or(1e-8),
            weight_decay: s
                .number_or("weight_decay", from_to(0.0, 10.0), DECAY_RULES)
                .unwrap_or(Setting::Rule(DecayRule::Customary)),
            schedule: read_schedule(&s),
            optimizer: s.choice("optimizer", OPTIMIZERS).unwrap_or(Optimizer::AdamW),
            precision: s
                .choice("precision", PRECISIONS)
                .unwrap_or(PrecisionChoice::Fixed(Precision::F32)),
            clip_norm: read_or_off(&s, "clip_norm", 1e6, Some(1.0)),
            z_loss: read_or_off(&s, "z_loss", 1.0, None).unwrap_or(0.0),
            stack: s.whole_or("stack", 1..=256, "auto").flatten().map(|n| n as usize),
            micro_batch_sequences: s
                .whole_or("micro_batch_sequences", 1..=1_000_000, "auto")
                .flatten()
                .map(|n| n as usize),
            eval_sequences: s.whole("eval_sequences", 1..=4096).unwrap_or(16) as usize,
            curve_points: s.whole("curve_points", 2..=10_000).unwrap_or(200) as usize,
            valid_points: s.whole("valid_points", 1..=1000).unwrap_or(1) as usize,
            checkpoint_seconds: s
                .number("checkpoint_seconds", from_to(0.1, 86_400.0))
                .unwrap_or(60.0),
        };
        s.finish();
        config
    }

    pub(crate) fn entries(&self) -> Entries {
        let mut e = Entries::new("train");
        e.put("learning_rate", setting(self.learning_rate, RATE_RULES));
        e.put("batch_tokens", setting(self.batch_tokens, RATE_RULES));
        e.text("optimizer", word(self.optimizer, OPTIMIZERS));
        e.number("beta1", self.beta1);
        e.put("beta2", setting(self.beta2, BETA2_RULES));
        e.number("epsilon", self.epsilon);
        e.put("weight_decay", setting(self.weight_decay, DECAY_RULES));
        e.put("warmup_steps", setting(self.warmup_steps, WARMUP_RULES));
        match self.schedule {
            Schedule::Cosine { final_fraction } => {
                e.text("schedule", "cosine");
                e.number("final_fraction", final_fraction);
            }
            Schedule::Wsd { cooldown_fraction } => {
                e.text("schedule", "wsd");
                e.number("cooldown_fraction", cooldown_fraction);
            }
            Schedule::Constant => e.text("schedule", "constant"),
        }
        e.number_or("clip_norm", self.clip_norm, "off");
        e.number_or("z_loss", Some(self.z_loss).filter(|z| *z > 0.0), "off");
        let precision = match self.precision {
            PrecisionChoice::Auto(_) => PrecisionChoice::Auto(None),
            fixed => fixed,
        };
        e.text("precision", word(precision, PRECISIONS));
        e.whole_or("stack", self.stack, "auto");
        e.whole_or("micro_batch_sequences", self.micro_batch_sequences, "auto");
        e.put("eval_sequences", self.eval_sequences.to_string());
        e.put("curve_points", self.curve_points.to_string());
        e.put("valid_points", self.valid_points.to_string());
        e.number("checkpoint_seconds", self.checkpoint_seconds);
        e
    }
}

fn read_schedule(s: &Section<'_>) -> Schedule {
    let words = [
        ("cosine", ScheduleWord::Cosine),
        ("wsd", ScheduleWord::Wsd),
        ("constant", ScheduleWord::Constant),
    ];
    let schedule = s.choice("schedule", &words).unwrap_or(ScheduleWord::Cosine);
    if !matches!(schedule, ScheduleWord::Cosine) {
        s.forbid("final_fraction", "this schedule", "only `schedule = \"cosine\"` has one");
    }
    if !matches!(schedule, ScheduleWord::Wsd) {
        s.forbid("cooldown_fraction", "this schedule", "only `schedule = \"wsd\"` has one");
    }
    match schedule {
        ScheduleWord::Cosine => Schedule::Cosine {
            final_fraction: s.number("final_fraction", from_to(0.0, 1.0)).unwrap_or(0.1),
        },
        ScheduleWord::Wsd => Schedule::Wsd {
            cooldown_fraction: s.number("cooldown_fraction", above_to(0.0, 1.0)).unwrap_or(0.2),
        },
        ScheduleWord::Constant => Schedule::Constant,
    }
}

/// A positive number, or `"off"`, which is `None`.
fn read_or_off(s: &Section<'_>, key: &'static str, most: f64, default: Option<f64>) -> Option<f64> {
    match s.number_or(key, above_to(0.0, most), &[("off", ())]) {
        Some(Setting::Value(x)) => Some(x),
        Some(Setting::Rule(())) => None,
        None => default,
    }
}

fn word<T: PartialEq>(value: T, words: &[(&'static str, T)]) -> &'static str {
    words.iter().find(|(_, w)| *w == value).map_or("", |(name, _)| name)
}

fn setting<R: PartialEq>(value: Setting<R>, words: &[(&'static str, R)]) -> String {
    match value {
        Setting::Value(x) => number(x),
        Setting::Rule(rule) => quoted(word(rule, words)),
    }
}
