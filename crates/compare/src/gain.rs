//! Compute-equivalent gain: how many times the FLOPs one recipe takes for the loss that another reaches.
//!
//! Both frontiers are taken as one curve, shifted along ln C: `ln L*_A(C) = f(ln C)` and `ln L*_B(C) = f(ln C + ln G)`, f a polynomial through
//! the slice minima of both, weighed by their errors. G may be one number, or change along the frontier
//! as `ln G = g + h (ln C - centre)`.

use isoflop_fit::distribution::{exact_student_quantile, f_tail, normal_quantile};
use isoflop_fit::isoflop::IsoflopFit;
use isoflop_fit::{Estimate, Interval};
use nalgebra::{DMatrix, DVector};
use serde::Serialize;

/// Least losses of one recipe.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frontier {
    /// ln C, ln L* and the standard error of ln L*, ascending in C.
    pub points: Vec<[f64; 3]>,
}

/// The gain of a second recipe over a first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gain {
    /// G, pooled over the frontier.
    pub pooled: Estimate,
    /// The same where a FLOP of the second recipe takes as long as it does on its machine, over that of the first.
    pub in_time: Option<Estimate>,
    /// G at budgets of the second recipe.
    pub at: Vec<GainAt>,
    /// Factor by which G changes per factor 10 of C.
    pub drift: Option<Estimate>,
    /// p of a gain that does not change.
    pub drift_p: Option<f64>,
    /// p of no gain.
    pub p: f64,
    /// Largest gain that the first recipe against itself would show as often as `1 - level`.
    pub floor: f64,
    /// Seeds of every cell, times those there are, that would show a gain of [`SMALL_GAIN`] with a power of 80%.
    pub seeds_for_small: f64,
    /// Minima whose loss the first recipe reaches only beyond its budgets.
    pub beyond: usize,
    pub verdict: GainVerdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GainAt {
    pub flops: f64,
    pub gain: Estimate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GainVerdict {
    /// The second recipe needs less compute.
    Gain,
    Loss,
    /// Within the floor.
    None,
}

/// Fewest minima of either recipe.
pub const LEAST_MINIMA: usize = 3;
/// A gain that one would like to see.
pub const SMALL_GAIN: f64 = 1.05;

impl Frontier {
    /// The minima of slices that have one and its error.
    pub fn of(fit: &IsoflopFit) -> Frontier {
        let point = |slice: &isoflop_fit::isoflop::SliceFit| {
            let loss = slice.minimum?.loss_nats;
            let error = loss.standard_error? / loss.point;
            (loss.point > 0.0 && error > 0.0).then(|| [slice.flops.ln(), loss.point.ln(), error])
        };
        Frontier { points: fit.slices.iter().filter_map(point).collect() }
    }
}

/// The gain of `second` over `first`; `level` of intervals, shared among `candidates` that are compared with one baseline (Bonferroni).
/// `None` where either has too few minima, or losses do not fall with compute.
pub fn gain(first: &Frontier, second: &Frontier, level: f64, candidates: usize) -> Option<Gain> {
    if first.points.len() < LEAST_MINIMA || second.points.len() < LEAST_MINIMA {
        return None;
    }
    let level = 1.0 - (1.0 - level) / candidates.max(1) as f64;
    let curved = first.points.len() + second.points.len() >= 8;
    let pooled = Shift::fit(first, second, curved, false)?;
    let estimate = |shift: &Shift, row: &[f64]| shift.estimate(row, level).map(f64::exp);
    let (point, error, free) = pooled.of(&[1.0, 0.0]);
    let quantile = exact_student_quantile(0.5 + 0.5 * level, free);
    let t = point / error;
    let p = f_tail(t * t, 1.0, free);
    let drifting = Shift::fit(first, second, curved, true);
    let drift_of = |shift: &Shift| {
        let (slope, error, free) = shift.of(&[0.0, 1.0]);
        (
            f_tail((slope / error).powi(2), 1.0, free),
            shift.estimate(&[0.0, std::f64::consts::LN_10], level).map(f64::exp),
        )
    };
    let drift = drifting.as_ref().map(drift_of);
    let at = second.points.iter().map(|[x, ..]| {
        let along = drifting.as_ref().unwrap_or(&pooled);
        GainAt { flops: x.exp(), gain: estimate(along, &[1.0, x - along.centre]) }
    });
    let least = first.points.iter().map(|p| p[1]).fold(f64::INFINITY, f64::min);
    let needed = (quantile + normal_quantile(0.8)) * error / SMALL_GAIN.ln();
    Some(Gain {
        pooled: estimate(&pooled, &[1.0, 0.0]),
        in_time: None,
        at: at.collect(),
        drift: drift.map(|d| d.1),
        drift_p: drift.map(|d| d.0),
        p,
        floor: (quantile * error).exp(),
        seeds_for_small: needed * needed,
        beyond: second.points.iter().filter(|p| p[1] < least).count(),
        verdict: match (point.abs() > quantile * error, point > 0.0) {
            (false, _) => GainVerdict::None,
            (true, true) => GainVerdict::Gain,
            (true, false) => GainVerdict::Loss,
        },
    })
}

/// The fitted curve and shift.
struct Shift {
    /// ln G at the centre, and its change with ln C.
    shift: [f64; 2],
    covariance: DMatrix<f64>,
    free: f64,
    centre: f64,
}

const MOST_STEPS: usize = 100;

impl Shift {
    /// By Gauss-Newton.
    fn fit(first: &Frontier, second: &Frontier, curved: bool, drifts: bool) -> Option<Shift> {
        let all: Vec<([f64; 3], bool)> = first
            .points
            .iter()
            .map(|p| (*p, false))
            .chain(second.points.iter().map(|p| (*p, true)))
            .collect();
        let centre = all.iter().map(|(p, _)| p[0]).sum::<f64>() / all.len() as f64;
        let powers = if curved { 3 } else { 2 };
        let many = powers + 1 + usize::from(drifts);
        if all.len() <= many {
            return None;
        }
        let mut theta = DVector::zeros(many);
        let residuals = |theta: &DVector<f64>| {
            let mut jacobian = DMatrix::zeros(all.len(), many);
            let mut left = DVector::zeros(all.len());
            for (i, (p, is_second)) in all.iter().enumerate() {
                let x = p[0] - centre;
                let slope = if drifts { theta[powers + 1] } else { 0.0 };
                let u = if *is_second { x + theta[powers] + slope * x } else { x };
                let value: f64 = (0..powers).map(|k| theta[k] * u.powi(k as i32)).sum();
                let rate: f64 =
                    (1..powers).map(|k| k as f64 * theta[k] * u.powi(k as i32 - 1)).sum();
                left[i] = (p[1] - value) / p[2];
                for k in 0..powers {
                    jacobian[(i, k)] = u.powi(k as i32) / p[2];
                }
                if *is_second {
                    jacobian[(i, powers)] = rate / p[2];
                    if drifts {
                        jacobian[(i, powers + 1)] = rate * x / p[2];
                    }
                }
            }
            (jacobian, left)
        };
        // Start from the curve of the first alone: at no slope the shift has no derivative.
        let rows: Vec<Vec<f64>> = first
            .points
            .iter()
            .map(|p| (0..2).map(|k| (p[0] - centre).powi(k)).collect())
            .collect();
        let logs: Vec<f64> = first.points.iter().map(|p| p[1]).collect();
        let start = crate::least_squares::fit(&rows, &logs, &vec![1.0; logs.len()])?;
        (0..2).for_each(|k| theta[k] = start.coefficients[k]);
        let mut squares = residuals(&theta).1.norm_squared();
        for _ in 0..MOST_STEPS {
            let (jacobian, left) = residuals(&theta);
            let step = (jacobian.transpose() * &jacobian)
                .cholesky()?
                .solve(&(jacobian.transpose() * left));
            let mut length = 1.0;
            let found = (0..30).find_map(|_| {
                let next = &theta + length * &step;
                let s = residuals(&next).1.norm_squared();
                length *= 0.5;
                (s <= squares).then_some((next, s))
            });
            let Some((next, s)) = found else { break };
            let done = squares - s <= 1e-12 * (1.0 + squares);
            (theta, squares) = (next, s);
            if done {
                break;
            }
        }
        // A curve that rises has no budget for a lower loss.
        if !(theta[1] < 0.0) {
            return None;
        }
        let (jacobian, _) = residuals(&theta);
        let inverse = (jacobian.transpose() * jacobian).cholesky()?.inverse();
        let free = (all.len() - many) as f64;
        // Minima that scatter more than their errors say widen all.
        let widen = (squares / free).max(1.0);
        let last = usize::from(drifts);
        let covariance = DMatrix::from_fn(2, 2, |i, j| {
            let known = |k: usize| k <= last;
            if known(i) && known(j) { widen * inverse[(powers + i, powers + j)] } else { 0.0 }
        });
        let slope = if drifts { theta[powers + 1] } else { 0.0 };
        Some(Shift { shift: [theta[powers], slope], covariance, free, centre })
    }

    /// Value, standard error and degrees of freedom of `row . (g, h)`.
    fn of(&self, row: &[f64]) -> (f64, f64, f64) {
        let value = row[0] * self.shift[0] + row[1] * self.shift[1];
        let variance: f64 = (0..2)
            .flat_map(|i| (0..2).map(move |j| (i, j)))
            .map(|(i, j)| row[i] * row[j] * self.covariance[(i, j)])
            .sum();
        (value, variance.max(0.0).sqrt(), self.free)
    }

    fn estimate(&self, row: &[f64], level: f64) -> Estimate {
        let (point, error, free) = self.of(row);
        let half = exact_student_quantile(0.5 + 0.5 * level, free) * error;
        let interval = Interval { lo: point - half, hi: point + half, level };
        Estimate { point, standard_error: Some(error), interval: Some(interval) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frontier(gain: f64, error: f64) -> Frontier {
        let point = |i: i32| {
            let x = (1e10 * 2f64.powi(i)).ln();
            [x, (1.0 + 200.0 * (-0.2 * (x + gain.ln())).exp()).ln(), error]
        };
        Frontier { points: (0..6).map(point).collect() }
    }

    #[test]
    fn an_exact_gain_comes_back() {
        let found = gain(&frontier(1.0, 1e-3), &frontier(1.25, 1e-3), 0.95, 1).unwrap();
        assert!((found.pooled.point / 1.25 - 1.0).abs() < 2e-3, "{:?}", found.pooled);
        assert!(found.pooled.interval.unwrap().contains(1.25));
        assert_eq!(found.verdict, GainVerdict::Gain);
        let drift = found.drift.unwrap();
        assert!(drift.interval.unwrap().contains(1.0), "{drift:?}");
        let none = gain(&frontier(1.0, 1e-3), &frontier(1.0, 1e-3), 0.95, 1).unwrap();
        assert_eq!(none.verdict, GainVerdict::None);
    }

    #[test]
    fn several_candidates_have_wider_intervals() {
        let of = |many| gain(&frontier(1.0, 1e-2), &frontier(1.1, 1e-2), 0.95, many).unwrap().floor;
        assert!(of(4) > of(1));
    }

    #[test]
    fn losses_that_rise_have_no_gain() {
        let mut rising = frontier(1.0, 1e-3);
        rising.points.iter_mut().for_each(|p| p[1] = -p[1]);
        assert!(gain(&rising, &rising, 0.95, 1).is_none());
    }
}
