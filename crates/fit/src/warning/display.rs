//! Warnings in words.

use super::Warning;
use crate::compute::spread_in_words;

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
