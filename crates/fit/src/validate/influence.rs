//! Which runs and which slices a fit is made of.

use std::collections::HashSet;

use serde::Serialize;

use crate::isoflop::group_slices;
use crate::law::{Law, Sample};
use crate::outcome::Outcome;
use crate::parametric::{FitOptions, LawResult, log_residuals, optimum};
use crate::stats::robust_deviation;
use crate::table::Table;

/// A run that lies far from the law.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outlier {
    pub run: String,
    /// ln L minus the law's.
    pub log_residual: f64,
    /// The same in robust standard deviations (1.4826 times the median absolute residual).
    pub deviations: f64,
}

/// Runs far from the law, and what they do to the exponent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outliers {
    /// Beyond [`Outliers::LIMIT`], the farthest first.
    pub runs: Vec<Outlier>,
    /// The law's exponent without them; `None` without outliers, or where the fit then fails.
    pub exponent_without: Option<f64>,
}

impl Outliers {
    /// Robust standard deviations beyond which a run is an outlier.
    pub const LIMIT: f64 = 5.0;
}

/// A fit without one slice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeftOutSlice {
    pub flops: f64,
    pub outcome: Outcome,
    /// The law's exponent; `None` unless the fit converged.
    pub exponent: Option<f64>,
}

/// Runs that lie far from the law.
pub fn outliers(
    table: &Table,
    law: &dyn Law,
    result: &LawResult,
    options: &FitOptions,
) -> Outliers {
    let sample = Sample::new(table);
    let residuals = log_residuals(law, &result.theta, &sample);
    // Rounding in the losses is no scale to measure outliers by.
    let scale = robust_deviation(&residuals).max(1e-9);
    let mut runs: Vec<Outlier> = table
        .rows()
        .iter()
        .zip(&residuals)
        .filter(|(_, r)| r.abs() > Outliers::LIMIT * scale)
        .map(|(row, r)| Outlier { run: row.run.clone(), log_residual: *r, deviations: r / scale })
        .collect();
    runs.sort_by(|a, b| b.deviations.abs().total_cmp(&a.deviations.abs()));
    let exponent_without = (!runs.is_empty())
        .then(|| {
            let rest = table.subset(|i| residuals[i].abs() <= Outliers::LIMIT * scale)?;
            exponent(&rest, law, options).1
        })
        .flatten();
    Outliers { runs, exponent_without }
}

/// The law's exponent (that of N*, or its own) without each slice in turn.
pub fn leave_one_slice_out(
    table: &Table,
    law: &dyn Law,
    options: &FitOptions,
) -> Vec<LeftOutSlice> {
    let slices: Vec<_> = group_slices(table).into_iter().filter(|g| g.rows.len() > 1).collect();
    if slices.len() < 3 || slices.len() > 60 {
        return Vec::new();
    }
    let without = |slice: &crate::isoflop::Group| {
        let of_it: HashSet<usize> = slice.rows.iter().copied().collect();
        let rest = table.subset(|i| !of_it.contains(&i))?;
        if rest.len() <= law.parameters().len() {
            return None;
        }
        let (outcome, exponent) = exponent(&rest, law, options);
        Some(LeftOutSlice { flops: slice.flops, outcome, exponent })
    };
    slices.iter().filter_map(without).collect()
}

/// Outcome of a fit without intervals and its exponent: that of N*, or the law's own.
pub(crate) fn exponent(
    table: &Table,
    law: &dyn Law,
    options: &FitOptions,
) -> (Outcome, Option<f64>) {
    let sample = Sample::new(table);
    let best = optimum(law, &sample, options.objective, options.starts);
    let compute = crate::compute::ComputeRule::of(table);
    if !best.outcome.is_result() {
        return (best.outcome, None);
    }
    let exponent = match law.own_exponent() {
        Some(own) => {
            let at = law.parameters().iter().position(|name| *name == own);
            at.map(|k| law.natural(&best.theta, &sample.centre)[k])
        }
        None => law
            .sum_of_powers(&best.theta, &sample.centre)
            .filter(|_| compute.checked().is_ok())
            .map(|p| p.exponents(&compute).0),
    };
    (best.outcome, exponent)
}
