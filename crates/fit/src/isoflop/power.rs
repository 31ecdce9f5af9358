//! `N* = k C^a` and `D* = k C^b` through the minima, by least squares in logarithms.

use serde::Serialize;

use super::noise::Boot;
use super::{Found, IsoflopOptions};
use crate::estimate::{Estimate, standard_deviation};

/// A power law of C with its draws.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PowerLaw {
    /// Exponent.
    pub exponent: Estimate,
    /// `ln k` at C = 1 FLOP: full precision, and no use without the exponent.
    pub log_coefficient: f64,
    /// Value at the centre of the slices, where it is best known.
    pub at_centre: Estimate,
    /// The centre, FLOPs.
    pub centre_flops: f64,
    /// Share of the variance explained.
    pub r_squared: f64,
    /// (value at the centre, exponent) of every draw, in logarithms.
    #[serde(skip)]
    draws: Vec<(f64, f64)>,
    #[serde(skip)]
    level: f64,
    #[serde(skip)]
    point: (f64, f64),
}

impl PowerLaw {
    /// Its logarithm at ln C, with interval.
    pub fn log_at(&self, log_flops: f64) -> Estimate {
        let d = log_flops - self.centre_flops.ln();
        let mut values: Vec<f64> = self.draws.iter().map(|(m, s)| m + s * d).collect();
        Estimate::from_draws(self.point.0 + self.point.1 * d, &mut values, self.level)
    }

    /// Logarithm of its ratio to `other` at ln C, draw by draw.
    pub(super) fn log_ratio_at(&self, other: &PowerLaw, log_flops: f64) -> Estimate {
        let d = log_flops - self.centre_flops.ln();
        let value = |((m, s), (n, t)): (&(f64, f64), &(f64, f64))| (m - n) + (s - t) * d;
        let mut values: Vec<f64> = self.draws.iter().zip(&other.draws).map(value).collect();
        let point = value((&self.point, &other.point));
        Estimate::from_draws(point, &mut values, self.level)
    }
}

/// Both power laws, and how much wider the minima scatter than the noise explains.
pub(super) fn fit(
    logs: &[f64],
    minima: &[Found],
    boot: &Boot,
    options: &IsoflopOptions,
) -> (PowerLaw, PowerLaw, f64) {
    let params = |f: &Found| f.log_params;
    let tokens = |f: &Found| f.log_tokens;
    let scatter = scatter(logs, minima, boot, &params).max(1.0);
    let one = |f: &dyn Fn(&Found) -> f64| law(logs, minima, boot, f, scatter, options);
    (one(&params), one(&tokens), scatter)
}

fn law(
    logs: &[f64],
    minima: &[Found],
    boot: &Boot,
    value: &dyn Fn(&Found) -> f64,
    scatter: f64,
    options: &IsoflopOptions,
) -> PowerLaw {
    let level = options.level;
    let y: Vec<f64> = minima.iter().map(value).collect();
    let point = line(logs, &y);
    let centre = crate::estimate::mean(logs);
    let drawn = |d: &Vec<Option<Found>>| {
        let (x, y) = voting(logs, d, value);
        let (mean, slope) = line(&x, &y);
        (mean + slope * (centre - crate::estimate::mean(&x)), slope)
    };
    // Draws without minima are the extreme ones: the rest would understate the interval.
    let enough = 10 * boot.draws.len() >= 9 * options.draws;
    let draws: Vec<(f64, f64)> = boot.draws.iter().filter(|_| enough).map(drawn).collect();
    // Widen about the point: the draws say how the noise moves the line, the scatter how much
    // more than noise there is.
    let wide = |(m, s): &(f64, f64)| {
        (point.0 + scatter * (m - point.0), point.1 + scatter * (s - point.1))
    };
    let draws: Vec<(f64, f64)> = draws.iter().map(wide).collect();
    let estimate = |p: f64, f: &dyn Fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = draws.iter().map(f).collect();
        Estimate::from_draws(p, &mut values, level)
    };
    let exponent = estimate(point.1, &|d| d.1);
    let at_centre = estimate(point.0, &|d| d.0).map(f64::exp);
    let mean = crate::estimate::mean(&y);
    let total: f64 = y.iter().map(|v| (v - mean).powi(2)).sum();
    let left: f64 = rest(logs, &y, point).iter().map(|r| r * r).sum();
    PowerLaw {
        exponent,
        log_coefficient: point.0 - point.1 * centre,
        at_centre,
        centre_flops: centre.exp(),
        r_squared: 1.0 - left / total,
        draws,
        level,
        point,
    }
}

/// ln C and the value of the slices that have a minimum in a draw.
fn voting(
    logs: &[f64],
    minima: &[Option<Found>],
    value: &dyn Fn(&Found) -> f64,
) -> (Vec<f64>, Vec<f64>) {
    let both = logs.iter().zip(minima);
    both.filter_map(|(x, m)| m.as_ref().map(|m| (*x, value(m)))).unzip()
}

/// (value at the mean of x, slope).
fn line(x: &[f64], y: &[f64]) -> (f64, f64) {
    let (mx, my) = (crate::estimate::mean(x), crate::estimate::mean(y));
    let xx: f64 = x.iter().map(|v| (v - mx).powi(2)).sum();
    let xy: f64 = x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum();
    (my, xy / xx)
}

fn rest(x: &[f64], y: &[f64], (mean, slope): (f64, f64)) -> Vec<f64> {
    let mx = crate::estimate::mean(x);
    x.iter().zip(y).map(|(a, b)| b - mean - slope * (a - mx)).collect()
}

/// Root mean square scatter of the minima about the line, over what the draws show on average.
fn scatter(logs: &[f64], minima: &[Found], boot: &Boot, value: &dyn Fn(&Found) -> f64) -> f64 {
    if boot.draws.len() < 20 || logs.len() < 4 {
        return 1.0;
    }
    let about = |minima: &[Option<Found>]| -> f64 {
        let (x, y) = voting(logs, minima, value);
        let squares: f64 = rest(&x, &y, line(&x, &y)).iter().map(|r| r * r).sum();
        squares / (x.len() as f64 - 2.0)
    };
    let mut drawn: Vec<f64> = boot.draws.iter().map(|d| about(d)).collect();
    let usual = crate::estimate::median(&mut drawn);
    let minima: Vec<Option<Found>> = minima.iter().map(|m| Some(*m)).collect();
    let own = about(&minima);
    // Scatter within what chance gives (the upper 5%) is no sign of more than noise.
    let limit = crate::estimate::quantile(&drawn, 0.95);
    if own <= limit || !(usual > 0.0) || standard_deviation(&drawn) == 0.0 {
        return 1.0;
    }
    (own / usual).sqrt()
}
