//! Doubts about a study, each with advice.

mod display;
mod told;

use crate::error::FitError;
use crate::estimate::Estimate;
use serde::Serialize;

pub use told::{Told, told};

/// Something that the user should know before trusting the numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    RowsLeftOut {
        count: usize,
        /// How many of them the caller left out on purpose.
        asked: usize,
        /// Every reason, with how many rows it holds for and the first few of them.
        reasons: Vec<String>,
    },
    NoResult {
        approach: String,
        why: String,
    },
    /// Too few clusters of runs for an interval.
    FewClusters {
        clusters: usize,
        rows: usize,
        needed: usize,
    },
    /// Rows of one run name are taken as one cluster.
    RepeatedNames {
        names: usize,
        rows: usize,
    },
    /// Intervals that take runs of one cluster as independent.
    ClustersIgnored {
        method: String,
        clusters: usize,
        rows: usize,
    },
    /// Runs that look like checkpoints of fewer trainings, and are taken as independent.
    Checkpoints {
        /// Groups of runs that differ in D alone.
        groups: usize,
        rows: usize,
    },
    /// Intervals were asked for and withheld.
    NoInterval {
        method: String,
        why: String,
    },
    /// A slice's losses hardly differ near its minimum.
    FlatMinimum {
        flops: f64,
        /// Factor between the ends of the interval of N*.
        factor: f64,
    },
    /// N and D move together.
    CollinearDesign {
        correlation: f64,
    },
    /// An answer beyond what the runs are evidence for: 100 times the largest compute where forecasts of held-out budgets
    /// came true, 3 times where they did not or none could be held out.
    FarExtrapolation {
        flops: f64,
        factor: f64,
        /// Whether forecasts of held-out budgets came true.
        held_out: bool,
    },
    /// The law's frontier is off the minimum of the slice of the largest budget.
    LawOffTopMinimum {
        flops: f64,
        /// Law over minimum, minus 1.
        off: f64,
    },
    /// Neighbouring budgets are less than a factor 1.5 apart.
    BudgetsTooClose {
        factor: f64,
    },
    /// Fewer than 5 budgets.
    FewBudgets {
        budgets: usize,
    },
    /// Slices with fewer than 6 sizes.
    FewSizes {
        slices: usize,
        sizes: usize,
    },
    UnbracketedSlices {
        slices: Vec<String>,
    },
    /// Runs well above the others: probably badly tuned.
    MistunedCells {
        /// What they lie above: `the curve of their slice` or `the law`.
        about: String,
        runs: Vec<String>,
    },
    /// Runs far off what the others say, to which nothing was fitted.
    SpoiledRuns {
        /// What they were left out of: `approach 2`, `approach 3` or `approaches 2 and 3`.
        of: String,
        /// Each with what is off, and by how much.
        runs: Vec<String>,
    },
    /// C does not follow from N and D by one rule.
    MixedConventions {
        /// Root mean square of ln C about the best rule.
        residual: f64,
    },
    FewStartsAgree {
        agreeing: f64,
    },
    OutliersMove {
        with: f64,
        without: f64,
        count: usize,
    },
    /// Held-out budgets are forecast worse than by the best loss seen.
    LawLosesToNaive {
        held_out: String,
        law: f64,
        /// Mean relative error of the naive forecast.
        naive: f64,
    },
    /// What the largest budgets hold could not be forecast from the rest.
    NoForecast {
        why: String,
    },
    ResidualStructure {
        variables: Vec<String>,
    },
    /// Runs of one shape deviate together from what was fitted.
    ShapesDeviate {
        /// What they deviate from: `the law` or `the slices`.
        about: String,
        p: f64,
        /// The shape that deviates most.
        shape: String,
        runs: usize,
        /// Its mean residual of ln L.
        mean: f64,
    },
    /// Losses of one cell differ between two machines.
    MachinesDiffer {
        machine: String,
        against: String,
        /// Cells of the machine that others trained too.
        cells: usize,
        /// Shift of ln L.
        shift: Estimate,
    },
    /// Machines without a cell in common.
    MachinesApart {
        groups: Vec<String>,
    },
    ObjectivesDisagree {
        lowest: f64,
        highest: f64,
    },
    ApproachesDisagree {
        sentence: String,
    },
    /// Minima scatter more than the noise explains.
    ScatteredMinima {
        factor: f64,
    },
    FailedDraws {
        failed: usize,
        draws: usize,
    },
    /// The intervals asked for hold the truth less often than they say.
    NarrowIntervals {
        method: String,
        /// How often 95% intervals held the truth where that was simulated, at the worst.
        coverage: f64,
    },
    /// One slice decides the exponent.
    InfluentialSlice {
        flops: f64,
        without: f64,
        with: f64,
    },
}

/// Reach that forecasts of held-out budgets that came true are evidence for, and the reach without, as factors of the largest C.
const REACH: (f64, f64) = (100.0, 3.0);

impl Warning {
    /// Of an approach that refused; the warning says whose refusal it is.
    pub fn no_result(approach: &str, refusal: &FitError) -> Warning {
        let why = match refusal {
            FitError::NoResult { why, hint, .. } => format!("{why}; {hint}"),
            _ => refusal.one_line(),
        };
        Warning::NoResult { approach: approach.into(), why }
    }

    /// Of a budget `factor` times the largest of the runs, where that is beyond what there is evidence for.
    pub fn far(flops: f64, factor: f64, held_out: bool) -> Option<Warning> {
        let reach = if held_out { REACH.0 } else { REACH.1 };
        // Multiples of the largest budget are what they are asked as, short of rounding.
        (factor > 1.005 * reach).then_some(Warning::FarExtrapolation { flops, factor, held_out })
    }

    pub fn advice(&self) -> &'static str {
        match self {
            Warning::RowsLeftOut { count, asked, .. } if count == asked => {
                "nothing to correct: these rows were not meant for the fit"
            }
            Warning::RowsLeftOut { .. } => "correct the rows, or accept that they are not used",
            Warning::NoResult { .. } => {
                "what the other approaches give, if anything, goes without this check"
            }
            Warning::FewClusters { .. } => {
                "add trainings; if the runs are independent, give each its own name (or name other columns: `--run`, `--cluster` of `sweep fit`)"
            }
            Warning::RepeatedNames { .. } => {
                "right for checkpoints of one training; if the runs are independent, give each its own name (or name another column: `--run` of `sweep fit`)"
            }
            Warning::ClustersIgnored { .. } => {
                "take them as too narrow, and trust intervals that resample clusters"
            }
            Warning::Checkpoints { .. } => {
                "if they are checkpoints of one training, name it in a column (`--cluster` of `sweep fit`): the intervals are too narrow otherwise"
            }
            Warning::NoInterval { .. } => "take the figures as points without a known error",
            Warning::FlatMinimum { .. } => {
                "quote the range of N within a loss tolerance, not N* alone; widen the slice"
            }
            Warning::CollinearDesign { .. } => {
                "run each N for several D: designs with D = k N cannot tell the two terms apart"
            }
            Warning::FarExtrapolation { .. } => "add a larger budget before relying on it",
            Warning::LawOffTopMinimum { .. } => {
                "the law does not follow these losses: trust forecasts by the slice minima, and neither E nor what the law says beyond the runs"
            }
            Warning::BudgetsTooClose { .. } => "space budgets by a factor of 2 to 3.2",
            Warning::FewBudgets { .. } => "run at least 5 budgets",
            Warning::FewSizes { .. } => {
                "run at least 7 sizes within a factor 4 either side of the optimum"
            }
            Warning::UnbracketedSlices { .. } => {
                "add sizes on the side that falls; these slices do not vote"
            }
            Warning::MistunedCells { .. } => {
                "retune these runs (learning rate, batch) or leave them out"
            }
            Warning::SpoiledRuns { .. } => {
                "train again what diverged, crashed or is mistuned, correct what is mistyped, or leave these rows out of the table (`--all-rows` of `sweep fit` fits them too)"
            }
            Warning::MixedConventions { .. } => {
                "count N and C of all runs alike, or choose another convention (`--convention` of `sweep fit`)"
            }
            Warning::FewStartsAgree { .. } => {
                "try more starts (`--starts` of `sweep fit`) and compare objectives before trusting the optimum"
            }
            Warning::OutliersMove { .. } => {
                "look at these runs; report the exponent with and without them"
            }
            Warning::LawLosesToNaive { .. } => {
                "do not extrapolate with this law; try another law, or drop the smallest runs"
            }
            Warning::NoForecast { .. } => {
                "nothing shows that this law forecasts: add budgets or sizes, or try another law"
            }
            Warning::ResidualStructure { .. } => {
                "the law misses something: try another law, or a narrower range"
            }
            Warning::ShapesDeviate { .. } => {
                "intervals that take runs as independent are too narrow: resample by shape (`--resampling shapes` of `sweep fit`), and look at the depth and heads of that shape"
            }
            Warning::MachinesDiffer { .. } => {
                "fit each machine alone too; where the exponent moves, do not fit them together before the cause is found (driver, precision, kernels)"
            }
            Warning::MachinesApart { .. } => {
                "train one small cell on each of them, the same seed and precision, and fit them together again"
            }
            Warning::ObjectivesDisagree { .. } => {
                "report the range over objectives; look for outliers and mistuned runs"
            }
            Warning::ApproachesDisagree { .. } => {
                "trust none of them alone: check bracketing, tuning and the range of D/N"
            }
            Warning::ScatteredMinima { .. } => {
                "retune the runs near the minima; intervals were widened by this factor"
            }
            Warning::NarrowIntervals { .. } => "use the default, or wild draws with squares only",
            Warning::FailedDraws { .. } => {
                "the law is near degenerate on these runs: add runs, or fit fewer parameters"
            }
            Warning::InfluentialSlice { .. } => "repeat that budget, or add budgets around it",
        }
    }
}
