//! What is asked of every fitted law: does it forecast, what is left over, which runs is it made of.

use serde::Serialize;

use super::Answer;
use super::compare::{ObjectiveRow, objectives};
use crate::error::FitError;
use crate::law::Law;
use crate::parametric::{FitOptions, LawFit};
use crate::table::Table;
use crate::validate::{
    HeldOut, LeftOutSlice, Outliers, Residuals, hold_out_top, leave_one_slice_out, outliers,
    residual_structure,
};

#[derive(Debug, Clone, Serialize)]
pub struct LawChecks {
    /// The exponent of a law that gives no N*(C), by name.
    pub own_exponent: Option<&'static str>,
    pub objectives: Vec<ObjectiveRow>,
    /// Forecasts of the top 1 and 2 budgets; refused where the law fitted to the rest is no result.
    pub held_out: Vec<Answer<HeldOut>>,
    /// Residuals of the law; `None` unless it converged.
    pub residuals: Option<Residuals>,
    /// Outliers of the law; `None` unless it converged.
    pub outliers: Option<Outliers>,
    pub without_slice: Vec<LeftOutSlice>,
}

/// Checks a law that was fitted to a table; `tell` hears what is being done.
pub fn check_law(
    table: &Table,
    law: &dyn Law,
    fit: Option<&LawFit>,
    options: &FitOptions,
    tell: &mut dyn FnMut(&str),
) -> LawChecks {
    let fitted = fit.and_then(|f| f.result.as_ref());
    tell("residuals and outliers");
    let residuals = fitted.map(|r| residual_structure(table, law, r));
    let outliers = fitted.map(|r| outliers(table, law, r, options));
    tell("the law without each slice");
    let without_slice =
        if fitted.is_some() { leave_one_slice_out(table, law, options) } else { Vec::new() };
    tell("forecasts of held-out budgets");
    let held_out = [1, 2].map(|k| forecast(table, k, law, options).into()).to_vec();
    tell("other objectives");
    let objectives = objectives(table, law, options);
    let own_exponent = law.own_exponent();
    LawChecks { own_exponent, objectives, held_out, residuals, outliers, without_slice }
}

/// The forecast of the top budgets, where the law fitted to the rest is a result.
fn forecast(
    table: &Table,
    budgets: usize,
    law: &dyn Law,
    options: &FitOptions,
) -> Result<HeldOut, FitError> {
    let held = hold_out_top(table, budgets, law, options)?;
    if held.outcome.is_result() {
        return Ok(held);
    }
    Err(FitError::NoResult {
        what: format!("the law without the {}", held.what()),
        why: held.outcome.to_string(),
        hint: held.outcome.hint().unwrap_or_default(),
    })
}
