//! `L(N, D) = E + A / N^alpha + B / D^beta` (Hoffmann et al. 2022, "Training Compute-Optimal Large
//! Language Models", equation 2; approach 3).

use super::{Centre, FastForm, Law, Point, Reads, Sample, SumOfPowers};
use crate::kernel::Restriction;
use crate::solve::nonnegative_least_squares;

/// Smallest share of the least loss that E may have and still count as found.
pub(crate) const LEAST_FLOOR: f64 = 1e-3;
/// Exponents outside this range are not a result.
pub(crate) const EXPONENTS: (f64, f64) = (0.01, 3.0);

/// The law of Chinchilla. Working parameters: `(ln E, a, alpha, b, beta)`, with
/// `a = ln A - alpha * mean(ln N)` and `b` alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hoffmann;

impl Law for Hoffmann {
    fn name(&self) -> &'static str {
        "hoffmann"
    }

    fn formula(&self) -> &'static str {
        "L = E + A / N^alpha + B / D^beta"
    }

    fn reference(&self) -> &'static str {
        "Hoffmann et al. 2022, arXiv:2203.15556, equation 2"
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["E", "A", "alpha", "B", "beta"]
    }

    fn reads(&self) -> Reads {
        Reads { params: true, tokens: true, flops: false, unique: false }
    }

    fn log_loss(&self, theta: &[f64], point: &Point, gradient: &mut [f64]) -> f64 {
        let e = theta[0].exp();
        let u = (theta[1] - theta[2] * point.x).exp();
        let v = (theta[3] - theta[4] * point.y).exp();
        let f = e + u + v;
        gradient[0] = e / f;
        gradient[1] = u / f;
        gradient[2] = -point.x * u / f;
        gradient[3] = v / f;
        gradient[4] = -point.y * v / f;
        f.ln()
    }

    fn natural(&self, theta: &[f64], centre: &Centre) -> Vec<f64> {
        vec![
            theta[0].exp(),
            (theta[1] + theta[2] * centre.log_params).exp(),
            theta[2],
            (theta[3] + theta[4] * centre.log_tokens).exp(),
            theta[4],
        ]
    }

    fn working(&self, natural: &[f64], centre: &Centre) -> Vec<f64> {
        vec![
            natural[0].ln(),
            natural[1].ln() - natural[2] * centre.log_params,
            natural[2],
            natural[3].ln() - natural[4] * centre.log_tokens,
            natural[4],
        ]
    }

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>> {
        projected_starts(sample, &EXPONENT_GRID, &EXPONENT_GRID, 3)
    }

    fn wild_start(&self, sample: &Sample, uniform: &mut dyn FnMut() -> f64) -> Vec<f64> {
        let least = sample.least_loss();
        let e = least * (0.05 + 0.9 * uniform());
        let share = 0.1 + 0.8 * uniform();
        let rest = least * (0.05 + uniform());
        let exponent = |u: f64| 0.05 * 30f64.powf(u);
        let (alpha, beta) = (exponent(uniform()), exponent(uniform()));
        vec![e.ln(), (rest * share).ln(), alpha, (rest * (1.0 - share)).ln(), beta]
    }

    fn range(&self, sample: &Sample) -> Vec<(f64, f64)> {
        let least = sample.least_loss().ln();
        let term = (least - 60.0, least + 60.0);
        // Below 0 a term would grow with N or D, which the law rules out: squares of a bad table may be least there, and
        // an optimum within the law is still one.
        vec![(least - 25.0, least + 0.5), term, (0.0, 12.0), term, (0.0, 12.0)]
    }

    fn at_bound(&self, theta: &[f64], sample: &Sample) -> Vec<&'static str> {
        let mut names = Vec::new();
        if theta[0].exp() < LEAST_FLOOR * sample.least_loss() {
            names.push("E");
        }
        for (name, value) in [("alpha", theta[2]), ("beta", theta[4])] {
            if !(EXPONENTS.0..EXPONENTS.1).contains(&value) {
                names.push(name);
            }
        }
        names
    }

    fn sum_of_powers(&self, theta: &[f64], centre: &Centre) -> Option<SumOfPowers> {
        Some(SumOfPowers {
            log_floor: theta[0],
            log_a: theta[1] + theta[2] * centre.log_params,
            alpha: theta[2],
            log_b: theta[3] + theta[4] * centre.log_tokens,
            beta: theta[4],
            power: 1.0,
        })
    }

    fn fast_form(&self, _sample: &Sample) -> Option<FastForm> {
        Some(FastForm { restriction: Restriction::free(), flops_for_params: false })
    }
}

/// Exponents tried for the data-driven start.
pub(crate) const EXPONENT_GRID: [f64; 8] = [0.08, 0.16, 0.26, 0.36, 0.48, 0.65, 0.9, 1.3];

/// Variable projection on a grid: for each pair of exponents the best E, A, B >= 0 are linear
/// (residuals relative to the loss), so a pass over the runs per pair finds the best start.
/// Returns the `most` best local minima of the grid.
pub(crate) fn projected_starts(
    sample: &Sample,
    alphas: &[f64],
    betas: &[f64],
    most: usize,
) -> Vec<Vec<f64>> {
    let rows = sample.len();
    let inverse: Vec<f64> = sample.loss.iter().map(|l| 1.0 / l).collect();
    let power = |exponents: &[f64], value: &dyn Fn(&Point) -> f64| -> Vec<Vec<f64>> {
        let column = |k: &f64| -> Vec<f64> {
            let mut column: Vec<f64> = sample.points.iter().map(|p| -k * value(p)).collect();
            for (c, i) in column.iter_mut().zip(&inverse) {
                *c = crate::kernel::exp(*c) * i;
            }
            column
        };
        exponents.iter().map(column).collect()
    };
    let us = power(alphas, &|p| p.x);
    let vs = power(betas, &|p| p.y);
    let ones = vec![1.0; rows];
    let ee = dot(&inverse, &inverse);
    let e1 = dot(&inverse, &ones);
    let first = |columns: &[Vec<f64>]| -> Vec<[f64; 3]> {
        columns.iter().map(|c| [dot(c, c), dot(c, &inverse), dot(c, &ones)]).collect()
    };
    let (u_sums, v_sums) = (first(&us), first(&vs));
    let mut values = vec![vec![f64::INFINITY; betas.len()]; alphas.len()];
    let mut solved = vec![vec![[0.0; 3]; betas.len()]; alphas.len()];
    for i in 0..alphas.len() {
        for j in 0..betas.len() {
            let [uu, ue, u1] = u_sums[i];
            let [vv, ve, v1] = v_sums[j];
            let uv = dot(&us[i], &vs[j]);
            let gram = [[ee, ue, ve], [ue, uu, uv], [ve, uv, vv]];
            (solved[i][j], values[i][j]) = nonnegative_least_squares(&gram, &[e1, u1, v1]);
        }
    }
    let mut minima = Vec::new();
    for i in 0..alphas.len() {
        for j in 0..betas.len() {
            let around = |di: isize, dj: isize| {
                let (i, j) = (i.checked_add_signed(di), j.checked_add_signed(dj));
                i.zip(j).and_then(|(i, j)| values.get(i)?.get(j)).copied()
            };
            let neighbours = [around(-1, 0), around(1, 0), around(0, -1), around(0, 1)];
            if neighbours.iter().flatten().all(|n| *n >= values[i][j]) {
                minima.push((values[i][j], i, j));
            }
        }
    }
    minima.sort_by(|a, b| a.0.total_cmp(&b.0));
    let tiny = 1e-3 * sample.least_loss();
    let start = |&(_, i, j): &(f64, usize, usize)| {
        let [e, a, b] = solved[i][j].map(|t: f64| t.max(tiny).ln());
        vec![e, a, alphas[i], b, betas[j]]
    };
    minima.iter().take(most).map(start).collect()
}

/// Dot product in eight lanes, so that it vectorises and is the same everywhere.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a8.zip(b8) {
        for i in 0..8 {
            lanes[i] += x[i] * y[i];
        }
    }
    lanes.iter().sum::<f64>() + rest
}
