//! Forecasting the largest budgets from the rest, against the naive forecast.
//!
//! Random cross-validation does not notice a bad law; extrapolation does (Choshen et al. 2024, "A
//! Hitchhiker's Guide to Scaling Law Estimation"). The naive forecast of a larger run is the best loss seen so far.

use std::borrow::Borrow;

use serde::Serialize;

use crate::error::FitError;
use crate::isoflop::group_slices;
use crate::law::{Law, Sample};
use crate::observation::Observation;
use crate::outcome::Outcome;
use crate::parametric::{FitOptions, data, optimum};
use crate::solve::Model;
use crate::table::Table;
use crate::words::counted;

/// A forecast of held-out runs. Errors are relative, `|L - L_law| / L`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeldOut {
    /// Budgets held out; 0 where runs come in no slices, and those of largest C are.
    pub budgets: usize,
    pub train_runs: usize,
    pub test_runs: usize,
    /// Largest C held out over largest C fitted.
    pub scale_up: f64,
    pub outcome: Outcome,
    /// Mean relative error of the law (ARE).
    pub law_error: f64,
    /// Its worst relative error.
    pub law_worst: f64,
    /// Mean of `(L_law - L) / L`: positive where the law is too pessimistic.
    pub law_signed: f64,
    /// Mean relative error of the best loss seen.
    pub naive_error: f64,
    pub law_loses: bool,
}

impl HeldOut {
    /// What was held out, in words.
    pub fn what(&self) -> String {
        match self.budgets {
            0 => {
                let share = self.test_runs as f64 / (self.train_runs + self.test_runs) as f64;
                format!("{:.0}% of the runs, of largest C", 100.0 * share)
            }
            1 => "top budget".into(),
            k => format!("top {k} budgets"),
        }
    }
}

/// Fits `law` to `train` and forecasts `test`.
///
/// # Errors
/// [`FitError::TooFewRows`] when `train` is smaller than the law needs, [`FitError::Empty`] without test runs,
/// [`FitError::BadOption`] for options outside their range, and named refusals of data that cannot hold the law.
pub fn hold_out<R: Borrow<Observation>>(
    train: &Table,
    test: &[R],
    law: &dyn Law,
    options: &FitOptions,
) -> Result<HeldOut, FitError> {
    options.check()?;
    let parameters = law.parameters().len();
    if train.len() < parameters + 1 {
        return Err(too_few(law, train.len()));
    }
    if test.is_empty() {
        return Err(FitError::Empty);
    }
    data(train, law)?;
    let test: Vec<&Observation> = test.iter().map(Borrow::borrow).collect();
    let sample = Sample::new(train);
    let best = optimum(law, &sample, options.objective, options.starts);
    let held = Sample::about(sample.centre, &test);
    let forecast = Model::new(law, &held, false).predicted(&best.theta);
    let n = test.len() as f64;
    let off: Vec<f64> = forecast.iter().zip(&held.loss).map(|(f, l)| (f - l) / l).collect();
    let seen = sample.least_loss();
    let naive_error = held.loss.iter().map(|l| (seen - l).abs() / l).sum::<f64>() / n;
    let law_error = off.iter().map(|o| o.abs()).sum::<f64>() / n;
    let largest = test.iter().map(|r| r.flops).fold(0.0, f64::max);
    Ok(HeldOut {
        budgets: 0,
        train_runs: train.len(),
        test_runs: test.len(),
        scale_up: largest / train.largest_flops(),
        outcome: best.outcome,
        law_error,
        law_worst: off.iter().fold(0.0, |m, o| m.max(o.abs())),
        law_signed: off.iter().sum::<f64>() / n,
        naive_error,
        // Written so that an error that is not a number loses.
        law_loses: !(law_error < naive_error),
    })
}

fn too_few(law: &dyn Law, given: usize) -> FitError {
    let parameters = law.parameters().len();
    FitError::TooFewRows {
        what: format!("without the runs held out, the law `{}`", law.name()),
        parameters,
        needed: parameters + 1,
        given,
    }
}

/// Fewest budgets that a forecast of larger ones is fitted to.
const LEAST_BUDGETS: usize = 3;

/// Holds out the `budgets` largest slices; where runs do not come in slices, the tenth of the runs of
/// largest C per budget asked.
///
/// # Errors
/// As [`hold_out`]; [`FitError::NoResult`] where fewer than three budgets would remain, or where no more runs are held out
/// than for one budget less.
pub fn hold_out_top(
    table: &Table,
    budgets: usize,
    law: &dyn Law,
    options: &FitOptions,
) -> Result<HeldOut, FitError> {
    options.check()?;
    data(table, law)?;
    let (threshold, sliced) = threshold_of_top(table, budgets)?;
    let below = table.rows().iter().filter(|r| r.flops < threshold).count();
    let train = table.subset(|i| table.rows()[i].flops < threshold);
    let train = train.ok_or_else(|| too_few(law, below))?;
    let test: Vec<&Observation> = table.rows().iter().filter(|r| r.flops >= threshold).collect();
    let mut held = hold_out(&train, &test, law, options)?;
    held.budgets = if sliced { budgets } else { 0 };
    Ok(held)
}

/// The least C that is held out, and whether that is a budget.
fn threshold_of_top(table: &Table, budgets: usize) -> Result<(f64, bool), FitError> {
    let slices: Vec<_> = group_slices(table).into_iter().filter(|g| g.rows.len() >= 3).collect();
    let inside: usize = slices.iter().map(|g| g.rows.len()).sum();
    let mut flops: Vec<f64> = table.rows().iter().map(|r| r.flops).collect();
    flops.sort_unstable_by(f64::total_cmp);
    let sliced = inside * 10 >= table.len() * 8;
    if sliced && slices.len() < budgets + LEAST_BUDGETS {
        return Err(FitError::NoResult {
            what: format!("the forecast of the top {}", counted(budgets, "budget")),
            why: format!(
                "the runs have {}, and at least {LEAST_BUDGETS} must remain",
                counted(slices.len(), "budget")
            ),
            hint: "run more budgets".into(),
        });
    }
    if sliced {
        let first = &slices[slices.len() - budgets];
        let least = first.rows.iter().map(|&i| table.rows()[i].flops);
        return Ok((least.fold(f64::INFINITY, f64::min), true));
    }
    let from = |tenths: usize| {
        let keep = table.len() - (table.len() * tenths).div_ceil(10).min(table.len() - 1);
        flops[keep.min(table.len() - 1)]
    };
    if budgets > 1 && from(budgets) == from(budgets - 1) {
        return Err(FitError::NoResult {
            what: format!("the forecast of the {budgets} largest tenths of the runs"),
            why: "runs of equal C make them the same as one tenth less".into(),
            hint: "run more budgets".into(),
        });
    }
    Ok((from(budgets), false))
}
