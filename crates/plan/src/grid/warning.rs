//! What is doubtful about a design that can be trained all the same, and what to do about it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Grid, PlannedCell, StackLimits};
use crate::config::{Config, Design, RateRule, Setting, Sizes};
use crate::memory::stack_memory;
use crate::rules::Provenance;
use crate::{Cell, Optimizer, OptimumRule, Schedule, Shape};

/// Fewest budgets that tell a power law from an accident.
const BUDGETS: usize = 5;
/// Fewest sizes per budget.
const SIZES: usize = 7;
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

/// A doubt about a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum PlanWarning {
    /// Fewer than five budgets.
    FewBudgets {
        /// How many there are.
        budgets: usize,
    },
    /// Neighbouring budgets not x2 to x3.2 apart.
    BudgetSpacing {
        /// The lower, in FLOPs.
        low: f64,
        /// The higher, in FLOPs.
        high: f64,
    },
    /// Fewer than seven sizes in a slice.
    FewSizes {
        /// FLOPs of the slice.
        budget: f64,
        /// Its sizes.
        sizes: usize,
    },
    /// The sizes of a slice lie close together.
    NarrowSlice {
        /// FLOPs of the slice.
        budget: f64,
        /// Largest over smallest size.
        ratio: f64,
    },
    /// The size that is expected to be best is not between those of the slice.
    OptimumOutside {
        /// FLOPs of the slice.
        budget: f64,
        /// The expected best size, in parameters.
        expected: f64,
        /// Smallest size.
        smallest: f64,
        /// Largest size.
        largest: f64,
    },
    /// All cells have the same ratio of tokens to parameters.
    FixedTokensPerParam {
        /// The ratio.
        ratio: f64,
    },
    /// Cells that see the data too often.
    ManyEpochs {
        /// How many cells.
        cells: usize,
        /// Passes of the longest.
        most: f64,
        /// Tokens there are.
        available: u64,
    },
    /// Models whose head takes most of the FLOPs.
    HeadHeavy {
        /// How many shapes.
        shapes: usize,
        /// The worst of them.
        shape: Shape,
        /// Its head's share of the FLOPs.
        share: f64,
        /// The vocabulary.
        vocab: usize,
    },
    /// A rule whose constants nobody has shown.
    AssumedRule {
        /// What it gives.
        what: &'static str,
    },
    /// A rule used outside the range that it was fitted on.
    OutsideRule {
        /// What it gives.
        what: &'static str,
        /// Its name in the configuration.
        rule: &'static str,
        /// How many cells.
        cells: usize,
        /// How far the worst is outside, as a factor.
        factor: f64,
    },
    /// A learning-rate rule fitted on AdamW, used with another optimizer.
    RuleOfAnotherOptimizer,
    /// A learning-rate rule used with a batch far from the one that belongs to it.
    RateForAnotherBatch {
        /// Tokens per step.
        batch: f64,
        /// Tokens per step that the rule expects.
        expected: f64,
    },
    /// A rule wants less than one sequence per step.
    BatchBelowOneSequence {
        /// How many cells.
        cells: usize,
        /// Tokens per step that the rule wants, at the least.
        wanted: f64,
        /// Tokens of one sequence.
        context: usize,
    },
    /// A schedule that never decays.
    NoDecay,
    /// A user's warm-up that takes much of the run.
    LongWarmup {
        /// How many cells.
        cells: usize,
        /// Its largest share of a run.
        share: f64,
    },
    /// Stacks that may not fit, even one cell at a time.
    MemoryShort {
        /// How many.
        stacks: usize,
        /// Bytes of the worst.
        needed: u64,
        /// Bytes there are.
        available: u64,
    },
}

impl PlanWarning {
    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::FewBudgets { .. } => {
                format!("use at least {BUDGETS} budgets, x2 to x3.2 apart")
            }
            Self::BudgetSpacing { .. } => {
                "put budgets x2 to x3.2 apart: closer ones are told apart by noise alone, farther ones leave gaps"
                    .into()
            }
            Self::FewSizes { .. } => format!("use at least {SIZES} sizes per budget"),
            Self::NarrowSlice { .. } => {
                "reach x4 to either side of the expected optimum, or the minimum may not be bracketed"
                    .into()
            }
            Self::OptimumOutside { .. } => {
                "move the sizes of this slice, or use `sizes = 7` to have them placed".into()
            }
            Self::FixedTokensPerParam { .. } => {
                "vary the tokens at fixed sizes: where D = k N throughout, no fit can tell N's exponent from D's"
                    .into()
            }
            Self::ManyEpochs { .. } => {
                "add data or lower the budgets: beyond 4 passes a token is worth less than a new one (Muennighoff et al. 2023)"
                    .into()
            }
            Self::HeadHeavy { .. } => {
                "use a smaller vocabulary, as `tokenizer = \"bytes\"` has, or larger models".into()
            }
            Self::AssumedRule { .. } => {
                "try `lr_multipliers = [0.5, 1, 2]` and `batch_multipliers` on a few cells before you trust the exponents"
                    .into()
            }
            Self::OutsideRule { .. } => {
                "check with `lr_multipliers` at the smallest and largest cells, or take `\"measured\"`".into()
            }
            Self::RuleOfAnotherOptimizer => {
                "set `learning_rate`, or calibrate it with `lr_multipliers`".into()
            }
            Self::RateForAnotherBatch { .. } => {
                "leave `batch_tokens` to the rule too, or set `learning_rate`".into()
            }
            Self::BatchBelowOneSequence { .. } => "use a shorter `model.context`".into(),
            Self::NoDecay => {
                "use \"cosine\" or \"wsd\": a loss before its decay is no final loss, and fits leave it out"
                    .into()
            }
            Self::LongWarmup { .. } => "leave out `warmup_steps` to take the rule".into(),
            Self::MemoryShort { .. } => {
                "set `micro_batch_sequences`, a smaller `batch_tokens`, or smaller models".into()
            }
        }
    }
}

impl fmt::Display for PlanWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewBudgets { budgets } => write!(f, "the number of budgets is {budgets}"),
            Self::BudgetSpacing { low, high } => {
                write!(f, "the budgets {low:.3e} and {high:.3e} are x{:.2} apart", high / low)
            }
            Self::FewSizes { budget, sizes } => {
                write!(f, "the number of sizes at {budget:.3e} FLOPs is {sizes}")
            }
            Self::NarrowSlice { budget, ratio } => {
                write!(f, "the sizes at {budget:.3e} FLOPs span no more than x{ratio:.1}")
            }
            Self::OptimumOutside { budget, expected, smallest, largest } => write!(
                f,
                "at {budget:.3e} FLOPs about {expected:.2e} parameters are expected to be best, outside {smallest:.2e} to {largest:.2e}"
            ),
            Self::FixedTokensPerParam { ratio } => {
                write!(f, "every cell has {ratio:.1} tokens per parameter")
            }
            Self::ManyEpochs { cells, most, available } => {
                write!(
                    f,
                    "{cells} cells pass over the data up to {most:.1} times ({available} tokens)"
                )
            }
            Self::HeadHeavy { shapes, shape, share, vocab } => write!(
                f,
                "in {shapes} shapes the head takes most of the FLOPs: {:.0}% of {shape} at a vocabulary of {vocab}",
                100.0 * share
            ),
            Self::AssumedRule { what } => {
                write!(f, "the rule for the {what} is assumed, not measured")
            }
            Self::OutsideRule { what, rule, cells, factor } => write!(
                f,
                "\"{rule}\" gives the {what} of {cells} cells up to x{factor:.0} outside the range it was fitted on"
            ),
            Self::RuleOfAnotherOptimizer => {
                f.write_str("the learning-rate rule was made for AdamW, not Muon")
            }
            Self::RateForAnotherBatch { batch, expected } => write!(
                f,
                "the learning-rate rule expects steps of about {expected:.2e} tokens, not {batch:.2e}"
            ),
            Self::BatchBelowOneSequence { cells, wanted, context } => write!(
                f,
                "the batch rule wants {wanted:.0} tokens per step, less than one sequence of {context}, in {cells} cells"
            ),
            Self::NoDecay => f.write_str("the learning rate never decays"),
            Self::LongWarmup { cells, share } => {
                write!(
                    f,
                    "the warm-up takes up to {:.0}% of the steps of {cells} cells",
                    100.0 * share
                )
            }
            Self::MemoryShort { stacks, needed, available } => write!(
                f,
                "{stacks} stacks may need up to {:.1} GiB where there are {:.1} GiB",
                gib(*needed),
                gib(*available)
            ),
        }
    }
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / (1u64 << 30) as f64
}

/// All doubts about a grid, design first.
pub(super) fn check(config: &Config, grid: &Grid, limits: StackLimits) -> Vec<PlanWarning> {
    let mut warnings = Vec::new();
    check_slices(config, grid, &mut warnings);
    check_ratios(grid, &mut warnings);
    check_data(grid, &mut warnings);
    check_heads(grid, &mut warnings);
    check_rules(config, grid, &mut warnings);
    check_schedule(config, grid, &mut warnings);
    check_memory(grid, limits, &mut warnings);
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
    let optimum = match &config.grid.design {
        Design::Budgets { sizes: Sizes::Auto { optimum, .. }, .. } => *optimum,
        _ => OptimumRule::DEFAULT,
    };
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

/// The different sizes of a slice in parameters, ascending.
fn sizes(grid: &Grid, cells: &[&PlannedCell]) -> Vec<f64> {
    let mut sizes: Vec<f64> = cells.iter().map(|c| grid.convention.params(&c.cell.shape)).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    sizes
}

fn check_ratios(grid: &Grid, warnings: &mut Vec<PlanWarning>) {
    let ratio = |c: &PlannedCell| c.cell.tokens() as f64 / grid.convention.params(&c.cell.shape);
    let ratios: Vec<f64> = grid.cells.iter().map(ratio).collect();
    let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let high = ratios.iter().copied().fold(0.0, f64::max);
    let shapes: std::collections::BTreeSet<&Shape> =
        grid.cells.iter().map(|c| &c.cell.shape).collect();
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
    let by_rule = [
        (
            "learning rate",
            train.learning_rate,
            grid.cells.iter().any(|c| c.sources.learning_rate != Provenance::User),
        ),
        (
            "batch",
            train.batch_tokens,
            grid.cells.iter().any(|c| c.sources.batch != Provenance::User),
        ),
    ];
    for (what, setting, used) in by_rule {
        let Setting::Rule(rule) = setting else { continue };
        if !used {
            continue;
        }
        if matches!(rule.provenance(), Provenance::Assumed(_)) {
            warnings.push(PlanWarning::AssumedRule { what });
        }
        if let Some(fitted) = rule.fitted() {
            let factors =
                grid.cells.iter().map(|c| fitted.outside(&c.cell.shape, c.cell.tokens() as f64));
            let outside: Vec<f64> = factors.filter(|f| *f > OUTSIDE).collect();
            let factor = outside.iter().copied().fold(0.0, f64::max);
            if !outside.is_empty() {
                let (rule, cells) = (rule.name(), outside.len());
                warnings.push(PlanWarning::OutsideRule { what, rule, cells, factor });
            }
        }
    }
    if let Setting::Rule(rule) = train.learning_rate {
        if train.optimizer == Optimizer::Muon {
            warnings.push(PlanWarning::RuleOfAnotherOptimizer);
        }
        check_rate_for_batch(rule, grid, warnings);
    }
    if let Setting::Rule(rule) = train.batch_tokens {
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

/// The learning rate of a rule belongs to the batch of the same rule.
fn check_rate_for_batch(rule: RateRule, grid: &Grid, warnings: &mut Vec<PlanWarning>) {
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

fn check_memory(grid: &Grid, limits: StackLimits, warnings: &mut Vec<PlanWarning>) {
    let Some(available) = limits.memory_bytes else { return };
    let needed: Vec<u64> = grid
        .stacks
        .iter()
        .map(|s| (&s.cells[0], s.cells.len()))
        .map(|(c, r)| stack_memory(&c.shape, &c.hyper, r, limits.sequences(c)).total())
        .filter(|bytes| *bytes > available)
        .collect();
    if let Some(worst) = needed.iter().max() {
        warnings.push(PlanWarning::MemoryShort { stacks: needed.len(), needed: *worst, available });
    }
}
