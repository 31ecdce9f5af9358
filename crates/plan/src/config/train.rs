//! `[train]`: hyper-parameters, or the rules they come from, and how runs are driven.

use std::path::PathBuf;

use crate::grid::MOST_REPLICAS;
use crate::rules::power::PowerLaw;
use crate::{Optimizer, Precision, Schedule};

use super::key::{
    Effect::{Cells, Nothing},
    Key, key,
};
use super::law::{LawOf, LawSpec};
use super::takes::{above_to, from_below, from_to, number, whole, words};
use super::value::{Plain, Value, Word};
use super::words::words;

/// Resolved `[train]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainConfig {
    pub learning_rate: Setting<RateRule>,
    /// Tokens per step.
    pub batch_tokens: Setting<RateRule>,
    pub beta2: Setting<Beta2Rule>,
    /// Warm-up, in steps.
    pub warmup_steps: Setting<WarmupRule>,
    pub beta1: f64,
    pub epsilon: f64,
    pub weight_decay: Setting<DecayRule>,
    /// Schedule after the warm-up.
    pub schedule: Schedule,
    pub optimizer: Optimizer,
    pub precision: PrecisionChoice,
    pub clip_norm: Option<f64>,
    pub z_loss: Option<f64>,
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
#[derive(Debug, Clone, PartialEq)]
pub enum RateRule {
    /// This project's own calibration at small sizes.
    Measured,
    /// StepLaw (Li et al. 2025).
    StepLaw,
    /// DeepSeek LLM (Bi et al. 2024).
    DeepSeek,
    /// A power law of one's own, or of a calibration.
    Law { law: PowerLaw, of: LawOf },
    /// The law of a calibration that is still to be fitted ([`Config::settle_law`](super::Config::settle_law)); grids are refused
    /// until then.
    Unread { folder: PathBuf, of: LawOf },
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

words!(Beta2Rule: "half-life" = Self::HalfLife, "auto" = Self::HalfLife);
words!(WarmupRule: "params-tokens" = Self::ParamsTokens, "auto" = Self::ParamsTokens);
words!(DecayRule: "customary" = Self::Customary, "auto" = Self::Customary);
words!(Optimizer: "adamw" = Self::AdamW, "muon" = Self::Muon);
words!(PrecisionChoice:
    "f32" = Self::Fixed(Precision::F32),
    "f16" = Self::Fixed(Precision::F16),
    "bf16" = Self::Fixed(Precision::Bf16),
    "auto" = Self::Auto(None),
    // Decided since, but not asked for.
    "auto" = Self::Auto(Some(Precision::F32)),
    "auto" = Self::Auto(Some(Precision::F16)),
    "auto" = Self::Auto(Some(Precision::Bf16)),
);

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            learning_rate: Setting::Rule(RateRule::Measured),
            batch_tokens: Setting::Rule(RateRule::Measured),
            beta2: Setting::Rule(Beta2Rule::HalfLife),
            warmup_steps: Setting::Rule(WarmupRule::ParamsTokens),
            beta1: 0.9,
            epsilon: 1e-8,
            weight_decay: Setting::Rule(DecayRule::Customary),
            schedule: COSINE,
            optimizer: Optimizer::AdamW,
            precision: PrecisionChoice::Fixed(Precision::F32),
            clip_norm: Some(1.0),
            z_loss: None,
            stack: None,
            micro_batch_sequences: None,
            eval_sequences: 16,
            curve_points: 200,
            valid_points: 1,
            checkpoint_seconds: 60.0,
        }
    }
}

const COSINE: Schedule = Schedule::Cosine { final_fraction: 0.1 };

#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("learning_rate", number(above_to(0.0, 10.0), "").or(RateRule::NAMES).or_law(LawOf::LearningRate), "3e-3",
        "peak learning rate, or the rule that gives it per cell", Cells,
        |c| Some(&mut c.train.learning_rate)),
    key("batch_tokens", number(from_to(1.0, 1e9), "tokens").or(RateRule::NAMES).or_law(LawOf::Batch), "16384",
        "batch of a step, or the rule that gives it per cell", Cells,
        |c| Some(&mut c.train.batch_tokens)),
    key("optimizer", words(Optimizer::NAMES), "\"adamw\"",
        "the update rule", Cells, |c| Some(&mut c.train.optimizer)),
    key("beta1", number(from_below(0.0, 1.0), ""), "0.9",
        "first-moment decay", Cells, |c| Some(&mut c.train.beta1)),
    key("beta2", number(from_below(0.0, 1.0), "").or(Beta2Rule::NAMES), "0.95",
        "second-moment decay, or the rule that gives it per cell", Cells,
        |c| Some(&mut c.train.beta2)),
    key("epsilon", number(above_to(0.0, 1e-3), ""), "1e-8",
        "offset of Adam's denominator", Cells, |c| Some(&mut c.train.epsilon)),
    key("weight_decay", number(from_to(0.0, 10.0), "").or(DecayRule::NAMES), "0.1",
        "decoupled weight decay; the rule is 0.1", Cells, |c| Some(&mut c.train.weight_decay)),
    key("warmup_steps", number(from_to(0.0, 1e9), "optimizer steps").or(WarmupRule::NAMES), "100",
        "linear warm-up, or the rule that gives it per cell", Cells,
        |c| Some(&mut c.train.warmup_steps)),
    key("schedule", words(&["cosine", "wsd", "constant"]), "\"wsd\"",
        "the learning-rate schedule after the warm-up", Cells, |c| Some(&mut c.train.schedule)),
    key("final_fraction", number(from_to(0.0, 1.0), ""), "0.1",
        "last learning rate over the peak", Cells,
        |c| match &mut c.train.schedule {
            Schedule::Cosine { final_fraction } => Some(final_fraction),
            _ => None,
        }).with(&["schedule = \"cosine\""]),
    key("cooldown_fraction", number(above_to(0.0, 1.0), ""), "0.2",
        "share of the steps spent in the decay", Cells,
        |c| match &mut c.train.schedule {
            Schedule::Wsd { cooldown_fraction } => Some(cooldown_fraction),
            _ => None,
        }).with(&["schedule = \"wsd\""]),
    key("clip_norm", number(above_to(0.0, 1e6), "").or(&["off"]), "1.0",
        "limit of the global gradient norm", Cells, |c| Some(&mut c.train.clip_norm)),
    key("z_loss", number(above_to(0.0, 1.0), "").or(&["off"]), "1e-4",
        "weight of the z-loss", Cells, |c| Some(&mut c.train.z_loss)),
    key("precision", words(&["f32", "f16", "bf16", "auto"]), "\"f32\"",
        "arithmetic of the matrix products; `\"auto\"` takes bf16, else f16, where the device has matrix units for it and computes it right, else f32",
        Cells, |c| Some(&mut c.train.precision)),
    key("stack", whole(1, MOST_REPLICAS as u64, "cells").or(&["auto"]), "4",
        "most cells that train in lock-step as one program; `\"auto\"` measures what pays", Nothing,
        |c| Some(&mut c.train.stack)),
    key("micro_batch_sequences", whole(1, 1_000_000, "sequences").or(&["auto"]), "8",
        "sequences per pass, where memory is short", Nothing,
        |c| Some(&mut c.train.micro_batch_sequences)),
    key("eval_sequences", whole(1, 4096, "sequences"), "16",
        "sequences per evaluation pass, the same for every cell", Cells,
        |c| Some(&mut c.train.eval_sequences)),
    key("curve_points", whole(2, 10_000, "points"), "200",
        "points of the loss curve kept per cell", Nothing, |c| Some(&mut c.train.curve_points)),
    key("valid_points", whole(1, 1000, "evaluations"), "10",
        "held-out evaluations per cell, the last one at the end", Nothing,
        |c| Some(&mut c.train.valid_points)),
    key("checkpoint_seconds", number(from_to(0.1, 86_400.0), "seconds"), "60",
        "time between checkpoints", Nothing, |c| Some(&mut c.train.checkpoint_seconds)),
];

impl RateRule {
    const NAMES: &'static [&'static str] = &["measured", "steplaw", "deepseek", "auto"];
}

/// The word for it, or a table.
impl Plain for RateRule {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Law(law) => law.rule(),
            word => match String::from_value(word)?.as_str() {
                "measured" | "auto" => Some(Self::Measured),
                "steplaw" => Some(Self::StepLaw),
                "deepseek" => Some(Self::DeepSeek),
                _ => None,
            },
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Law { law, of } => Value::Law(Box::new(LawSpec::of(law, *of))),
            Self::Unread { folder, of } => Value::Law(Box::new(LawSpec::unread(folder, *of))),
            named => Value::Text(named.name()),
        }
    }
}

/// A number, or what stands for a rule.
impl<R: Plain> Plain for Setting<R> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Number(x) => Some(Self::Value(x)),
            rule => R::from_value(rule).map(Self::Rule),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Value(x) => Value::Number(*x),
            Self::Rule(rule) => rule.to_value(),
        }
    }
}

/// The word alone; the figure that goes with it is a key of its own.
impl Plain for Schedule {
    fn from_value(value: Value) -> Option<Self> {
        match String::from_value(value)?.as_str() {
            "cosine" => Some(COSINE),
            "wsd" => Some(Self::Wsd { cooldown_fraction: 0.2 }),
            "constant" => Some(Self::Constant),
            _ => None,
        }
    }

    fn to_value(&self) -> Value {
        let word = match self {
            Self::Cosine { .. } => "cosine",
            Self::Wsd { .. } => "wsd",
            Self::Constant => "constant",
        };
        Value::Text(word.into())
    }
}
