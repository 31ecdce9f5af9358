//! `[model]`: the architecture family and how its shapes follow from the width.

use crate::Family;

use super::key::{Effect::Cells, Key, key};
use super::takes::{from_to, number, whole, words};
use super::value::{Plain, Value, Word};
use super::words::words;

/// Resolved `[model]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    pub family: Family,
    /// Tokens per training sequence.
    pub context: usize,
    pub depth: DepthRule,
    /// Size of an attention head; `None` takes the rule.
    pub head_dim: Option<usize>,
    /// Hidden width of the MLP over the width; `None` takes the family's.
    pub mlp_ratio: Option<f64>,
}

/// How many blocks a model of some width has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DepthRule {
    /// The same number at every width.
    Fixed(usize),
    /// Width over `aspect_ratio`, rounded, and at least `min_depth`.
    Aspect { aspect_ratio: f64, min_depth: usize },
}

words!(Family: "llama" = Self::Llama, "gpt2" = Self::Gpt2);

impl DepthRule {
    const DEFAULT: Self = Self::Aspect { aspect_ratio: 64.0, min_depth: 2 };
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            family: Family::Llama,
            context: 256,
            depth: DepthRule::DEFAULT,
            head_dim: None,
            mlp_ratio: None,
        }
    }
}

#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("family", words(Family::NAMES), "\"llama\"",
        "the architecture family", Cells, |c| Some(&mut c.model.family)),
    key("context", whole(8, 65_536, "tokens"), "256",
        "length of a training sequence", Cells, |c| Some(&mut c.model.context)),
    key("depth", whole(1, 256, "blocks").or(&["auto"]), "4",
        "blocks at every width, instead of the rule width / aspect_ratio", Cells,
        |c| Some(&mut c.model.depth)),
    key("aspect_ratio", number(from_to(4.0, 1024.0), ""), "64",
        "width per block", Cells,
        |c| match &mut c.model.depth {
            DepthRule::Aspect { aspect_ratio, .. } => Some(aspect_ratio),
            DepthRule::Fixed(_) => None,
        }).with(&["depth = \"auto\""]),
    key("min_depth", whole(1, 64, "blocks"), "2",
        "blocks at small widths", Cells,
        |c| match &mut c.model.depth {
            DepthRule::Aspect { min_depth, .. } => Some(min_depth),
            DepthRule::Fixed(_) => None,
        }).with(&["depth = \"auto\""]),
    // Rotary positions turn pairs.
    key("head_dim", whole(2, 512, "").multiple_of(2).or(&["auto"]), "32",
        "size of an attention head, instead of the rule near 1.6 sqrt(width), 4 to 128", Cells,
        |c| Some(&mut c.model.head_dim)),
    key("mlp_ratio", number(from_to(1.0, 16.0), "").or(&["auto"]), "4",
        "hidden width of the MLP over the width, instead of 8/3 (llama), 4 (gpt2)", Cells,
        |c| Some(&mut c.model.mlp_ratio)),
];

/// A number of blocks, or the word for the rule.
impl Plain for DepthRule {
    fn from_value(value: Value) -> Option<Self> {
        Some(Option::<usize>::from_value(value)?.map_or(Self::DEFAULT, Self::Fixed))
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Fixed(depth) => depth.to_value(),
            Self::Aspect { .. } => Value::None,
        }
    }
}
