//! Shapes beside the rule's: the axes of `[grid]`, and explicit cells of one budget and width.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::layout::Request;
use crate::Shape;
use crate::config::{Config, ConfigError, DepthRule, ModelConfig, MultiplierDesign};

/// What the shape of a cell is to its slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShapeRole {
    /// The rule's, or the only one of its width and budget: it belongs in the slice.
    Plain,
    /// It stands beside the rule's, to be compared with it.
    Beside,
    /// One of several of its width and budget, none of them the rule's: the one of least loss belongs in the slice.
    Candidate,
}

/// `rule`, which stands first, and the shapes that the axes of `[grid]` set beside it, each once. Numbers of heads that do not fit
/// the width are left out.
pub(super) fn beside(config: &Config, rule: Shape) -> Vec<(Shape, ShapeRole)> {
    let axes = &config.grid.shapes;
    let by = |model: ModelConfig| model.shape(rule.width, rule.vocab).ok();
    let depths = axes.depths.iter().flatten().filter_map(|depth| {
        let depth = DepthRule::Fixed(*depth);
        by(ModelConfig { depth, ..config.model.clone() }).map(|shape| shape.depth)
    });
    let heads = axes.head_counts.iter().flatten().copied().filter(|heads| fits(*heads, rule.width));
    let hidden = axes.mlp_ratios.iter().flatten().filter_map(|ratio| {
        let mlp_ratio = Some(*ratio);
        by(ModelConfig { mlp_ratio, ..config.model.clone() }).map(|shape| shape.hidden)
    });
    let shapes: Vec<Shape> = match axes.combine {
        MultiplierDesign::OneAtATime => depths
            .map(|depth| Shape { depth, ..rule })
            .chain(heads.map(|heads| Shape { heads, ..rule }))
            .chain(hidden.map(|hidden| Shape { hidden, ..rule }))
            .collect(),
        MultiplierDesign::Product => {
            let or_rule = |values: Vec<usize>, own: usize| match values.is_empty() {
                true => vec![own],
                false => values,
            };
            let heads = or_rule(heads.collect(), rule.heads);
            let hidden = or_rule(hidden.collect(), rule.hidden);
            let mut all = Vec::new();
            for depth in or_rule(depths.collect(), rule.depth) {
                for &heads in &heads {
                    all.extend(hidden.iter().map(|&hidden| Shape { depth, heads, hidden, ..rule }));
                }
            }
            all
        }
    };
    let mut kept = vec![(rule, ShapeRole::Plain)];
    for shape in shapes {
        if kept.iter().all(|(other, _)| *other != shape) {
            kept.push((shape, ShapeRole::Beside));
        }
    }
    kept
}

/// Whether so many heads of even size fill a width.
pub(super) fn fits(heads: usize, width: usize) -> bool {
    width.is_multiple_of(2 * heads)
}

/// Refuses numbers of heads that fit none of the widths.
pub(super) fn refuse_heads(config: &Config, requests: &[Request], errors: &mut Vec<ConfigError>) {
    for heads in config.grid.shapes.head_counts.iter().flatten() {
        if !requests.is_empty() && !requests.iter().any(|r| fits(*heads, r.shape.width)) {
            errors.push(*config.error(
                "grid.head_counts",
                "numbers of heads that divide some width of the study into even parts",
                format!("{heads} heads, which fit none of its widths"),
                "powers of 2 fit the most widths; leave the others out, or list `widths`",
            ));
        }
    }
}

/// Explicit cells of one budget and width, but of several shapes, are compared and do not share a slice.
pub(super) fn assign_roles(config: &Config, vocab: usize, requests: &mut [Request]) {
    let place = |r: &Request| r.budget.map(|budget| (budget.to_bits(), r.shape.width));
    let mut mates = HashMap::<_, BTreeSet<Shape>>::new();
    for request in &*requests {
        mates.entry(place(request)).or_default().insert(request.shape);
    }
    for request in requests.iter_mut() {
        let mates = &mates[&place(request)];
        if request.budget.is_none() || mates.len() == 1 {
            continue;
        }
        let rule = config.model.shape(request.shape.width, vocab).ok();
        request.role = match rule.filter(|rule| mates.contains(rule)) {
            None => ShapeRole::Candidate,
            Some(rule) if rule == request.shape => ShapeRole::Plain,
            Some(_) => ShapeRole::Beside,
        };
    }
}
