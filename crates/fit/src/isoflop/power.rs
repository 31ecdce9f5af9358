//! `N* = k C^a`, `D* = k C^b` and `L* = k C^-c` through the minima, by least squares in logarithms, each minimum with one vote.

use serde::Serialize;

use super::bootstrap::Boot;
use super::{Found, IsoflopOptions};
use crate::estimate::Estimate;
use crate::stats::{Line, dot, median, quantile, r_squared, standard_deviation};

/// A power law of C with its draws.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PowerLaw {
    pub exponent: Estimate,
    /// `ln k` at C = 1 FLOP: full precision, and no use without the exponent.
    pub log_coefficient: f64,
    /// Value at the centre of the slices, where it is best known.
    pub at_centre: Estimate,
    pub centre_flops: f64,
    /// Of the logarithms about the line.
    pub r_squared: Option<f64>,
    /// (value at the centre, exponent) of every draw, in logarithms.
    #[serde(skip)]
    draws: Vec<(f64, f64)>,
    #[serde(skip)]
    level: f64,
    #[serde(skip)]
    point: (f64, f64),
}

impl PowerLaw {
    /// A line through `values` of these weights, and lines of the same weights through drawn ones. R^2 is weighted alike.
    pub(super) fn weighted(
        logs: &[f64],
        values: &[f64],
        weights: &[f64],
        drawn: impl Iterator<Item = Vec<f64>>,
        level: f64,
    ) -> PowerLaw {
        let total: f64 = weights.iter().sum();
        let centre = |v: &[f64]| dot(weights, v) / total;
        let middle = centre(logs);
        let across: Vec<f64> = logs.iter().zip(weights).map(|(x, w)| w * (x - middle)).collect();
        let spread = dot(&across, logs);
        let line = |y: &[f64]| (centre(y), dot(&across, y) / spread);
        let point = line(values);
        let draws: Vec<(f64, f64)> = drawn.map(|y| line(&y)).collect();
        let estimate = |p: f64, f: fn(&(f64, f64)) -> f64| {
            Estimate::from_draws(p, &mut draws.iter().map(f).collect::<Vec<_>>(), level)
        };
        // Scaled by the root of its weight, a residual counts as it was fitted.
        let scaled = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
            let terms = logs.iter().zip(values).zip(weights);
            terms.map(|((x, y), w)| w * of(*x, *y).powi(2)).sum()
        };
        let left = scaled(&|x, y| y - point.0 - point.1 * (x - middle));
        let all = scaled(&|_, y| y - point.0);
        PowerLaw {
            exponent: estimate(point.1, |d| d.1),
            log_coefficient: point.0 - point.1 * middle,
            at_centre: estimate(point.0, |d| d.0).map(f64::exp),
            centre_flops: middle.exp(),
            r_squared: (logs.len() > 2 && all > 0.0).then(|| 1.0 - left / all),
            draws,
            level,
            point,
        }
    }

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

/// Power laws through one set of minima.
pub(super) struct PowerLaws {
    pub params: PowerLaw,
    pub tokens: PowerLaw,
    pub loss: PowerLaw,
    /// How much wider N* scatters than the noise explains.
    pub scatter: f64,
}

pub(super) fn fit(
    logs: &[f64],
    minima: &[Found],
    boot: &Boot,
    options: &IsoflopOptions,
) -> PowerLaws {
    let params = |f: &Found| f.log_params;
    let scatter = scatter(logs, minima, boot, &params).max(1.0);
    let one = |f: &dyn Fn(&Found) -> f64, wide| law(logs, minima, boot, f, wide, options);
    PowerLaws {
        params: one(&params, scatter),
        tokens: one(&|f| f.log_tokens, scatter),
        // The floor bends ln L*, which scatter about a line would take for noise.
        loss: one(&|f| f.loss.ln(), 1.0),
        scatter,
    }
}

fn law(
    logs: &[f64],
    minima: &[Found],
    boot: &Boot,
    value: &dyn Fn(&Found) -> f64,
    scatter: f64,
    options: &IsoflopOptions,
) -> PowerLaw {
    let y: Vec<f64> = minima.iter().map(value).collect();
    let line = Line::fit(logs, &y);
    let point = (line.y, line.slope);
    // Widen about the point: the draws say how the noise moves the line, the scatter how much
    // more than noise there is.
    let drawn = |d: &Vec<Option<Found>>| {
        let (x, y) = voting(logs, d, value);
        let drawn = Line::fit(&x, &y);
        let wide = |point: f64, drawn: f64| point + scatter * (drawn - point);
        (wide(point.0, drawn.at(line.x)), wide(point.1, drawn.slope))
    };
    // Draws without minima are the extreme ones: the rest would understate the interval.
    let enough = 10 * boot.draws.len() >= 9 * options.draws;
    let draws: Vec<(f64, f64)> = boot.draws.iter().filter(|_| enough).map(drawn).collect();
    let estimate = |p: f64, f: fn(&(f64, f64)) -> f64| {
        Estimate::from_draws(p, &mut draws.iter().map(f).collect::<Vec<_>>(), options.level)
    };
    PowerLaw {
        exponent: estimate(point.1, |d| d.1),
        log_coefficient: line.intercept(),
        at_centre: estimate(point.0, |d| d.0).map(f64::exp),
        centre_flops: line.x.exp(),
        r_squared: r_squared(&y, &line.residuals(logs, &y)),
        draws,
        level: options.level,
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

/// Root mean square scatter of the minima about the line, over what the noise gives on average: the draws' own scatter, of
/// what each of them adds to the minima. 1 where chance explains it.
fn scatter(logs: &[f64], minima: &[Found], boot: &Boot, value: &dyn Fn(&Found) -> f64) -> f64 {
    if boot.draws.len() < 20 || logs.len() < 4 {
        return 1.0;
    }
    let about = |x: &[f64], y: &[f64]| -> f64 {
        let rest = Line::fit(x, y).residuals(x, y);
        dot(&rest, &rest) / (x.len() as f64 - 2.0)
    };
    let added = |draw: &Vec<Option<Found>>| -> f64 {
        let moved = |((x, m), d): ((&f64, &Found), &Option<Found>)| {
            d.as_ref().map(|d| (*x, value(d) - value(m)))
        };
        let (x, y): (Vec<f64>, Vec<f64>) =
            logs.iter().zip(minima).zip(draw).filter_map(moved).unzip();
        about(&x, &y)
    };
    let mut drawn: Vec<f64> = boot.draws.iter().map(added).collect();
    let usual = median(&mut drawn);
    let own = about(logs, &minima.iter().map(value).collect::<Vec<f64>>());
    // Scatter within what chance gives (the upper 5%) is no sign of more than noise.
    let limit = quantile(&drawn, 0.95);
    if own <= limit || !(usual > 0.0) || standard_deviation(&drawn) == 0.0 {
        return 1.0;
    }
    (own / usual).sqrt()
}
