//! Repeated data (Muennighoff et al. 2023, "Scaling Data-Constrained Language Models",
//! arXiv:2305.16264, equations 5 and 6): `L = E + A / N'^alpha + B / D'^beta`, where repeats count less:
//!
//! `D' = U_D + U_D R_D* (1 - exp(-R_D / R_D*))` with `R_D = D / U_D - 1`, and in the same way
//! `N' = U_N + U_N R_N* (1 - exp(-R_N / R_N*))` with `R_N = N / U_N - 1`, where `U_N = min(N, N_opt(U_D))` is
//! the best N for U_D tokens: `N_opt(D) = G (D G)^(beta / alpha)`, `G = (alpha A / beta B)^(1 / (alpha + beta))`.

use super::sum::EXPONENTS;
use super::{About, Centre, Hoffmann, Law, Point, Reads, Sample, SumOfPowers};
use crate::error::FitError;
use crate::observation::Observation;
use crate::table::Table;

/// The law of repeated data. Working parameters: Hoffmann's five, `ln R_D*`, `ln R_N*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repeated;

/// ln of `1 + R (1 - e^(-r/R))`, and its derivatives by r and ln R.
fn decayed(r: f64, log_star: f64) -> (f64, f64, f64) {
    let star = log_star.exp();
    let fade = (-r / star).exp();
    let q = 1.0 - star * (-r / star).exp_m1();
    (q.ln(), fade / q, (star * (1.0 - fade) - r * fade) / q)
}

impl Law for Repeated {
    fn about(&self) -> About {
        About {
            name: "repeated",
            formula: "L = E + A / N'^alpha + B / D'^beta, D' = U_D (1 + R_D* (1 - exp(-(D / U_D - 1) / R_D*))), N' alike",
            reference: "Muennighoff et al. 2023, arXiv:2305.16264, equations 5 and 6",
            parameters: &["E", "A", "alpha", "B", "beta", "R_D*", "R_N*"],
            reads: Reads { unique: true, ..Reads::PARAMS_AND_TOKENS },
        }
    }

    fn log_loss(&self, theta: &[f64], point: &Point, gradient: &mut [f64]) -> f64 {
        let [e, a, alpha, b, beta] = [theta[0], theta[1], theta[2], theta[3], theta[4]];
        // D'
        let repeats = (point.y - point.unique).exp_m1().max(0.0);
        let (extra_d, _, d_by_star) = decayed(repeats, theta[5]);
        let y = point.unique + extra_d;
        // U_N, in centred ln N
        let sum = alpha + beta;
        let (mx, my) = (point.centre_x, point.centre_y);
        let log_g = (alpha.ln() + a + alpha * mx - beta.ln() - b - beta * my) / sum;
        let log_unique = point.unique + my;
        let best = log_g + beta / alpha * (log_unique + log_g) - mx;
        let mut by_best = 0.0;
        let mut n_by_star = 0.0;
        let mut x = point.x;
        if best < point.x {
            let r = (point.x - best).exp_m1();
            let (extra, by_r, by_star) = decayed(r, theta[6]);
            x = best + extra;
            by_best = 1.0 - (r + 1.0) * by_r;
            n_by_star = by_star;
        }
        let floor = e.exp();
        let u = (a - alpha * x).exp();
        let v = (b - beta * y).exp();
        let f = floor + u + v;
        let (pu, pv) = (u / f, v / f);
        // Through U_N: d best / d lnG, then lnG and best by each parameter.
        let via = -alpha * pu * by_best;
        let by_g = 1.0 + beta / alpha;
        let turn = log_unique + log_g;
        gradient[0] = floor / f;
        gradient[1] = pu + via * by_g / sum;
        gradient[2] = -x * pu
            + via * (by_g * (1.0 / alpha + mx - log_g) / sum - beta / (alpha * alpha) * turn);
        gradient[3] = pv - via * by_g / sum;
        gradient[4] = -y * pv + via * (by_g * (-1.0 / beta - my - log_g) / sum + turn / alpha);
        gradient[5] = -beta * pv * d_by_star;
        gradient[6] = -alpha * pu * n_by_star;
        f.ln()
    }

    fn natural(&self, theta: &[f64], centre: &Centre) -> Vec<f64> {
        let mut out = Hoffmann.natural(theta, centre);
        out.extend([theta[5].exp(), theta[6].exp()]);
        out
    }

    fn working(&self, natural: &[f64], centre: &Centre) -> Vec<f64> {
        let mut out = Hoffmann.working(natural, centre);
        out.extend([natural[5].ln(), natural[6].ln()]);
        out
    }

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>> {
        // Hoffmann's start from runs that repeat little, where there are enough of them.
        let fresh: Vec<usize> = (0..sample.len())
            .filter(|&i| sample.points[i].y - sample.points[i].unique < 0.7)
            .collect();
        let base = if fresh.len() >= 6 { sample.rows(&fresh) } else { sample.clone() };
        let mut out = Vec::new();
        for start in Hoffmann.starts(&base) {
            for (d, n) in [(15.0f64, 5.0f64), (4.0, 20.0)] {
                let mut full = start.clone();
                full.extend([d.ln(), n.ln()]);
                out.push(full);
            }
        }
        out
    }

    fn random_start(&self, sample: &Sample, uniform: &mut dyn FnMut() -> f64) -> Vec<f64> {
        let mut start = Hoffmann.random_start(sample, uniform);
        start.extend([0.7 + 3.0 * uniform(), 0.7 + 3.0 * uniform()]);
        start
    }

    fn range(&self, sample: &Sample) -> Vec<(f64, f64)> {
        let mut range = Hoffmann.range(sample);
        // N_opt needs positive exponents.
        range[2].0 = 5e-3;
        range[4].0 = 5e-3;
        range.extend([(-4.0, 9.0), (-4.0, 9.0)]);
        range
    }

    fn refuses(&self, table: &Table) -> Option<FitError> {
        let repeats =
            |r: &Observation| r.unique_tokens.is_some_and(|u| u < r.tokens * (1.0 - 1e-9));
        (!table.rows().iter().any(repeats)).then(|| FitError::NoResult {
            what: "the law `repeated`".into(),
            why: "no run repeats its data (unique tokens are nowhere fewer than D)".into(),
            hint: "check the column of unique tokens, or fit hoffmann, which is the same law there"
                .into(),
        })
    }

    fn at_bound(&self, theta: &[f64], sample: &Sample) -> Vec<&'static str> {
        let mut names = Hoffmann.at_bound(theta, sample);
        for (name, value) in [("R_D*", theta[5]), ("R_N*", theta[6])] {
            if !(-3.99..8.99).contains(&value) {
                names.push(name);
            }
        }
        debug_assert!(EXPONENTS.0 > 5e-3);
        names
    }

    fn sum_of_powers(&self, theta: &[f64], centre: &Centre) -> Option<SumOfPowers> {
        // With unlimited unique tokens.
        Hoffmann.sum_of_powers(theta, centre)
    }
}
