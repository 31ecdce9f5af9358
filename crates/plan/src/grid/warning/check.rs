//! The checks behind the warnings.

use std::collections::{BTreeMap, BTreeSet};

use super::remedy::Remedy;
use super::{BUDGETS, PlanWarning, SIZES, shapes};
use crate::config::{Config, Design, RateRule, Setting};
use crate::rules::Provenance;
use crate::{
    Cell, Grid, Optimizer, OptimumRule, PlannedCell, Schedule, Shape, ShapeRole, Stack, StackLimits,
};

/// Ratios of neighbouring budgets, with room for round figures.
const SPACING: (f64, f64) = (1.9, 3.3);
/// Smallest ratio of the largest to the smallest size of a slice: x2.5 either side of the middle.
const SPREAD: f64 = 6.25;
/// Passes over the data after which repeating it begins to cost (Muennighoff et al. 2023).
const EPOCHS: f64 = 4.0;
/// Largest share of a model's FLOPs that may go into its head.
const HEAD_SHARE: f64 = 0.5;
/// How far outside its range a rule may be used, as a factor.
const OUTSIDE: f64 = 3.0;
/// Largest share of the steps spent warming up.
const WARMUP: f64 = 0.1;
/// How far a user's batch may be from the one that a learning-rate rule expects, as a factor.
const BATCH: f64 = 4.0;

/// All doubts about a grid that do not depend on the device, design first.
pub(in crate::grid) fn check(config: &Config, grid: &Grid) -> Vec<PlanWarning> {
    let mut warnings = Vec::new();
    check_slices(config, grid, &mut warnings);
    check_ratios(grid, &mut warnings);
    check_data(grid, &mut warnings);
    check_heads(grid, &mut warnings);
    shapes::check(config, grid, &mut warnings);
    check_rules(config, grid, &mut warnings);
    check_schedule(config, grid, &mut warnings);
    warnings
}

fn check_slices(config: &Config, grid: &Grid, warnings: &mut Vec<PlanWarning>) {
    let slices = grid.slices();
    if slices.is_empty() {
        return;
    }
    // A single listed cell per FLOP count is no isoFLOP design, and not to be judged as one.
    let by_hand = matches!(config.grid.design, Design::Cells(_));
    if by_hand && slices.iter().all(|(_, cells)| sizes(grid, cells).len() < 3) {
        return;
    }
    if slices.len() < BUDGETS {
        warnings.push(PlanWarning::FewBudgets { budgets: slices.len() });
    }
    for pair in slices.windows(2) {
        let (low, high) = (pair[0].0, pair[1].0);
        if high / low < SPACING.0 || high / low > SPACING.1 {
            warnings.push(PlanWarning::BudgetSpacing { low, high });
        }
    }
    let optimum = OptimumRule::of(config);
    for (budget, cells) in &slices {
        let (budget, sizes) = (*budget, sizes(grid, cells));
        let (Some(&smallest), Some(&largest)) = (sizes.first(), sizes.last()) else { continue };
        if sizes.len() < SIZES {
            warnings.push(PlanWarning::FewSizes { budget, sizes: sizes.len() });
        }
        if largest / smallest < SPREAD {
            warnings.push(PlanWarning::NarrowSlice { budget, ratio: largest / smallest });
        }
        let expected = optimum.params(budget);
        if expected < smallest || expected > largest {
            warnings.push(PlanWarning::OptimumOutside { budget, expected, smallest, largest });
        }
    }
}

/// The different sizes of a slice in parameters, ascending, without the shapes beside the rule's.
fn sizes(grid: &Grid, cells: &[&PlannedCell]) -> Vec<f64> {
    let plain = cells.iter().filter(|c| c.role != ShapeRole::Beside);
    let mut sizes: Vec<f64> = plain.map(|c| grid.convention.params(&c.cell.shape)).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    sizes
}

fn check_ratios(grid: &Grid, warnings: &mut Vec<PlanWarning>) {
    let ratio = |c: &PlannedCell| c.cell.tokens() as f64 / grid.convention.params(&c.cell.shape);
    let ratios: Vec<f64> = grid.cells.iter().map(ratio).collect();
    let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let high = ratios.iter().copied().fold(0.0, f64::max);
    let shapes: BTreeSet<&Shape> = grid.cells.iter().map(|c| &c.cell.shape).collect();
    if shapes.len() > 1 && high / low < 1.2 {
        warnings.push(PlanWarning::FixedTokensPerParam { ratio: (low * high).sqrt() });
    }
}

fn check_data(grid: &Grid, warnings: &mut Vec<PlanWarning>) {
    let Some(available) = grid.data.train_tokens else { return };
    let cells = grid.cells.iter().filter(|c| c.epochs.is_some_and(|e| e > EPOCHS)).count();
    if let Some(most) = grid.most_epochs().filter(|_| cells > 0) {
        warnings.push(PlanWarning::ManyEpochs { cells, most, available });
    }
}

fn check_heads(grid: &Grid, warnings: &mut Vec<PlanWarning>) {
    let share = |shape: &Shape| {
        let count = shape.flops_per_token();
        count.head / count.forward()
    };
    let shapes: BTreeMap<Shape, f64> =
        grid.cells.iter().map(|c| (c.cell.shape, share(&c.cell.shape))).collect();
    let heavy: Vec<_> = shapes.iter().filter(|(_, s)| **s > HEAD_SHARE).collect();
    if let Some((shape, share)) = heavy.iter().max_by(|a, b| a.1.total_cmp(b.1)) {
        warnings.push(PlanWarning::HeadHeavy {
            shapes: heavy.len(),
            shape: **shape,
            share: **share,
            vocab: shape.vocab,
        });
    }
}

fn check_rules(config: &Config, grid: &Grid, warnings: &mut Vec<PlanWarning>) {
    let train = &config.train;
    let (rate, batch) = (rule_of(&train.learning_rate), rule_of(&train.batch_tokens));
    let by_rule = [
        (
            "learning rate",
            rate,
            rate.and_then(|rule| rule.rate_fitted(batch)),
            grid.cells.iter().any(|c| c.sources.learning_rate != Provenance::User),
        ),
        (
            "batch",
            batch,
            batch.and_then(RateRule::fitted),
            grid.cells.iter().any(|c| c.sources.batch != Provenance::User),
        ),
    ];
    for (what, rule, fitted, used) in by_rule {
        let Some(rule) = rule else { continue };
        if !used {
            continue;
        }
        if matches!(rule.provenance(), Provenance::Assumed(_)) {
            warnings.push(PlanWarning::AssumedRule { what });
        }
        if let Some(fitted) = fitted {
            let factors =
                grid.cells.iter().map(|c| fitted.outside(&c.cell.shape, c.cell.tokens() as f64));
            let outside: Vec<f64> = factors.filter(|f| *f > OUTSIDE).collect();
            let factor = outside.iter().copied().fold(0.0, f64::max);
            if !outside.is_empty() {
                let remedy = Remedy::of(config, grid, what, rule);
                let (rule, cells) = (rule.name(), outside.len());
                warnings.push(PlanWarning::OutsideRule { what, rule, cells, factor, remedy });
            }
        }
    }
    if let Some(rule) = rate {
        let own = matches!(rule, RateRule::Law { .. });
        if train.optimizer == Optimizer::Muon && !own {
            warnings.push(PlanWarning::RuleOfAnotherOptimizer);
        }
        check_rate_for_batch(rule, grid, warnings);
    }
    if let Some(rule) = batch {
        let wanted: Vec<f64> = grid
            .cells
            .iter()
            .filter(|c| c.sources.batch != Provenance::User)
            .map(|c| rule.batch_tokens(&c.cell.shape, c.cell.tokens() as f64))
            .filter(|wanted| *wanted < config.model.context as f64 / 2f64.sqrt())
            .collect();
        if !wanted.is_empty() {
            warnings.push(PlanWarning::BatchBelowOneSequence {
                cells: wanted.len(),
                wanted: wanted.iter().copied().fold(f64::INFINITY, f64::min),
                context: config.model.context,
            });
        }
    }
}

fn rule_of(setting: &Setting<RateRule>) -> Option<&RateRule> {
    match setting {
        Setting::Rule(rule) => Some(rule),
        Setting::Value(_) => None,
    }
}

/// The learning rate of a rule belongs to the batch of the same rule.
fn check_rate_for_batch(rule: &RateRule, grid: &Grid, warnings: &mut Vec<PlanWarning>) {
    if rule.follows_batch() {
        return;
    }
    let distance = |(batch, expected): &(f64, f64)| (batch / expected).ln().abs();
    let worst = grid
        .cells
        .iter()
        .filter(|c| c.is_plain() && c.sources.batch != rule.provenance())
        .map(|c| {
            let tokens = c.cell.tokens() as f64;
            (c.cell.batch_tokens() as f64, rule.batch_tokens(&c.cell.shape, tokens))
        })
        .max_by(|a, b| distance(a).total_cmp(&distance(b)));
    if let Some((batch, expected)) = worst.filter(|w| distance(w) > BATCH.ln()) {
        warnings.push(PlanWarning::RateForAnotherBatch { batch, expected });
    }
}

fn check_schedule(config: &Config, grid: &Grid, warnings: &mut Vec<PlanWarning>) {
    if config.train.schedule == Schedule::Constant {
        warnings.push(PlanWarning::NoDecay);
    }
    let share = |c: &Cell| c.hyper.warmup_steps as f64 / c.steps as f64;
    let long: Vec<f64> = grid
        .cells
        .iter()
        .filter(|c| c.sources.warmup == Provenance::User)
        .map(|c| share(&c.cell))
        .filter(|s| *s > WARMUP)
        .collect();
    if !long.is_empty() {
        let share = long.iter().copied().fold(0.0, f64::max);
        warnings.push(PlanWarning::LongWarmup { cells: long.len(), share });
    }
}

/// Whether some stacks may need more memory than there is, for a whole batch or even for the smallest
/// part of one.
pub(in crate::grid) fn memory_short(stacks: &[Stack], limits: StackLimits) -> Vec<PlanWarning> {
    let (mut cut, mut short) = (Vec::new(), Vec::new());
    for stack in stacks {
        let Some(cell) = stack.cells.first() else { continue };
        let batch = cell.hyper.batch_sequences;
        let sequences = limits.micro_batch(stack);
        if let Some(shortage) = shortage(limits, stack, sequences.unwrap_or(batch).min(batch)) {
            short.push(shortage);
        } else if limits.micro_batch_sequences.is_none()
            && let Some(sequences) = sequences
            && let Some((needed, available)) = shortage(limits, stack, batch)
        {
            cut.push((needed, available, batch.div_ceil(sequences)));
        }
    }
    let mut warnings = Vec::new();
    if let Some(&(needed, available, passes)) = cut.iter().max() {
        warnings.push(PlanWarning::MicroBatches { stacks: cut.len(), needed, available, passes });
    }
    if let Some(&(needed, available)) = short.iter().max() {
        warnings.push(PlanWarning::MemoryShort { stacks: short.len(), needed, available });
    }
    warnings
}

/// Bytes that a stack needs and that there are, where it does not fit: in all, or in its largest tensor.
fn shortage(limits: StackLimits, stack: &Stack, sequences: usize) -> Option<(u64, u64)> {
    let estimate = limits.of_stack(stack, sequences);
    let pairs =
        [(estimate.total(), limits.memory_bytes), (estimate.largest_tensor, limits.tensor_bytes)];
    pairs.into_iter().find_map(|(needed, most)| Some((needed, most.filter(|&most| needed > most)?)))
}
