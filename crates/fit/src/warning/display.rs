//! Warnings in words.

use super::Warning;
use crate::compute::spread_in_words;
use crate::words::{counted, listed, listed_by, plural};

/// A factor, with an exponent where it is long.
pub(super) fn times(factor: f64) -> String {
    if factor < 1e6 { format!("{factor:.0}") } else { format!("{factor:.2e}") }
}

/// Of forecasts beyond the runs, where nothing bears them out.
pub(super) fn doubt(held_out: bool) -> &'static str {
    match held_out {
        true => "",
        false => {
            ", and forecasts of held-out budgets were off by more than 2%, or none could be held out"
        }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::RowsLeftOut { count, asked, reasons } => {
                let purpose = match asked {
                    0 => String::new(),
                    all if all == count => " on purpose".into(),
                    some => format!(", {some} of them on purpose"),
                };
                write!(
                    f,
                    "{} left out{purpose}: {}",
                    counted(*count, "row"),
                    listed_by(reasons, "; ")
                )
            }
            Warning::NoResult { approach, why } => {
                write!(f, "approach {approach} gave no result: {why}")
            }
            Warning::FewClusters { clusters, rows, needed } => write!(
                f,
                "{rows} runs form only {}: no intervals below {needed}",
                counted(*clusters, "cluster")
            ),
            Warning::RepeatedNames { names, rows } => write!(
                f,
                "{rows} rows share {names} run {}: rows of one name are taken as one cluster",
                plural(*names, "name")
            ),
            Warning::ClustersIgnored { method, clusters, rows } => write!(
                f,
                "{method} take all runs as independent, though {rows} runs form {}",
                counted(*clusters, "cluster")
            ),
            Warning::Checkpoints { groups, rows } => write!(
                f,
                "{rows} runs fall into {} of one N that differ in D alone, as checkpoints of one training do, and are taken as independent",
                counted(*groups, "group")
            ),
            Warning::NoInterval { method, why } => write!(f, "{method}: {why}"),
            Warning::FlatMinimum { flops, factor } => {
                write!(f, "flat minimum at {flops:.2e} FLOPs: N* is known to a factor {factor:.1}")
            }
            Warning::CollinearDesign { correlation } => {
                write!(f, "N and D move together (correlation of logarithms {correlation:.4})")
            }
            Warning::FarExtrapolation { flops, factor, held_out } => write!(
                f,
                "{flops:.2e} FLOPs is {} times the largest compute of the runs{}",
                times(*factor),
                doubt(*held_out)
            ),
            Warning::LawOffTopMinimum { flops, off } => write!(
                f,
                "at the largest budget, {flops:.2e} FLOPs, the law lies {:.1}% {} the slice's minimum",
                100.0 * off.abs(),
                if *off > 0.0 { "above" } else { "below" }
            ),
            Warning::BudgetsTooClose { factor } => {
                write!(f, "neighbouring budgets are only a factor {factor:.2} apart")
            }
            Warning::FewBudgets { budgets } => {
                write!(f, "only {}", counted(*budgets, "budget"))
            }
            Warning::FewSizes { slices, sizes } => {
                let verb = if *slices == 1 { "has" } else { "have" };
                write!(f, "{} {verb} few sizes (as few as {sizes})", counted(*slices, "slice"))
            }
            Warning::UnbracketedSlices { slices } => {
                write!(
                    f,
                    "{} without a bracketed minimum: {}",
                    counted(slices.len(), "slice"),
                    listed_by(slices, "; ")
                )
            }
            Warning::MistunedCells { about, runs } => {
                let verb = if runs.len() == 1 { "run lies" } else { "runs lie" };
                write!(f, "{} {verb} well above {about}: {}", runs.len(), listed(runs))
            }
            Warning::SpoiledRuns { of, runs } => {
                let verb = if runs.len() == 1 { "run is" } else { "runs are" };
                write!(
                    f,
                    "{} {verb} left out of {of}, far off what the others say: {}",
                    runs.len(),
                    listed(runs)
                )
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
                "{count} {} the law's exponent from {without:.4} (without) to {with:.4} (with)",
                if *count == 1 { "outlier moves" } else { "outliers move" }
            ),
            Warning::LawLosesToNaive { held_out, law, naive } => write!(
                f,
                "with the {held_out} held out, the law's error of {:.2}% is no better than the {:.2}% of the best loss seen",
                100.0 * law,
                100.0 * naive
            ),
            Warning::NoForecast { why } => write!(f, "no forecast of the largest budgets: {why}"),
            Warning::ResidualStructure { variables } => {
                write!(f, "residuals depend on {}", variables.join(", "))
            }
            Warning::ShapesDeviate { about, p, shape, runs, mean } => write!(
                f,
                "runs of one shape deviate together from {about} (F test by shape, p = {p:.1e}): the {runs} runs of {shape} lie {:.2}% {} on average",
                100.0 * mean.exp_m1().abs(),
                if *mean > 0.0 { "above" } else { "below" }
            ),
            Warning::MachinesDiffer { machine, against, cells, shift } => {
                let percent = |shift: f64| format!("{:+.3}%", 100.0 * shift.exp_m1());
                write!(
                    f,
                    "losses of {machine} are {} off those of {against}",
                    percent(shift.point)
                )?;
                if let Some(i) = shift.interval {
                    write!(f, " ({} to {})", percent(i.lo), percent(i.hi))?;
                }
                write!(f, ", from {}", counted(*cells, "shared cell"))
            }
            Warning::MachinesApart { groups } => write!(
                f,
                "no cell was trained by machines on both sides of {}: whether their losses agree cannot be told",
                listed_by(groups, " | ")
            ),
            Warning::ObjectivesDisagree { lowest, highest } => write!(
                f,
                "the law's exponent runs from {lowest:.3} to {highest:.3} between objectives"
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
                "the slice at {flops:.2e} FLOPs alone moves the law's exponent from {without:.3} to {with:.3}"
            ),
        }
    }
}
