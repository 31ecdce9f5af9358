//! Where the shape of a width comes from, and where that has been measured. The rules themselves are in
//! `architecture.rs`.

use serde::Serialize;

use super::Provenance;
use crate::config::ModelConfig;
use crate::{Family, Shape};

/// Blocks of a width.
pub const DEPTH: Provenance =
    Provenance::Published("one block per 64 of width, at least 2 (nanochat, Karpathy 2025)");

/// Attention heads of a width.
pub const HEADS: Provenance = Provenance::Measured(
    "results/architecture: heads of the even divisor nearest to 1.6 sqrt(width), 4 to 128",
);

/// Hidden width of the MLP.
pub fn mlp(family: Family) -> Provenance {
    match family {
        Family::Llama => Provenance::Published("8/3 of the width (Shazeer 2020)"),
        Family::Gpt2 => Provenance::Published("4 times the width (Vaswani et al. 2017)"),
    }
}

/// Where the rules were compared with other shapes (`results/architecture`): along the frontier of budgets from 5e10 to 8e12 FLOPs.
pub const MEASURED: Option<MeasuredShapes> =
    Some(MeasuredShapes { widths: (12, 144), contexts: (64, 64) });

/// The models on which rules for shapes were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MeasuredShapes {
    /// Narrowest and widest.
    pub widths: (usize, usize),
    /// Shortest and longest context, in tokens.
    pub contexts: (usize, usize),
}

impl MeasuredShapes {
    pub fn holds_width(&self, width: usize) -> bool {
        (self.widths.0..=self.widths.1).contains(&width)
    }

    pub fn holds_context(&self, context: usize) -> bool {
        (self.contexts.0..=self.contexts.1).contains(&context)
    }
}

/// Where depth, heads and MLP of a cell come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShapeSources {
    pub depth: Provenance,
    pub heads: Provenance,
    pub mlp: Provenance,
}

impl ShapeSources {
    /// Of `shape`, where the rules of `model` give `rule` for its width. What is not the rule's is the user's, as is
    /// all that `[model]` sets.
    pub fn of(model: &ModelConfig, shape: &Shape, rule: Option<&Shape>) -> Self {
        let by = |set: bool, same: fn(&Shape, &Shape) -> bool, source: Provenance| match rule {
            Some(rule) if !set && same(rule, shape) => source,
            _ => Provenance::User,
        };
        let depth_set = model.depth != ModelConfig::default().depth;
        Self {
            depth: by(depth_set, |a, b| a.depth == b.depth, DEPTH),
            heads: by(model.head_dim.is_some(), |a, b| a.heads == b.heads, HEADS),
            mlp: by(model.mlp_ratio.is_some(), |a, b| a.hidden == b.hidden, mlp(shape.family)),
        }
    }

    /// Whether a rule decides any of them.
    pub fn any_rule(&self) -> bool {
        [&self.depth, &self.heads, &self.mlp].iter().any(|source| **source != Provenance::User)
    }
}

/// What is known of the rules over the shapes of a grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShapeRange {
    pub measured: Option<MeasuredShapes>,
    /// Widths of shapes by rule that lie outside what was measured, ascending; all of them where nothing was.
    pub beyond_widths: Vec<usize>,
    /// Whether the context does.
    pub beyond_context: bool,
}

impl ShapeRange {
    pub(crate) fn of<'a>(
        measured: Option<MeasuredShapes>,
        by_rule: impl Iterator<Item = &'a Shape>,
    ) -> Self {
        let (mut beyond_widths, mut beyond_context) = (Vec::new(), false);
        for shape in by_rule {
            if !measured.is_some_and(|m| m.holds_width(shape.width)) {
                beyond_widths.push(shape.width);
            }
            beyond_context |= !measured.is_some_and(|m| m.holds_context(shape.context));
        }
        beyond_widths.sort_unstable();
        beyond_widths.dedup();
        Self { measured, beyond_widths, beyond_context }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_and_contexts_outside_what_was_measured_are_told() {
        let model = ModelConfig::default();
        let shapes = [16, 512, 1024, 1024].map(|width| model.shape(width, 256).unwrap());
        let measured = MeasuredShapes { widths: (16, 512), contexts: (64, 256) };
        let range = ShapeRange::of(Some(measured), shapes.iter());
        assert_eq!((range.beyond_widths, range.beyond_context), (vec![1024], false));
        let short = MeasuredShapes { contexts: (64, 128), ..measured };
        assert!(ShapeRange::of(Some(short), shapes.iter()).beyond_context);
        let none = ShapeRange::of(None, shapes.iter());
        assert_eq!((none.beyond_widths, none.beyond_context), (vec![16, 512, 1024], true));
    }

    #[test]
    fn what_the_rule_did_not_give_is_the_users() {
        let model = ModelConfig { head_dim: Some(16), ..ModelConfig::default() };
        let rule = model.shape(64, 256).unwrap();
        let sources = ShapeSources::of(&model, &Shape { hidden: 100, ..rule }, Some(&rule));
        let (depth, user) = (DEPTH, Provenance::User);
        assert_eq!(sources, ShapeSources { depth, heads: user.clone(), mlp: user });
        assert!(sources.any_rule());
    }
}
