//! The same quantity by other ways: approaches, objectives, conventions.

use serde::Serialize;

use super::{Answer, IsoflopRow, StudyOptions};
use crate::convention::Convention;
use crate::envelope::EnvelopeFit;
use crate::estimate::Estimate;
use crate::isoflop::{IsoflopOptions, fit_isoflop};
use crate::law::Law;
use crate::objective::Objective;
use crate::outcome::Outcome;
use crate::parametric::{FitOptions, LawFit, fit_law};
use crate::table::Table;
use crate::validate::exponent;

/// Exponents by one approach.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExponentRow {
    /// Approach and method.
    pub approach: String,
    /// a, of N*(C); `None` where refused.
    pub params: Option<Estimate>,
    /// b, of D*(C).
    pub tokens: Option<Estimate>,
    /// Why there is none.
    pub refusal: Option<String>,
}

/// The exponent under one objective.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectiveRow {
    /// The objective.
    pub objective: Objective,
    /// How the fit ended.
    pub outcome: Outcome,
    /// a; `None` unless it converged.
    pub exponent: Option<f64>,
}

/// The exponents under one convention.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConventionRow {
    /// How N and C are counted.
    pub convention: Convention,
    /// Runs that have the counts.
    pub rows: usize,
    /// a by approach 2.
    pub slices: Option<Estimate>,
    /// a by approach 3.
    pub law: Option<Estimate>,
    /// Why there is no figure, where there is none.
    pub refusal: Option<String>,
}

pub(super) fn exponents(
    first: &Answer<EnvelopeFit>,
    second: &[IsoflopRow],
    third: &Answer<LawFit>,
) -> Vec<ExponentRow> {
    let row = |approach: String, pair: Result<(Estimate, Estimate), String>| match pair {
        Ok((params, tokens)) => {
            ExponentRow { approach, params: Some(params), tokens: Some(tokens), refusal: None }
        }
        Err(why) => ExponentRow { approach, params: None, tokens: None, refusal: Some(why) },
    };
    let mut out = Vec::new();
    let pair = match first {
        Answer::Given(f) => Ok((f.params, f.tokens)),
        Answer::Refused(e) => Err(e.to_string()),
    };
    out.push(row("1 envelope".into(), pair));
    for r in second {
        let pair = match &r.answer {
            Answer::Given(f) => Ok((f.params.exponent, f.tokens.exponent)),
            Answer::Refused(e) => Err(e.to_string()),
        };
        out.push(row(format!("2 slices, {}", r.method.name()), pair));
    }
    let pair = match third {
        Answer::Given(f) => match &f.result {
            Some(r) => match r.exponents {
                Some(e) => Ok((e.params, e.tokens)),
                None => Err(format!("`{}` has no N*(C)", f.law)),
            },
            None => Err(f.outcome.to_string()),
        },
        Answer::Refused(e) => Err(e.to_string()),
    };
    out.push(row("3 law".into(), pair));
    out
}

/// The chosen approach-2 row, approach 1 and approach 3, pairwise.
pub(super) fn disagreements(rows: &[ExponentRow]) -> Vec<String> {
    // Of approach 2, only the method asked for (the first) speaks.
    let mut chosen: Vec<&ExponentRow> = Vec::new();
    for row in rows {
        let number = row.approach.as_bytes()[0];
        if !chosen.iter().any(|c| c.approach.as_bytes()[0] == number) {
            chosen.push(row);
        }
    }
    let mut out = Vec::new();
    for (i, a) in chosen.iter().enumerate() {
        for b in &chosen[i + 1..] {
            let (Some(x), Some(y)) = (a.params, b.params) else { continue };
            let (Some(p), Some(q)) = (x.interval, y.interval) else { continue };
            if !p.overlaps(&q) {
                out.push(format!(
                    "Approach {} gives N* ~ C^{:.3} [{:.3}, {:.3}] and approach {} gives C^{:.3} [{:.3}, {:.3}]: they disagree beyond their intervals.",
                    a.approach, x.point, p.lo, p.hi, b.approach, y.point, q.lo, q.hi
                ));
            }
        }
    }
    out
}

pub(super) fn objectives(table: &Table, law: &dyn Law, options: &FitOptions) -> Vec<ObjectiveRow> {
    if table.len() <= law.parameters().len() {
        return Vec::new();
    }
    let mut compared = vec![options.objective];
    compared.extend(Objective::COMPARED.into_iter().filter(|o| *o != options.objective));
    let one = |objective| {
        let (outcome, exponent) = exponent(table, law, &FitOptions { objective, ..*options });
        ObjectiveRow { objective, outcome, exponent }
    };
    compared.into_iter().map(one).collect()
}

/// Under every convention that some run has counts for.
pub(super) fn conventions(given: &Table, options: &StudyOptions) -> Vec<ConventionRow> {
    // Enough draws for an interval in a table of comparison.
    let draws = |n: usize| n.min(300);
    let one = |convention: Convention| {
        let table = given.under(convention).ok()?;
        let isoflop = IsoflopOptions { draws: draws(options.isoflop.draws), ..options.isoflop };
        let mut fit = options.fit;
        fit.intervals.draws = draws(fit.intervals.draws);
        let second = fit_isoflop(&table, &isoflop);
        let law = options.law.law();
        let third = options
            .law
            .prepare(&table)
            .and_then(|t| fit_law(&t, law.as_ref(), &fit))
            .and_then(|f| f.result().cloned());
        let refusal = match (&second, &third) {
            (Err(a), Err(b)) => Some(format!("approach 2: {a}; approach 3: {b}")),
            _ => None,
        };
        Some(ConventionRow {
            convention,
            rows: table.len(),
            slices: second.ok().map(|f| f.params.exponent),
            law: third.ok().and_then(|r| r.exponents).map(|e| e.params),
            refusal,
        })
    };
    Convention::ALL.into_iter().filter_map(one).collect()
}
