//! The loss of the best models as a function of C alone: a trend through the slice minima.
//!
//! A surface `L(N, D)` has one curvature for all budgets and is pulled by small models and by runs far from the
//! optimum; where the loss of the best models does not follow it, it is off just at the largest budget. Here
//! `l = ln L*` over `t = ln C` has a level, a slope and nothing else that is global:
//!
//! ```text
//! dl = -s dt,    ds = -kappa s dt + tau dW
//! ```
//!
//! the damped trend of forecasting (Gardner & McKenzie 1985), with a slope that may wander (local linear trend, Harvey
//! 1989). `L = E + K C^-gamma` is a damped trend with `kappa = gamma E / L`, so the damping says how near
//! the floor is; `tau` is how much less smooth the frontier is than that. Both are averaged over a grid, weighed by the
//! likelihood of the minima and a prior.
//!
//! Prior, from the frontiers of the studies in `results/` and of published isoFLOP tables: `ln kappa` normal about
//! `ln(0.08 + 1.5 s)` of the slope s of the last three minima, sd 0.6 (a floor at half to two thirds of the loss);
//! `tau` from .0015 to .04 per e-fold of C to the power 1.5; slopes .06 with sd .1.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use super::mixture::Part;
use crate::stats::Line;

/// A slice minimum: ln C, ln L and its variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub log_flops: f64,
    pub log_loss: f64,
    pub variance: f64,
}

/// Fewest minima.
pub(crate) const LEAST_MINIMA: usize = 3;

const DAMPING: (f64, f64) = (0.08, 1.5);
const DAMPING_SD: f64 = 0.6;
const DAMPING_STEPS: [f64; 7] = [-2.0, -1.33, -0.67, 0.0, 0.67, 1.33, 2.0];
/// tau and its weight.
const WANDER: [(f64, f64); 5] =
    [(0.0015, 0.2), (0.003, 0.25), (0.006, 0.25), (0.015, 0.2), (0.04, 0.1)];
const SLOPE: (f64, f64) = (0.06, 0.1);
/// Of the level at the last minimum; vague.
const LEVEL_SD: f64 = 1.0;

/// The trend for one damping and one wander.
#[derive(Debug, Clone)]
struct Member {
    weight: f64,
    damping: f64,
    wander: f64,
    factor: Cholesky<f64, Dyn>,
    pull: DVector<f64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Trend {
    times: Vec<f64>,
    level: f64,
    origin: f64,
    members: Vec<Member>,
}

impl Trend {
    /// `None` for fewer than [`LEAST_MINIMA`].
    pub fn new(points: &[Point]) -> Option<Trend> {
        if points.len() < LEAST_MINIMA {
            return None;
        }
        let mut points = points.to_vec();
        points.sort_by(|a, b| a.log_flops.total_cmp(&b.log_flops));
        let last = *points.last()?;
        let times: Vec<f64> = points.iter().map(|p| p.log_flops - last.log_flops).collect();
        let from = points.len() - LEAST_MINIMA;
        let losses: Vec<f64> = points.iter().map(|p| p.log_loss).collect();
        let slope = -Line::fit(&times[from..], &losses[from..]).slope;
        let typical = DAMPING.0 + DAMPING.1 * slope.max(0.0);
        let mut trend =
            Trend { times, level: last.log_loss, origin: last.log_flops, members: Vec::new() };
        let mut logs = Vec::new();
        for z in DAMPING_STEPS {
            let damping = typical * (DAMPING_SD * z).exp();
            for (wander, prior) in WANDER {
                let (member, log_likelihood) = trend.member(&points, damping, wander)?;
                logs.push(log_likelihood + prior.ln() - 0.5 * z * z);
                trend.members.push(member);
            }
        }
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        trend.members.iter_mut().zip(&logs).for_each(|(m, l)| m.weight = (l - most).exp());
        Some(trend)
    }

    fn member(&self, points: &[Point], damping: f64, wander: f64) -> Option<(Member, f64)> {
        let n = points.len();
        let noise = |i: usize| points[i].variance.max(1e-8);
        let covariance = |i: usize, j: usize| {
            let own = if i == j { noise(i) } else { 0.0 };
            prior(self.times[i], self.times[j], damping, wander) + own
        };
        let factor = Cholesky::new(DMatrix::from_fn(n, n, covariance))?;
        let off =
            DVector::from_fn(n, |i, _| points[i].log_loss - self.mean(self.times[i], damping));
        let pull = factor.solve(&off);
        let half_log_determinant: f64 = factor.l_dirty().diagonal().iter().map(|d| d.ln()).sum();
        let log_likelihood = -0.5 * off.dot(&pull) - half_log_determinant;
        Some((Member { weight: 0.0, damping, wander, factor, pull }, log_likelihood))
    }

    fn mean(&self, time: f64, damping: f64) -> f64 {
        self.level - SLOPE.0 * run(time, damping)
    }

    /// ln L* at ln C, as a mixture.
    pub fn at(&self, log_flops: f64) -> Vec<Part> {
        let time = log_flops - self.origin;
        let part = |m: &Member| {
            let with = DVector::from_iterator(
                self.times.len(),
                self.times.iter().map(|t| prior(*t, time, m.damping, m.wander)),
            );
            let mean = self.mean(time, m.damping) + with.dot(&m.pull);
            let variance =
                prior(time, time, m.damping, m.wander) - with.dot(&m.factor.solve(&with));
            Part { weight: m.weight, mean, variance: variance.max(0.0) }
        };
        self.members.iter().map(part).collect()
    }
}

/// What a slope of 1 at the last minimum adds up to: `(1 - e^(-kappa t)) / kappa`.
fn run(time: f64, damping: f64) -> f64 {
    -(-damping * time).exp_m1() / damping
}

/// Prior covariance of ln L* at two times from the last minimum: of level and slope there, and of the slope's wander (a Wiener
/// process integrated once, to either side for itself).
fn prior(a: f64, b: f64, damping: f64, wander: f64) -> f64 {
    let line = LEVEL_SD.powi(2) + SLOPE.1.powi(2) * run(a, damping) * run(b, damping);
    if a * b <= 0.0 {
        return line;
    }
    let (short, long) = (a.abs().min(b.abs()), a.abs().max(b.abs()));
    line + wander.powi(2) * short * short * (3.0 * long - short) / 6.0
}

#[cfg(test)]
mod tests {
    use super::super::mixture::quantile;
    use super::*;

    fn points(loss: impl Fn(f64) -> f64, flops: &[f64]) -> Vec<Point> {
        let point = |c: &f64| Point { log_flops: c.ln(), log_loss: loss(*c).ln(), variance: 1e-6 };
        flops.iter().map(point).collect()
    }

    #[test]
    fn a_power_law_with_a_floor_is_forecast() {
        let law = |c: f64| 1.7 + 2.0 * (c / 1e17).powf(-0.16);
        let trend = Trend::new(&points(law, &[1e17, 2e17, 4e17, 8e17, 1.6e18, 3.2e18])).unwrap();
        for (scale, within) in [(3.0, 0.003), (10.0, 0.01)] {
            let c = 3.2e18 * scale;
            let parts = trend.at(f64::ln(c));
            let median = quantile(&parts, 0.5).exp();
            assert!((median / law(c) - 1.0).abs() < within, "x{scale}: {median} for {}", law(c));
            let (lo, hi) = (quantile(&parts, 0.025).exp(), quantile(&parts, 0.975).exp());
            assert!(lo < law(c) && law(c) < hi);
        }
    }

    #[test]
    fn uncertainty_grows_with_the_distance_and_meets_the_minima() {
        let law = |c: f64| 3.0 * (c / 1e17).powf(-0.05);
        let trend = Trend::new(&points(law, &[1e17, 3e17, 1e18, 3e18])).unwrap();
        let width = |c: f64| {
            let parts = trend.at(c.ln());
            quantile(&parts, 0.975) - quantile(&parts, 0.025)
        };
        assert!(width(3e18) < 0.005 && width(3e18) < width(1e19) && width(1e19) < width(3e19));
        assert!((quantile(&trend.at(f64::ln(1e18)), 0.5).exp() / law(1e18) - 1.0).abs() < 0.002);
        assert!(Trend::new(&points(law, &[1e17, 3e17])).is_none());
    }
}
