//! Doubts about a study, each with advice.

use serde::Serialize;

use crate::compute::spread_in_words;

/// Something that the user should know before trusting the numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// Rows were left out.
    RowsLeftOut {
        /// How many.
        count: usize,
        /// How many of them the caller left out on purpose.
        asked: usize,
        /// The first few, with reasons.
        first: Vec<String>,
    },
    /// An approach gave no result.
    NoResult {
        /// Which.
        approach: String,
        /// Why.
        why: String,
    },
    /// Too few clusters of runs for an interval.
    FewClusters {
        /// How many.
        clusters: usize,
        /// Runs in them.
        rows: usize,
        /// How many it takes.
        needed: usize,
    },
    /// Rows of one run name are taken as one cluster.
    RepeatedNames {
        /// Different names.
        names: usize,
        /// Runs.
        rows: usize,
    },
    /// Intervals that take runs of one cluster as independent.
    ClustersIgnored {
        /// Whose.
        method: String,
        /// Clusters.
        clusters: usize,
        /// Runs in them.
        rows: usize,
    },
    /// Runs that look like checkpoints of fewer trainings, and are taken as independent.
    Checkpoints {
        /// Groups of runs that differ in D alone.
        groups: usize,
        /// Runs in them.
        rows: usize,
    },
    /// Intervals were asked for and withheld.
    NoInterval {
        /// Whose.
        method: String,
        /// Why.
        why: String,
    },
    /// A slice's losses hardly differ near its minimum.
    FlatMinimum {
        /// Budget, FLOPs.
        flops: f64,
        /// Factor between the ends of the interval of N*.
        factor: f64,
    },
    /// N and D move together.
    CollinearDesign {
        /// Correlation of ln N and ln D.
        correlation: f64,
    },
    /// A forecast beyond 100 times the largest compute.
    FarExtrapolation {
        /// C over the largest C.
        factor: f64,
    },
    /// Neighbouring budgets are less than a factor 1.8 apart.
    BudgetsTooClose {
        /// Smallest factor.
        factor: f64,
    },
    /// Fewer than 5 budgets.
    FewBudgets {
        /// How many.
        budgets: usize,
    },
    /// Slices with fewer than 6 sizes.
    FewSizes {
        /// Slices concerned.
        slices: usize,
        /// Fewest sizes.
        sizes: usize,
    },
    /// Slices without a bracketed minimum.
    UnbracketedSlices {
        /// Slices concerned, with reasons.
        slices: Vec<String>,
    },
    /// Runs well above their slice: probably badly tuned.
    MistunedCells {
        /// Their names.
        runs: Vec<String>,
    },
    /// C does not follow from N and D by one rule.
    MixedConventions {
        /// Root mean square of ln C about the best rule.
        residual: f64,
    },
    /// Few starts found the optimum.
    FewStartsAgree {
        /// Share.
        agreeing: f64,
    },
    /// Outliers move the exponent.
    OutliersMove {
        /// Exponent with them.
        with: f64,
        /// Exponent without.
        without: f64,
        /// How many there are.
        count: usize,
    },
    /// Held-out budgets are forecast worse than by the best loss seen.
    LawLosesToNaive {
        /// Budgets held out.
        budgets: usize,
        /// Mean relative error of the law.
        law: f64,
        /// Mean relative error of the naive forecast.
        naive: f64,
    },
    /// Residuals depend on a variable.
    ResidualStructure {
        /// Which ones.
        variables: Vec<String>,
    },
    /// Objectives disagree about the exponent.
    ObjectivesDisagree {
        /// Smallest exponent.
        lowest: f64,
        /// Largest exponent.
        highest: f64,
    },
    /// Approaches disagree beyond their intervals.
    ApproachesDisagree {
        /// In words.
        sentence: String,
    },
    /// Minima scatter more than the noise explains.
    ScatteredMinima {
        /// Factor.
        factor: f64,
    },
    /// Bootstrap refits failed.
    FailedDraws {
        /// How many.
        failed: usize,
        /// Of how many.
        draws: usize,
    },
    /// The intervals asked for hold the truth less often than they say.
    NarrowIntervals {
        /// Which.
        method: String,
        /// How often 95% intervals held the truth where that was simulated, at the worst.
        coverage: f64,
    },
    /// One slice decides the exponent.
    InfluentialSlice {
        /// Its budget, FLOPs.
        flops: f64,
        /// Exponent without it.
        without: f64,
        /// Exponent with it.
        with: f64,
    },
}

impl Warning {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Warning::RowsLeftOut { count, asked, .. } if count == asked => {
                "this was asked for; compare with a fit of all runs"
            }
            Warning::RowsLeftOut { .. } => "correct the rows, or accept that they are not used",
            Warning::NoResult { .. } => "nothing checks the other approaches here: see the reason",
            Warning::FewClusters { .. } => {
                "add trainings; if the runs are independent, give each its own name (or another --run, --cluster)"
            }
            Warning::RepeatedNames { .. } => {
                "right for checkpoints of one training; if the runs are independent, give each its own name (or another --run)"
            }
            Warning::ClustersIgnored { .. } => {
                "resample clusters, or widen these intervals in mind"
            }
            Warning::Checkpoints { .. } => {
                "if they are checkpoints of one training, name it in a column and give --cluster: the intervals are too narrow otherwise"
            }
            Warning::NoInterval { .. } => "take the figures as points without a known error",
            Warning::FlatMinimum { .. } => {
                "quote the range of N within a loss tolerance, not N* alone; widen the slice"
            }
            Warning::CollinearDesign { .. } => {
                "run each N for several D: designs with D = k N cannot tell the two terms apart"
            }
            Warning::FarExtrapolation { .. } => "add a larger budget before relying on it",
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
            Warning::MixedConventions { .. } => {
                "count N and C of all runs alike, or choose --convention"
            }
            Warning::FewStartsAgree { .. } => {
                "raise --starts and compare objectives before trusting the optimum"
            }
            Warning::OutliersMove { .. } => {
                "look at these runs; report the exponent with and without them"
            }
            Warning::LawLosesToNaive { .. } => {
                "do not extrapolate with this law; try another law, or drop the smallest runs"
            }
            Warning::ResidualStructure { .. } => {
                "the law misses something: try another law, or a narrower range"
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

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { noun.into() } else { format!("{noun}s") }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::RowsLeftOut { count, first, .. } => {
                write!(f, "{count} {} left out: {}", plural(*count, "row"), first.join("; "))?;
                if *count > first.len() { write!(f, "; ...") } else { Ok(()) }
            }
            Warning::NoResult { approach, why } => {
                write!(f, "approach {approach} gave no result: {why}")
            }
            Warning::FewClusters { clusters, rows, needed } => write!(
                f,
                "{rows} runs form only {clusters} {}: no intervals below {needed}",
                plural(*clusters, "cluster")
            ),
            Warning::RepeatedNames { names, rows } => write!(
                f,
                "{rows} rows share {names} run {}: rows of one name are taken as one cluster",
                plural(*names, "name")
            ),
            Warning::ClustersIgnored { method, clusters, rows } => write!(
                f,
                "{method} take all runs as independent, though {rows} runs form {clusters} clusters"
            ),
            Warning::Checkpoints { groups, rows } => write!(
                f,
                "{rows} runs fall into {groups} groups of one N that differ in D alone, as checkpoints of one training do, and are taken as independent"
            ),
            Warning::NoInterval { method, why } => write!(f, "{method}: {why}"),
            Warning::FlatMinimum { flops, factor } => {
                write!(f, "flat minimum at {flops:.2e} FLOPs: N* is known to a factor {factor:.1}")
            }
            Warning::CollinearDesign { correlation } => {
                write!(f, "N and D move together (correlation of logarithms {correlation:.4})")
            }
            Warning::FarExtrapolation { factor } => {
                write!(f, "{factor:.0} times beyond the largest compute of the runs")
            }
            Warning::BudgetsTooClose { factor } => {
                write!(f, "neighbouring budgets are only a factor {factor:.2} apart")
            }
            Warning::FewBudgets { budgets } => {
                write!(f, "only {budgets} {}", plural(*budgets, "budget"))
            }
            Warning::FewSizes { slices, sizes } => {
                let verb = if *slices == 1 { "has" } else { "have" };
                let slice = plural(*slices, "slice");
                write!(f, "{slices} {slice} {verb} few sizes (as few as {sizes})")
            }
            Warning::UnbracketedSlices { slices } => {
                write!(
                    f,
                    "{} {} without a bracketed minimum: {}",
                    slices.len(),
                    plural(slices.len(), "slice"),
                    slices.join("; ")
                )
            }
            Warning::MistunedCells { runs } => {
                let verb = if runs.len() == 1 { "run lies" } else { "runs lie" };
                write!(f, "{} {verb} well above their slice: {}", runs.len(), runs.join(", "))
            }
            Warning::MixedConventions { residual } => write!(
                f,
                "C does not follow from N and D by one rule ({})",
                spread_in_words(*residual)
            ),
            Warning::FewStartsAgree { agreeing } => {
                write!(f, "only {:.0}% of the starts found the optimum", 100.0 * agreeing)
            }
            Warning::OutliersMove { with, without, count } => write!(
                f,
                "{count} {} the exponent of N* from {without:.4} (without) to {with:.4} (with)",
                if *count == 1 { "outlier moves" } else { "outliers move" }
            ),
            Warning::LawLosesToNaive { budgets, law, naive } => write!(
                f,
                "with the top {}held out, the law's error of {:.2}% is no better than the {:.2}% of the best loss seen",
                if *budgets == 1 { "budget ".into() } else { format!("{budgets} budgets ") },
                100.0 * law,
                100.0 * naive
            ),
            Warning::ResidualStructure { variables } => {
                write!(f, "residuals depend on {}", variables.join(", "))
            }
            Warning::ObjectivesDisagree { lowest, highest } => write!(
                f,
                "the exponent of N* runs from {lowest:.3} to {highest:.3} between objectives"
            ),
            Warning::ApproachesDisagree { sentence } => f.write_str(sentence),
            Warning::ScatteredMinima { factor } => {
                write!(f, "minima scatter {factor:.1} times as much as the noise explains")
            }
            Warning::NarrowIntervals { method, coverage } => write!(
                f,
                "intervals of {method} are too narrow: in simulations those of 95% held the truth {:.0}% of the time",
                100.0 * coverage
            ),
            Warning::FailedDraws { failed, draws } => {
                write!(f, "{failed} of {draws} bootstrap refits failed and are in no interval")
            }
            Warning::InfluentialSlice { flops, without, with } => write!(
                f,
                "the slice at {flops:.2e} FLOPs alone moves the exponent of N* from {without:.3} to {with:.3}"
            ),
        }
    }
}
