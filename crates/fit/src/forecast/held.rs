//! Forecasts of the largest budgets by the rest.

use super::mixture::{Part, log_density, quantile};
use super::trend::{LEAST_MINIMA, Point, Trend};
use super::{DRIFT, TRIAL_DRAWS, TRIALS, Trial};
use crate::intervals::IntervalOptions;
use crate::law::Law;
use crate::parametric::{FitOptions, fit_law};
use crate::table::Table;
use crate::validate::hold_out_top;

#[derive(Debug, Default)]
pub(super) struct Held {
    pub trials: Vec<Trial>,
    pub minima_score: f64,
    pub law_score: f64,
    pub drift: f64,
}

/// The drift of a law without slices beside it, from the largest runs forecast by the rest.
pub(super) fn held_out_runs(table: &Table, law: &dyn Law, options: &FitOptions) -> Held {
    let (mut excess, mut count) = (DRIFT.0 * DRIFT.0 * DRIFT.1, DRIFT.1);
    for out in 1..=TRIALS {
        let Ok(top) = hold_out_top(table, out, law, options) else { continue };
        if !top.outcome.is_result() || !(top.scale_up > 1.0) {
            continue;
        }
        excess += (top.law_signed / top.scale_up.ln()).powi(2);
        count += 1.0;
    }
    Held { drift: excess / count, ..Held::default() }
}

/// Both forecast the largest budgets from the rest.
pub(super) fn held_out(
    table: &Table,
    law: &dyn Law,
    points: &[Point],
    options: &FitOptions,
) -> Held {
    let mut held = Held::default();
    let (mut excess, mut count) = (0.0, DRIFT.1);
    for out in 1..=TRIALS {
        let Some(keep) = points.len().checked_sub(out).filter(|k| *k >= LEAST_MINIMA) else {
            break;
        };
        // Between the last budget kept and the first held out.
        let edge = (0.5 * (points[keep - 1].log_flops + points[keep].log_flops)).exp();
        let Some(trend) = Trend::new(&points[..keep]) else { continue };
        let Some(train) = table.subset(|i| table.rows()[i].flops < edge) else { continue };
        let intervals = IntervalOptions { draws: TRIAL_DRAWS, level: 0.9, ..options.intervals };
        let Ok(fit) = fit_law(&train, law, &FitOptions { intervals, ..*options }) else { continue };
        let Some(frontier) = fit.result.and_then(|r| r.frontier) else { continue };
        for point in &points[keep..] {
            let flops = point.log_flops.exp();
            let Some(loss) = frontier.at(flops).ok().and_then(|a| a.loss_nats) else { continue };
            let error = loss.standard_error.unwrap_or(0.0) / loss.point;
            let parts = trend.at(point.log_flops);
            let sharp = Part { weight: 1.0, mean: loss.point.ln(), variance: error * error };
            held.minima_score += log_density(&parts, point.log_loss, point.variance);
            held.law_score += log_density(&[sharp], point.log_loss, point.variance);
            let beyond = point.log_flops - points[keep - 1].log_flops;
            let off = sharp.mean - point.log_loss;
            // Beyond what chance explains, with a margin: a mean over trials of squares less their variance alone is positive
            // half of the time where nothing is wrong.
            excess += (off * off - 2.0 * (sharp.variance + point.variance)) / (beyond * beyond);
            count += 1.0;
            held.trials.push(Trial {
                flops,
                scale_up: beyond.exp(),
                minimum_nats: point.log_loss.exp(),
                minima_off: (quantile(&parts, 0.5) - point.log_loss).exp_m1(),
                law_off: off.exp_m1(),
            });
        }
    }
    held.drift = (DRIFT.0 * DRIFT.0 * DRIFT.1 + f64::max(excess, 0.0)) / count;
    held
}
