//! `[model]`: the architecture family and how its shapes follow from the width.

use crate::Family;

use super::entries::Entries;
use super::error::ErrorKind;
use super::range::from_to;
use super::section::Section;
use super::train::Setting;

/// Resolved `[model]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Architecture family.
    pub family: Family,
    /// Tokens per training sequence.
    pub context: usize,
    /// How many blocks.
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
    Aspect {
        /// Width per block.
        aspect_ratio: f64,
        /// Fewest blocks.
        min_depth: usize,
    },
}

impl ModelConfig {
    pub(crate) fn read(s: Section<'_>) -> Self {
        let family = s
            .choice("family", &[("llama", Family::Llama), ("gpt2", Family::Gpt2)])
            .unwrap_or(Family::Llama);
        let context = s.whole("context", 8..=65_536).unwrap_or(256) as usize;
        let depth = match s.whole_or("depth", 1..=256, "auto").flatten() {
            Some(depth) => {
                let hint = "leave out `depth`, or the keys of the rule it replaces";
                s.forbid("aspect_ratio", "a fixed `depth`", hint);
                s.forbid("min_depth", "a fixed `depth`", hint);
                DepthRule::Fixed(depth as usize)
            }
            None => DepthRule::Aspect {
                aspect_ratio: s.number("aspect_ratio", from_to(4.0, 1024.0)).unwrap_or(64.0),
                min_depth: s.whole("min_depth", 1..=64).unwrap_or(2) as usize,
            },
        };
        let head_dim = s.whole_or("head_dim", 2..=512, "auto").flatten();
        if let Some(odd) = head_dim.filter(|h| h % 2 == 1) {
            s.fault(
                ErrorKind::OutOfRange,
                "head_dim",
                "an even number, since rotary positions turn pairs",
                odd.to_string(),
                format!("write `head_dim = {}`", odd + 1),
            );
        }
        let mlp_ratio = match s.number_or("mlp_ratio", from_to(1.0, 16.0), &[("auto", ())]) {
            Some(Setting::Value(ratio)) => Some(ratio),
            _ => None,
        };
        s.finish();
        Self { family, context, depth, head_dim: head_dim.map(|h| h as usize), mlp_ratio }
    }

    pub(crate) fn entries(&self) -> Entries {
        let mut e = Entries::new("model");
        e.text(
            "family",
            match self.family {
                Family::Llama => "llama",
                Family::Gpt2 => "gpt2",
            },
        );
        e.put("context", self.context.to_string());
        match self.depth {
            DepthRule::Fixed(depth) => e.put("depth", depth.to_string()),
            DepthRule::Aspect { aspect_ratio, min_depth } => {
                e.text("depth", "auto");
                e.number("aspect_ratio", aspect_ratio);
                e.put("min_depth", min_depth.to_string());
            }
        }
        e.whole_or("head_dim", self.head_dim, "auto");
        e.number_or("mlp_ratio", self.mlp_ratio, "auto");
        e
    }
}
