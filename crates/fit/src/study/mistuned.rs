//! Runs that lie well above what the others of their size and budget reach.

use super::Study;
use crate::isoflop::{IsoflopFit, Method};
use crate::stats::robust_deviation;
use crate::table::Table;
use crate::warning::Warning;

/// Least share of the loss that a run must lie above.
const LEAST: f64 = 0.01;
/// Least robust standard deviations.
const DEVIATIONS: f64 = 5.0;

/// Fewest runs of a slice whose curve says anything of one of them.
const LEAST_ON_CURVE: usize = 6;

/// Names runs that no slice was fitted to, runs above the curve of their slice, and runs without such a curve above the law.
pub(super) fn mistuned(table: &Table, study: &Study, out: &mut Vec<Warning>) {
    // Akima's curve passes through every run.
    let slices = study.isoflop().filter(|f| f.method != Method::Akima);
    let about_slices = slices.map_or_else(Vec::new, residuals_of);
    let mut on_curve = vec![false; table.len()];
    let spoiled = study.isoflop().map_or(&[][..], |f| &f.spoiled);
    if !spoiled.is_empty() {
        out.push(Warning::SpoiledRuns { runs: spoiled.iter().map(|s| s.to_string()).collect() });
    }
    spoiled.iter().for_each(|s| on_curve[s.row] = true);
    about_slices.iter().for_each(|(row, _)| on_curve[*row] = true);
    let law = study.residuals.as_ref().map_or(&[][..], |r| &r.log_residuals);
    let about_law: Vec<(usize, f64)> = law.iter().copied().enumerate().collect();
    let mut add = |residuals: &[(usize, f64)], about: &str, of: &dyn Fn(usize) -> bool| {
        let values: Vec<f64> = residuals.iter().map(|r| r.1).collect();
        if values.is_empty() {
            return;
        }
        let limit = LEAST.max(DEVIATIONS * robust_deviation(&values));
        let mut rows: Vec<usize> =
            residuals.iter().filter(|(i, r)| *r > limit && of(*i)).map(|r| r.0).collect();
        rows.sort_unstable();
        if !rows.is_empty() {
            let runs = rows.into_iter().map(|i| table.rows()[i].run.clone()).collect();
            out.push(Warning::MistunedCells { about: about.into(), runs });
        }
    };
    add(&about_slices, "the curve of their slice", &|_| true);
    add(&about_law, "the law", &|row| !on_curve[row]);
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
