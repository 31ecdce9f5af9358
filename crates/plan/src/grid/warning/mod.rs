//! What is doubtful about a design that can be trained all the same, and what to do about it.

mod check;
mod doubts;
mod remedy;
mod shapes;

use std::fmt;

use serde::Serialize;

use crate::Shape;
use isoflop_text::{bytes, counted};

pub(super) use check::{check, memory_short};
pub use doubts::Doubt;
pub use remedy::Remedy;
pub use shapes::ShapeJump;
pub(crate) use shapes::heads_jump;

/// Fewest budgets that tell a power law from an accident.
const BUDGETS: usize = 5;
/// Fewest sizes per budget.
const SIZES: usize = 7;

/// A doubt about a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum PlanWarning {
    /// Fewer than five budgets.
    FewBudgets { budgets: usize },
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
        smallest: f64,
        largest: f64,
    },
    /// All cells have the same ratio of tokens to parameters.
    FixedTokensPerParam { ratio: f64 },
    /// Cells that see the data too often.
    ManyEpochs {
        cells: usize,
        /// Passes of the longest.
        most: f64,
        /// Tokens there are.
        available: u64,
    },
    /// Models whose head takes most of the FLOPs.
    HeadHeavy {
        shapes: usize,
        /// The worst of them.
        shape: Shape,
        /// Its head's share of the FLOPs.
        share: f64,
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
        rule: String,
        cells: usize,
        /// How far the worst is outside, as a factor.
        factor: f64,
        remedy: Remedy,
    },
    /// A learning-rate rule fitted on AdamW, used with another optimizer.
    RuleOfAnotherOptimizer,
    /// A learning-rate rule used with a batch far from the one that belongs to it.
    RateForAnotherBatch {
        batch: f64,
        /// Tokens per step that the rule expects.
        expected: f64,
    },
    /// A rule wants less than one sequence per step.
    BatchBelowOneSequence {
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
        cells: usize,
        /// Its largest share of a run.
        share: f64,
    },
    /// A number of heads of `grid.head_counts` that some widths go without, since it does not divide them.
    HeadsLeftOut { heads: usize, widths: Vec<usize> },
    /// The shape changes abruptly between neighbouring sizes of a slice.
    ShapeJumps { jumps: Vec<ShapeJump> },
    /// Explicit cells of one budget and width have several shapes, none of them the rule's.
    NoRuleShape {
        /// FLOPs of the slices.
        budgets: Vec<f64>,
        widths: Vec<usize>,
    },
    /// Some batches do not fit whole and will be cut into parts that pass one after the other.
    MicroBatches {
        stacks: usize,
        /// Bytes that the worst would need whole.
        needed: u64,
        /// Bytes there are.
        available: u64,
        /// Parts of its batch.
        passes: usize,
    },
    /// Stacks that may not fit, even one cell at a time.
    MemoryShort {
        stacks: usize,
        /// Bytes of the worst.
        needed: u64,
        /// Bytes there are.
        available: u64,
    },
}

impl PlanWarning {
    /// What to do about it: a line for each step.
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
                "try `lr_multipliers = [0.5, 1, 2]` and `batch_multipliers` with `multiply = \"minima\"` before you trust the exponents"
                    .into()
            }
            Self::OutsideRule { what, remedy, .. } => remedy.advice(what),
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
            Self::HeadsLeftOut { .. } => {
                "powers of 2 fit the most widths; list `widths` that are multiples of twice each number".into()
            }
            Self::ShapeJumps { .. } => {
                "the curve of a slice may bend there: hold the shape with `depth` or `head_dim` of [model], choose \
                 widths on one side, or train both with `depths` or `head_counts`"
                    .into()
            }
            Self::NoRuleShape { .. } => {
                "the fits take the one of least loss, which is partly chance; add cells of the rule's shape to have \
                 it in the slice"
                    .into()
            }
            Self::MicroBatches { .. } => {
                "losses differ by rounding alone; set `micro_batch_sequences` to have the same parts \
                 on every machine"
                    .into()
            }
            Self::MemoryShort { .. } => {
                "take smaller models, a smaller vocabulary or context, or fewer stacks at once, or \
                 raise `memory_gib` if that is what sets the limit and there is more"
                    .into()
            }
        }
    }
}

/// `1, 2, 3`
fn listed(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
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
                let cells = counted(*cells as u64, "cell");
                write!(f, "up to {most:.1} passes over the data ({available} tokens), in {cells}")
            }
            Self::HeadHeavy { shapes, shape, share, vocab } => write!(
                f,
                "in {} the head takes most of the FLOPs: {:.0}% of {shape} at a vocabulary of {vocab}",
                counted(*shapes as u64, "shape"),
                100.0 * share
            ),
            Self::AssumedRule { what } => {
                write!(f, "the rule for the {what} is assumed, not measured")
            }
            Self::OutsideRule { what, rule, cells, factor, .. } => write!(
                f,
                "\"{rule}\" gives the {what} of {} up to x{factor:.0} outside the range it was fitted on",
                counted(*cells as u64, "cell")
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
                "the batch rule wants {wanted:.0} tokens per step, less than one sequence of {context}, in {}",
                counted(*cells as u64, "cell")
            ),
            Self::NoDecay => f.write_str("the learning rate never decays"),
            Self::LongWarmup { cells, share } => {
                write!(
                    f,
                    "the warm-up takes up to {:.0}% of the steps of {}",
                    100.0 * share,
                    counted(*cells as u64, "cell")
                )
            }
            Self::HeadsLeftOut { heads, widths } => write!(
                f,
                "{heads} heads do not divide {} {} into even parts: left out there",
                if widths.len() == 1 { "the width" } else { "the widths" },
                listed(widths)
            ),
            Self::ShapeJumps { jumps } => write!(f, "the shape jumps: {}", shapes::told(jumps)),
            Self::NoRuleShape { budgets, widths } => write!(
                f,
                "at {} FLOPs the cells of width {} have several shapes, none of them the rule's",
                budgets.iter().map(|b| format!("{b:.3e}")).collect::<Vec<_>>().join(", "),
                listed(widths)
            ),
            Self::MicroBatches { stacks, needed, available, passes } => write!(
                f,
                "{} would need up to {} for a whole batch, more than the {} that it may have: \
                 batches are cut into up to {passes} parts",
                counted(*stacks, "stack"),
                bytes(*needed as f64),
                bytes(*available as f64)
            ),
            Self::MemoryShort { stacks, needed, available } => write!(
                f,
                "{} may need up to {}, more than the {} that it may have",
                counted(*stacks, "stack"),
                bytes(*needed as f64),
                bytes(*available as f64)
            ),
        }
    }
}
