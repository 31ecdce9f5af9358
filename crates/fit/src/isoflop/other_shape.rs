//! How far the minima depend on the shape that the corrected method assumes.
//!
//! A slice of Hoffmann's law is `c + u N^-alpha + v D^-beta`. Here the same curve is put through `L^3` in place of L: for `c = 0` that is a
//! slice of the joint law ([`crate::law::Joint`]) with a gamma of 1/3, whose corner is much sharper. Both are fitted to the same runs; the
//! share of the other one, by their likelihoods, decides how much of the distance between their minima is uncertainty of the first.

use super::slices::Slice;
use super::{Found, FoundAll, IsoflopOptions, Method, Unbracketed, corrected};

/// Of the loss.
const POWER: i32 = 3;

/// By how much ln N*, ln D* and ln L* of a minimum are uncertain, one standard deviation, for the shape assumed: all minima
/// together move to one side or the other.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ShapeError {
    pub log_params: f64,
    pub log_tokens: f64,
    pub log_loss: f64,
}

/// One for each slice; none where the method assumes no such shape.
pub(crate) fn shape_errors(
    slices: &[&Slice],
    found: &FoundAll,
    voting: &[usize],
    options: &IsoflopOptions,
) -> Vec<ShapeError> {
    if options.method != Method::Corrected {
        return Vec::new();
    }
    let bent: Vec<Slice> = slices
        .iter()
        .map(|s| Slice { loss: s.loss.iter().map(|l| l.powi(POWER)).collect(), ..(*s).clone() })
        .collect();
    let mut refusals = vec![None; bent.len()];
    let mut other = FoundAll::none(bent.len());
    corrected::find(&bent, &mut refusals, Unbracketed::Extrapolate, &mut other);
    let power = f64::from(POWER);
    let (mut here, mut there, mut runs) = (0.0, 0.0, 0.0);
    for (k, slice) in slices.iter().enumerate() {
        let (curve, bent) = (&found.curves[voting[k]].at_runs, &other.curves[k].at_runs);
        // A slice without a minimum of the other shape says nothing of it.
        for ((loss, a), b) in slice.loss.iter().zip(curve).zip(bent).filter(|(_, b)| **b > 0.0) {
            here += (loss / a).ln().powi(2);
            there += (loss.ln() - b.ln() / power).powi(2);
            runs += 1.0;
        }
    }
    // Odds of the other shape, of equal odds before.
    let odds = (here / there).powf(0.5 * runs);
    let share = if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 };
    let error = |(k, &i): (usize, &usize)| -> Option<ShapeError> {
        let (a, b): (Found, Found) = (found.minima[i]?, other.minima[k]?);
        let scale = share.sqrt();
        Some(ShapeError {
            log_params: scale * (b.log_params - a.log_params),
            log_tokens: scale * (b.log_tokens - a.log_tokens),
            log_loss: scale * (b.loss.ln() / power - a.loss.ln()),
        })
    };
    let errors = voting.iter().enumerate().map(error);
    errors.map(|e| e.filter(|e| e.log_params.is_finite()).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use crate::isoflop::{IsoflopOptions, fit_isoflop};
    use crate::{Observation, Table};

    /// Six slices of `(400 / N^1.05 + 900 / D^0.9)^(1/3)`, sharp at the corner, with a ripple of losses.
    fn table(sharp: bool, ripple: f64) -> Table {
        let mut rows = Vec::new();
        for k in 0..6 {
            let flops = 1e18 * 2f64.powi(k);
            for i in 0..9 {
                let n = 1.6e8 * (flops / 1e18).powf(0.46) * 5f64.powf(f64::from(i) / 4.0 - 1.0);
                let d = flops / 6.0 / n;
                let loss = match sharp {
                    true => (2e9 / n.powf(1.05) + 3e9 / d.powf(0.9)).powf(1.0 / 3.0),
                    false => 1.8 + 482.0 / n.powf(0.35) + 2085.0 / d.powf(0.37),
                };
                let wave = (f64::from(7 * k + i) * 2.4).sin() * ripple;
                rows.push(Observation::new(format!("{k}-{i}"), n, d, flops, loss * wave.exp()));
            }
        }
        Table::new(rows).unwrap()
    }

    #[test]
    fn a_shape_that_the_runs_rule_out_adds_nothing_and_one_that_they_prefer_does() {
        let options = IsoflopOptions { draws: 400, ..Default::default() };
        let width = |sharp: bool, ripple: f64| {
            let fit = fit_isoflop(&table(sharp, ripple), &options).unwrap();
            let minimum = fit.slices[3].minimum.unwrap().params;
            let i = minimum.interval.unwrap();
            (i.hi / i.lo).ln() / ripple
        };
        // By the noise, so that a shape that is true is as sure at any of it.
        let (quiet, loud) = (width(false, 1e-5), width(false, 1e-4));
        assert!((quiet / loud).ln().abs() < 0.2, "{quiet} {loud}");
        // The other shape is true here, and the distance to it does not shrink with the noise.
        let (quiet, loud) = (width(true, 1e-5), width(true, 1e-4));
        assert!(quiet > 3.0 * loud, "{quiet} {loud}");
    }
}
