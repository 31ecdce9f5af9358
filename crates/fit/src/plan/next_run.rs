//! Which run would narrow the exponent's interval most per FLOP.
//!
//! Linearised (D_s-optimal design; Atkinson & Donev 1992): with `M = J'J / s^2` the information of the runs
//! so far and `c` the slope of the exponent by the parameters, the variance of the exponent is `c' M^-1 c`, and a
//! run with slopes `g` takes `(c' M^-1 g)^2 / (s^2 + g' M^-1 g)` off it.

use serde::Serialize;

use crate::error::FitError;
use crate::law::{Law, Sample};
use crate::observation::Observation;
use crate::parametric::LawResult;
use crate::solve::{MAX_PARAMETERS, Model, cholesky_solve};
use crate::stats::{dot, range};
use crate::table::Table;

/// A run that could be trained next.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NextRun {
    pub params: f64,
    pub tokens: f64,
    pub flops: f64,
    /// Standard error of the exponent of N* without it: that of the fit's bootstrap where there is one, else linearised.
    pub before: f64,
    /// ... and with it, by the share of the linearised variance that it takes off.
    pub after: f64,
    /// Variance taken off, per FLOP, relative to the best candidate.
    pub worth: f64,
}

/// How far outside the sizes and lengths of the runs proposals may lie.
const BEYOND: f64 = 2.0;

fn three_digits(value: f64) -> f64 {
    let unit = 10f64.powf(value.log10().floor() - 2.0);
    (value / unit).round() * unit
}

/// Ranks runs on a grid of budgets (from a tenth of the largest to three times it) and sizes (a factor 8 either
/// side of N*), the most worth per FLOP first. Sizes and lengths more than [`BEYOND`] times outside those of the runs are not
/// proposed: that they can be trained, and follow the law, is not known. N has three digits, as D has.
///
/// # Errors
/// [`FitError::NoResult`] for laws without an N*(C), for those that fix its exponent (`tied`), and where the information
/// matrix is singular.
pub fn next_runs(
    table: &Table,
    law: &dyn Law,
    result: &LawResult,
    most: usize,
) -> Result<Vec<NextRun>, FitError> {
    let none = |why: &str| FitError::NoResult {
        what: "the value of the next run".into(),
        why: why.into(),
        hint: "fit a law of N and D that converges".into(),
    };
    let frontier = result.frontier_of(law.name())?;
    let theta = &result.theta;
    let n = theta.len();
    let centre = result.centre;
    let slopes = |params: f64, tokens: f64, flops: f64| {
        let mut g = [0.0; MAX_PARAMETERS];
        law.log_loss(theta, &centre.point(params, tokens, flops, None), &mut g[..n]);
        g
    };
    let information = Model::new(law, &Sample::new(table), true).gram(theta);
    // Robust scale of the residuals, as for normal ones.
    let variance = (1.4826 * result.residual_median).powi(2).max(1e-18);
    let exponent = |t: &[f64]| {
        law.sum_of_powers(t, &centre).map_or(f64::NAN, |p| p.exponents(&result.compute).0)
    };
    let mut by_theta = [0.0; MAX_PARAMETERS];
    let mut moved = theta.clone();
    for k in 0..n {
        let h = 1e-5;
        moved[k] = theta[k] + h;
        let up = exponent(&moved);
        moved[k] = theta[k] - h;
        by_theta[k] = (up - exponent(&moved)) / (2.0 * h);
        moved[k] = theta[k];
    }
    let solved = cholesky_solve(&information, &by_theta, n)
        .ok_or_else(|| none("the information matrix is singular"))?;
    let before = variance * dot(&by_theta, &solved);
    // Written so that a variance that is not a number is refused.
    if !(before > 1e-24) {
        return Err(FitError::NoResult {
            what: "the value of the next run".into(),
            why: format!("`{}` fixes the exponent, so no run can narrow it", law.name()),
            hint: "fit a law whose exponents are free, such as hoffmann".into(),
        });
    }
    // Linearised errors rank the runs; the bootstrap says how large they are.
    let drawn = result.exponents.and_then(|e| e.params.standard_error).filter(|s| *s > 0.0);
    let scale = drawn.map_or(1.0, |s| s / before.sqrt());
    let mut out = Vec::new();
    let largest = table.largest_flops();
    let within = |of: fn(&Observation) -> f64| {
        let (lo, hi) = range(table.rows().iter().map(of));
        lo / BEYOND..=hi * BEYOND
    };
    let (sizes, lengths) = (within(|r| r.params), within(|r| r.tokens));
    for b in -4..=2 {
        let flops = largest * 10f64.powf(f64::from(b) / 4.0);
        let best = frontier.at(flops)?.params.point;
        for s in -6..=6 {
            let params = three_digits(best * 8f64.powf(f64::from(s) / 6.0));
            let tokens = three_digits(result.compute.log_tokens(flops.ln(), params.ln()).exp());
            if !sizes.contains(&params) || !lengths.contains(&tokens) {
                continue;
            }
            let g = slopes(params, tokens, flops);
            let Some(shared) = cholesky_solve(&information, &g, n) else { continue };
            let gain = variance * dot(&by_theta, &shared).powi(2) / (1.0 + dot(&g, &shared));
            let after = scale * (before - gain).max(0.0).sqrt();
            out.push(NextRun {
                params,
                tokens,
                flops,
                before: scale * before.sqrt(),
                after,
                worth: gain / flops,
            });
        }
    }
    if out.is_empty() {
        return Err(none("no size near N* is within twice the range of the runs"));
    }
    out.sort_by(|a, b| b.worth.total_cmp(&a.worth));
    let top = out.first().map_or(1.0, |r| r.worth);
    for run in &mut out {
        run.worth /= top;
    }
    out.truncate(most);
    Ok(out)
}
