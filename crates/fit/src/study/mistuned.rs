//! Runs that lie well above what the others of their size and budget reach.

use std::collections::HashSet;

use super::Study;
use crate::isoflop::{IsoflopFit, Method, Spoiled};
use crate::stats::robust_deviation;
use crate::table::Table;
use crate::warning::Warning;

/// Least share of the loss that a run must lie above.
const LEAST: f64 = 0.01;
/// Least robust standard deviations.
const DEVIATIONS: f64 = 5.0;

/// Fewest runs of a slice whose curve says anything of one of them.
const LEAST_ON_CURVE: usize = 6;

/// Names runs that were left out of approach 2, of approach 3, or of both.
pub(super) fn spoiled(study: &Study) -> Vec<Warning> {
    let of_slices = study.isoflop().map_or(&[][..], |f| &f.spoiled);
    spoiled_warnings(of_slices, &study.spoiled)
}

/// Warnings of runs that were left out of approach 2, of approach 3, or of both.
pub fn spoiled_warnings(of_slices: &[Spoiled], of_law: &[Spoiled]) -> Vec<Warning> {
    let rows = |all: &[Spoiled]| all.iter().map(|s| s.row).collect::<HashSet<usize>>();
    let (in_slices, in_law) = (rows(of_slices), rows(of_law));
    let (both, slices): (Vec<&Spoiled>, Vec<&Spoiled>) =
        of_slices.iter().partition(|s| in_law.contains(&s.row));
    let law = of_law.iter().filter(|s| !in_slices.contains(&s.row)).collect();
    let groups =
        [("approaches 2 and 3", both), ("approach 2", slices), ("approach 3", law)].into_iter();
    let warning = |(of, spoiled): (&str, Vec<&Spoiled>)| Warning::SpoiledRuns {
        of: of.into(),
        runs: spoiled.iter().map(|s| s.to_string()).collect(),
    };
    groups.filter(|(_, spoiled)| !spoiled.is_empty()).map(warning).collect()
}

/// Names runs above the curve of their slice, and runs without such a curve above the law. `table` is the whole one, `of_law` what
/// the law was fitted to.
pub(super) fn mistuned(table: &Table, of_law: &Table, study: &Study, out: &mut Vec<Warning>) {
    // Akima's curve passes through every run.
    let slices = study.isoflop().filter(|f| f.method != Method::Akima);
    let about_slices = slices.map_or_else(Vec::new, residuals_of);
    // By place: the two tables have not the same rows.
    let spoiled = study.isoflop().map_or(&[][..], |f| &f.spoiled);
    let on_curve: HashSet<usize> = spoiled
        .iter()
        .map(|s| s.row)
        .chain(about_slices.iter().map(|(row, _)| *row))
        .map(|row| table.place(row))
        .collect();
    let law = study.residuals.as_ref().map_or(&[][..], |r| &r.log_residuals);
    let about_law: Vec<(usize, f64)> = law.iter().copied().enumerate().collect();
    let mut add =
        |residuals: &[(usize, f64)], about: &str, of: &dyn Fn(usize) -> bool, names: &Table| {
            let values: Vec<f64> = residuals.iter().map(|r| r.1).collect();
            if values.is_empty() {
                return;
            }
            let limit = LEAST.max(DEVIATIONS * robust_deviation(&values));
            let mut rows: Vec<usize> =
                residuals.iter().filter(|(i, r)| *r > limit && of(*i)).map(|r| r.0).collect();
            rows.sort_unstable();
            if !rows.is_empty() {
                let runs = rows.into_iter().map(|i| names.rows()[i].run.clone()).collect();
                out.push(Warning::MistunedCells { about: about.into(), runs });
            }
        };
    add(&about_slices, "the curve of their slice", &|_| true, table);
    let apart = |row: usize| !on_curve.contains(&of_law.place(row));
    add(&about_law, "the law", &apart, of_law);
}

/// Residuals of ln L about the curves of the slices, scaled up for the parameters that each curve spent.
fn residuals_of(fit: &IsoflopFit) -> Vec<(usize, f64)> {
    let mut out = Vec::new();
    for slice in fit.slices.iter().filter(|s| s.minimum.is_some()) {
        let runs = slice.log_residuals.len();
        // A curve of three parameters follows whatever so few runs say.
        if runs < LEAST_ON_CURVE {
            continue;
        }
        let scale = (runs as f64 / (runs as f64 - 3.0)).sqrt();
        out.extend(slice.log_residuals.iter().map(|(row, r)| (*row, scale * r)));
    }
    out
}
