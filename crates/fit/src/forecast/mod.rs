//! The loss that a budget will buy, from the law and from the trend of the slice minima together.
//!
//! Neither is always right: where the law holds, it uses every run and is sharp; where it does not, it is off most at the
//! largest budgets, which the trend of the minima follows (`trend.rs`). Each forecasts the largest one and two budgets from
//! the rest, and counts by the likelihood that it gave to what these turned out to hold (prequential weights, Dawid 1984;
//! Yao et al. 2018 discuss them as a way of averaging models). The forecast is the mixture, so that its interval contains the
//! choice between the two.
//!
//! The law of a forecast is fitted by Huber's loss with a fitted scale ([`OBJECTIVE`]): where a fixed, small threshold takes medians, it
//! uses normal scatter as well as squares do, and intervals are a tenth narrower.
//!
//! The law's own interval knows how runs scatter about it and not that it may be wrong. It is widened by
//! the excess of its errors on held-out budgets, growing with the logarithm of the distance; a small share of that is assumed
//! where little or nothing could be held out.

mod held;
mod mixture;
mod trend;

use serde::Serialize;

use crate::compute::check_flops;
use crate::error::FitError;
use crate::estimate::{Estimate, Interval};
use crate::isoflop::IsoflopFit;
use crate::law::Law;
use crate::objective::Objective;
use crate::parametric::{Allocation, FitOptions, LawFit, LawFrontier, fit_law};
use crate::table::Table;
use crate::warning::Warning;
use held::{Held, held_out, held_out_runs};
use mixture::{Part, quantile};
use trend::{LEAST_MINIMA, Point, Trend};

/// A forecast of the loss of the best split of one budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    pub flops: f64,
    /// C over the largest C among the runs.
    pub extrapolation: f64,
    /// Expected loss, nats: median and interval of the mixture.
    pub loss_nats: Estimate,
    /// The same for one new run: the scatter between runs included.
    pub new_run_nats: Estimate,
    /// By the trend of the slice minima alone.
    pub by_minima: Option<Estimate>,
    /// By the law alone, widened by its held-out errors.
    pub by_law: Option<Estimate>,
}

/// How the two did on a budget that neither had seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Trial {
    pub flops: f64,
    /// C over the largest C that was left to fit.
    pub scale_up: f64,
    /// Loss of the slice's minimum.
    pub minimum_nats: f64,
    /// Forecast over truth, minus 1.
    pub minima_off: f64,
    pub law_off: f64,
}

/// What a budget buys.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Split {
    pub best: Allocation,
    /// N* and D* of the slices, the loss of their trend.
    pub by_slices: Option<Allocation>,
    pub by_law: Option<Allocation>,
}

/// What forecasts are made from.
#[derive(Debug, Clone, Serialize)]
pub struct Forecaster {
    #[serde(skip)]
    trend: Option<Trend>,
    #[serde(skip)]
    slices: Option<IsoflopFit>,
    /// As approach 3 fitted it.
    #[serde(skip)]
    law: Option<LawFrontier>,
    /// As fitted for forecasts of a loss.
    #[serde(skip)]
    loss_law: Option<LawFrontier>,
    /// Share of the law in the mixture.
    law_weight: f64,
    /// Variance of ln L of the law per squared e-fold of C beyond the runs.
    drift: f64,
    /// Variance of ln L between runs.
    noise: f64,
    trials: Vec<Trial>,
    largest_flops: f64,
    #[serde(skip)]
    level: f64,
    #[serde(skip)]
    intervals: bool,
}

/// What the law of a forecast minimises.
const OBJECTIVE: Objective = Objective::Likelihood { delta: 1.345 };
/// Refits of the law to what is left of the runs, for its standard error.
const TRIAL_DRAWS: usize = 200;
/// Held-out budgets.
const TRIALS: usize = 2;
/// Assumed drift of a law per e-fold of C, and how many trials that counts as.
const DRIFT: (f64, f64) = (0.0015, 1.0);
/// What a law without a floor may drift besides: the loss comes nearer to one, and nothing that was seen says when.
const DRIFT_TO_A_FLOOR: f64 = 0.012;
/// Odds of the law before any trial: it has been fitted to runs far and wide, and uses all of them.
const LAW_ODDS: f64 = 20.0;
/// How far the law may be off the minimum of the largest budget, as a fraction.
const LAW_OFF: f64 = 0.01;

impl Forecaster {
    /// `fit` is the law fitted to `table`, `slices` approach 2 of it.
    ///
    /// # Errors
    /// [`FitError::NoResult`] where there is neither a law of N and D nor three slice minima.
    pub fn new(
        table: &Table,
        law: &dyn Law,
        fit: Option<&LawFit>,
        slices: Option<&IsoflopFit>,
        options: &FitOptions,
    ) -> Result<Forecaster, FitError> {
        let result = fit.and_then(|f| f.result.as_ref());
        let frontier = result.and_then(|r| r.frontier.clone());
        let given = options.objective;
        let options = &FitOptions { objective: OBJECTIVE, ..*options };
        let again = frontier.as_ref().filter(|_| given != OBJECTIVE);
        let refitted = again.and_then(|_| fit_law(table, law, options).ok()?.result?.frontier);
        let loss_law = refitted.or_else(|| frontier.clone());
        let points = slices.map(minima).unwrap_or_default();
        let trend = Trend::new(&points);
        if trend.is_none() && frontier.is_none() {
            return Err(nothing(points.len()));
        }
        let held = match (&trend, &frontier) {
            (Some(_), Some(_)) => held_out(table, law, &points, options),
            (None, Some(_)) => held_out_runs(table, law, options),
            _ => Held::default(),
        };
        let law_weight = match (&trend, &frontier) {
            (Some(_), Some(_)) => {
                1.0 / (1.0 + (held.minima_score - held.law_score).exp() / LAW_ODDS)
            }
            (None, _) => 1.0,
            (Some(_), None) => 0.0,
        };
        let falls = frontier.as_ref().is_some_and(|f| f.point().log_floor == f64::NEG_INFINITY);
        let drift = held.drift + if falls { DRIFT_TO_A_FLOOR.powi(2) } else { 0.0 };
        let noise = match (slices, result) {
            (Some(s), _) => s.noise_sd,
            (None, Some(r)) => r.residual_rms,
            (None, None) => 0.0,
        };
        Ok(Forecaster {
            trend,
            slices: slices.cloned(),
            law: frontier,
            loss_law,
            law_weight,
            drift,
            noise: noise * noise,
            trials: held.trials,
            largest_flops: table.largest_flops(),
            level: options.intervals.level,
            intervals: options.intervals.draws > 0,
        })
    }

    /// Share of the law in the mixture; the rest is the trend's.
    pub fn law_weight(&self) -> f64 {
        self.law_weight
    }

    /// Forecasts of budgets that were held out.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// What a budget buys: by the approach that a headline trusts (N* and D* of the slice minima where there are, else of the
    /// law; the loss of both together), and by each alone.
    ///
    /// # Errors
    /// [`FitError::BadOption`] unless `flops` is positive and finite; [`FitError::NoResult`] where the split is beyond
    /// double precision.
    pub fn split(&self, flops: f64) -> Result<Split, FitError> {
        let forecast = self.at(flops)?;
        let by_law = self.law.as_ref().map(|law| law.at(flops)).transpose()?;
        let slices = self.slices.as_ref().map(|slices| slices.at(flops)).transpose()?;
        let by_slices = slices.map(|s| Allocation { loss_nats: forecast.by_minima, ..s });
        let Some(best) = by_slices.or(by_law) else {
            return Err(nothing(0));
        };
        let (loss_nats, new_run_nats) = (Some(forecast.loss_nats), Some(forecast.new_run_nats));
        let best = Allocation { loss_nats, new_run_nats, ..best };
        Ok(Split { best, by_slices, by_law })
    }

    /// [`Warning::LawOffTopMinimum`], where the law is off the minimum of the largest budget's slice by more than [`LAW_OFF`].
    pub fn law_off_top_minimum(&self) -> Option<Warning> {
        let (law, slices) = (self.law.as_ref()?, self.slices.as_ref()?);
        let top = *minima(slices).last()?;
        let flops = top.log_flops.exp();
        let loss = law.at(flops).ok()?.loss_nats?;
        let off = loss.point / top.log_loss.exp() - 1.0;
        (off.abs() > LAW_OFF).then_some(Warning::LawOffTopMinimum { flops, off })
    }

    /// Whether budgets could be held out, and both forecasts together were within 2% of all of them.
    pub fn passed(&self) -> bool {
        let off = |t: &Trial| self.law_weight * t.law_off + (1.0 - self.law_weight) * t.minima_off;
        !self.trials.is_empty() && self.trials.iter().all(|t| off(t).abs() < 0.02)
    }

    /// The best loss of `flops`.
    ///
    /// # Errors
    /// [`FitError::BadOption`] unless `flops` is positive and finite.
    pub fn at(&self, flops: f64) -> Result<Forecast, FitError> {
        let log_flops = check_flops(flops)?.ln();
        let law = self
            .loss_law
            .as_ref()
            .map(|f| self.law_part(f.at(flops).ok()?.loss_nats?, flops))
            .unwrap_or_default();
        let minima = self.trend.as_ref().map(|t| t.at(log_flops));
        Ok(self.forecast(flops, law, minima))
    }

    /// The least budget whose best loss is expected to reach `loss_nats`, within a factor 1e6 of the runs.
    pub fn budget_for(&self, loss_nats: f64) -> Option<Estimate> {
        let top = self.largest_flops.ln();
        let reach = 1e6f64.ln();
        // Where a curve of the forecast falls to the loss.
        let cross = |curve: &dyn Fn(&Estimate) -> Option<f64>| -> Option<f64> {
            let value = |x: f64| curve(&self.at(x.exp()).ok()?.loss_nats);
            let (mut lo, mut hi) = (top - reach, top + reach);
            if value(lo)? < loss_nats || value(hi)? > loss_nats {
                return None;
            }
            for _ in 0..60 {
                let middle = 0.5 * (lo + hi);
                if value(middle)? > loss_nats { lo = middle } else { hi = middle }
            }
            Some((0.5 * (lo + hi)).exp())
        };
        let point = cross(&|e| Some(e.point))?;
        let (lo, hi) = (cross(&|e| Some(e.interval?.lo)), cross(&|e| Some(e.interval?.hi)));
        let interval = lo.zip(hi).map(|(lo, hi)| Interval { lo, hi, level: self.level });
        Some(Estimate { point, standard_error: None, interval })
    }

    /// The loss of any N and D: the forecast of its C, and what the law says that the split is off the best. `None` without
    /// a law.
    pub fn at_split(&self, params: f64, tokens: f64) -> Option<Forecast> {
        let law = self.loss_law.as_ref()?;
        let flops = law.compute().log_flops(params.ln(), tokens.ln()).exp();
        let here = law.loss_at(params, tokens).0;
        let cost = law.cost_of(params, tokens);
        let error = cost.standard_error.unwrap_or(0.0);
        let minima = self.trend.as_ref().map(|t| {
            let off = |p: Part| Part {
                mean: p.mean + cost.point,
                variance: p.variance + error * error,
                ..p
            };
            t.at(flops.ln()).into_iter().map(off).collect()
        });
        Some(self.forecast(flops, self.law_part(here, flops), minima))
    }

    /// The law's loss as a part of a mixture of ln L.
    fn law_part(&self, loss: Estimate, flops: f64) -> Option<Part> {
        let error = loss.standard_error.unwrap_or(0.0) / loss.point;
        let beyond = (flops / self.largest_flops).ln().max(0.0);
        let variance = error * error + self.drift * beyond * beyond;
        loss.point.is_finite().then_some(Part { weight: 1.0, mean: loss.point.ln(), variance })
    }

    fn forecast(&self, flops: f64, law: Option<Part>, minima: Option<Vec<Part>>) -> Forecast {
        let estimate = |parts: &[Part], noise: f64| -> Estimate {
            let wide: Vec<Part> =
                parts.iter().map(|p| Part { variance: p.variance + noise, ..*p }).collect();
            self.estimate(&wide)
        };
        let both: Vec<Part> = match (law, &minima) {
            (Some(law), Some(minima)) => {
                let total: f64 = minima.iter().map(|p| p.weight).sum();
                let share = (1.0 - self.law_weight) / total;
                let rest = minima.iter().map(|p| Part { weight: p.weight * share, ..*p });
                std::iter::once(Part { weight: self.law_weight, ..law }).chain(rest).collect()
            }
            (law, minima) => law.into_iter().chain(minima.iter().flatten().copied()).collect(),
        };
        Forecast {
            flops,
            extrapolation: flops / self.largest_flops,
            loss_nats: estimate(&both, 0.0),
            new_run_nats: estimate(&both, self.noise),
            by_minima: minima.map(|m| estimate(&m, 0.0)),
            by_law: law.map(|l| estimate(&[l], 0.0)),
        }
    }

    fn estimate(&self, parts: &[Part]) -> Estimate {
        let point = quantile(parts, 0.5).exp();
        if !self.intervals {
            return Estimate::bare(point);
        }
        let tail = 0.5 * (1.0 - self.level);
        let [lo, hi] = [tail, 1.0 - tail].map(|p| quantile(parts, p).exp());
        let spread = quantile(parts, 0.841_345) - quantile(parts, 0.158_655);
        let interval = Some(Interval { lo, hi, level: self.level });
        Estimate { point, standard_error: Some(0.5 * spread * point), interval }
    }
}

fn nothing(minima: usize) -> FitError {
    FitError::NoResult {
        what: "the forecast of a loss".into(),
        why: format!("there is no law of N and D, and {minima} slice minima of {LEAST_MINIMA}"),
        hint: "run more budgets, or look at why the law has no result".into(),
    }
}

/// Minima of the slices, ascending in C.
fn minima(slices: &IsoflopFit) -> Vec<Point> {
    let point = |s: &crate::isoflop::SliceFit| {
        let loss = s.minimum?.loss_nats;
        // Without an interval: the noise of a handful of runs.
        let error = loss.standard_error.unwrap_or(0.5 * slices.noise_sd * loss.point);
        let variance = (error / loss.point).powi(2);
        Some(Point { log_flops: s.flops.ln(), log_loss: loss.point.ln(), variance })
    };
    slices.slices.iter().filter_map(point).collect()
}
