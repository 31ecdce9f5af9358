//! Doubts about a study, each with advice.

use serde::Serialize;

/// Something that the user should know before trusting the numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// Rows were left out.
    RowsLeftOut {
        /// How many.
        count: usize,
        /// The first few, with reasons.
        first: Vec<String>,
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
            Warning::RowsLeftOut { .. } => "correct the rows, or accept that they are not used",
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

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::RowsLeftOut { count, first } => {
                write!(f, "{count} rows left out: {}", first.join("; "))?;
                if *count > first.len() { write!(f, "; ...") } else { Ok(()) }
            }
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
            Warning::FewBudgets { budgets } => write!(f, "only {budgets} budgets"),
            Warning::FewSizes { slices, sizes } => {
                write!(f, "{slices} slices have few sizes (as few as {sizes})")
            }
            Warning::UnbracketedSlices { slices } => {
                write!(
                    f,
                    "{} slices without a bracketed minimum: {}",
                    slices.len(),
                    slices.join("; ")
                )
            }
            Warning::MistunedCells { runs } => {
                write!(f, "{} runs lie well above their slice: {}", runs.len(), runs.join(", "))
            }
            Warning::MixedConventions { residual } => write!(
                f,
                "C does not follow from N and D by one rule (off by {:.1}% rms)",
                100.0 * residual
            ),
            Warning::FewStartsAgree { agreeing } => {
                write!(f, "only {:.0}% of the starts found the optimum", 100.0 * agreeing)
            }
            Warning::OutliersMove { with, without, count } => write!(
                f,
                "{count} outliers move the exponent of N* from {without:.4} (without) to {with:.4} (with)"
            ),
            Warning::LawLosesToNaive { budgets, law, naive } => write!(
                f,
                "with the top {budgets} budgets held out, the law's error of {:.2}% is no better than the {:.2}% of the best loss seen",
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
