//! Repeated data (Muennighoff et al. 2023, "Scaling Data-Constrained Language Models",
//! arXiv:2305.16264, equations 5 and 6): `L = E + A / N'^alpha + B / D'^beta`, where repeats count less:
//!
//! `D' = U_D + U_D R_D* (1 - exp(-R_D / R_D*))` with `R_D = D / U_D - 1`, and in the same way
//! `N' = U_N + U_N R_N* (1 - exp(-R_N / R_N*))` with `R_N = N / U_N - 1`, where `U_N = min(N, N_opt(U_D))` is
//! the best N for U_D tokens: `N_opt(D) = G (D G)^(beta / alpha)`, `G = (alpha A / beta B)^(1 / (alpha + beta))`.

use super::sum::EXPONENTS;
use super::{About, Centre, Hoffmann, Law, Point, Reads, Sample, SumOfPowers};
use crate::error::FitError;
use crate::kernel::{exp, ln};
use crate::observation::Observation;
use crate::solve::Matrix;
use crate::table::Table;

/// The law of repeated data. Working parameters: Hoffmann's five, `ln R_D*`, `ln R_N*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repeated;

/// `g = ln(1 + R* (1 - e^(-r / R*)))` of the repeats r and `s = ln R*`.
#[derive(Clone, Copy, Default)]
struct Decayed {
    g: f64,
    by_r: f64,
    by_s: f64,
    by_rr: f64,
    by_rs: f64,
    by_ss: f64,
}

impl Decayed {
    #[inline]
    fn new(r: f64, s: f64) -> Decayed {
        let star = exp(s);
        let fade = exp(-r / star);
        let gone = star * -(-r / star).exp_m1();
        let q = 1.0 + gone;
        let (by_r, by_s) = (fade / q, (gone - r * fade) / q);
        Decayed {
            g: ln(q),
            by_r,
            by_s,
            by_rr: -fade / (star * q) - by_r * by_r,
            by_rs: fade * r / (star * q) - by_r * by_s,
            by_ss: (gone - r * fade - r * r * fade / star) / q - by_s * by_s,
        }
    }
}

/// ln of U_N, centred like ln N, with its derivatives by `[a, alpha, b, beta]`: the best N for the unique tokens.
struct Best {
    log: f64,
    first: [f64; 4],
    second: [[f64; 4]; 4],
}

impl Best {
    #[inline]
    fn new(theta: &[f64], unique: f64) -> Best {
        let [a, alpha, b, beta] = [theta[1], theta[2], theta[3], theta[4]];
        let one = 1.0 / alpha;
        let above = ln(alpha / beta) + a - b + beta * unique;
        let slope = unique - 1.0 / beta;
        let (squared, crossed) = (one * one, slope * one * one);
        Best {
            log: above * one,
            first: [one, (1.0 - above) * squared, -one, slope * one],
            second: [
                [0.0, -squared, 0.0, 0.0],
                [-squared, -(3.0 - 2.0 * above) * squared * one, squared, -crossed],
                [0.0, squared, 0.0, 0.0],
                [0.0, -crossed, 0.0, one / (beta * beta)],
            ],
        }
    }
}

/// The law at one point.
struct Terms {
    value: f64,
    /// Shares of E, of the size's term and of the data's.
    shares: [f64; 3],
    /// Derivatives of the logarithms of the two terms.
    size: [f64; PARAMETERS],
    data: [f64; PARAMETERS],
    best: Best,
    /// Of the size's repeats; `None` where N is no more than U_N.
    excess: Option<(f64, Decayed)>,
    repeats: Decayed,
}

const PARAMETERS: usize = 7;
// Places of the working parameters.
const E: usize = 0;
const A: usize = 1;
const ALPHA: usize = 2;
const B: usize = 3;
const BETA: usize = 4;
const STAR_D: usize = 5;
const STAR_N: usize = 6;

impl Terms {
    #[inline]
    fn new(theta: &[f64], point: &Point) -> Terms {
        let repeats = Decayed::new((point.y - point.unique).exp_m1().max(0.0), theta[STAR_D]);
        let best = Best::new(theta, point.unique);
        let excess = (best.log < point.x).then(|| {
            let r = (point.x - best.log).exp_m1();
            (r, Decayed::new(r, theta[STAR_N]))
        });
        let x = excess.map_or(point.x, |(_, d)| best.log + d.g);
        let y = point.unique + repeats.g;
        let (alpha, beta) = (theta[ALPHA], theta[BETA]);
        let mut size = [0.0; PARAMETERS];
        (size[A], size[ALPHA]) = (1.0, -x);
        if let Some((r, decayed)) = excess {
            let by_best = 1.0 - (r + 1.0) * decayed.by_r;
            for k in 0..4 {
                size[A + k] -= alpha * by_best * best.first[k];
            }
            size[STAR_N] = -alpha * decayed.by_s;
        }
        let mut data = [0.0; PARAMETERS];
        (data[B], data[BETA], data[STAR_D]) = (1.0, -y, -beta * repeats.by_s);
        let (floor, u, v) = (exp(theta[E]), exp(theta[A] - alpha * x), exp(theta[B] - beta * y));
        let f = floor + u + v;
        let shares = [floor / f, u / f, v / f];
        Terms { value: ln(f), shares, size, data, best, excess, repeats }
    }

    #[inline]
    fn slopes(&self, out: &mut [f64]) {
        let [floor, u, v] = self.shares;
        for k in 0..PARAMETERS {
            out[k] = u * self.size[k] + v * self.data[k];
        }
        out[E] += floor;
    }

    #[inline]
    fn curvature(&self, theta: &[f64], slopes: &[f64], out: &mut Matrix) {
        let [floor, u, v] = self.shares;
        let (size, data) = (&self.size, &self.data);
        for i in 0..PARAMETERS {
            for j in 0..PARAMETERS {
                out[i][j] = u * size[i] * size[j] + v * data[i] * data[j] - slopes[i] * slopes[j];
            }
        }
        out[E][E] += floor;
        let mut add = |i: usize, j: usize, value: f64| {
            out[i][j] += value;
            if i != j {
                out[j][i] += value;
            }
        };
        // V = b - beta Y: Y depends on R_D* alone.
        add(BETA, STAR_D, -v * self.repeats.by_s);
        add(STAR_D, STAR_D, -v * theta[BETA] * self.repeats.by_ss);
        // U = a - alpha X: X of U_N and R_N*.
        let Some((r, d)) = self.excess else { return };
        let (alpha, best) = (theta[ALPHA], &self.best);
        let by_best = 1.0 - (r + 1.0) * d.by_r;
        let by_best_twice = (r + 1.0) * (d.by_r + (r + 1.0) * d.by_rr);
        for k in 0..4 {
            let slope = by_best * best.first[k];
            // Once for each of the two orders of alpha and the other.
            add(ALPHA, A + k, -u * slope * if A + k == ALPHA { 2.0 } else { 1.0 });
            for j in 0..=k {
                let bend =
                    by_best_twice * best.first[k] * best.first[j] + by_best * best.second[k][j];
                add(A + k, A + j, -u * alpha * bend);
            }
            add(A + k, STAR_N, u * alpha * (r + 1.0) * d.by_rs * best.first[k]);
        }
        add(ALPHA, STAR_N, -u * d.by_s);
        add(STAR_N, STAR_N, -u * alpha * d.by_ss);
    }
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
        let terms = Terms::new(theta, point);
        terms.slopes(gradient);
        terms.value
    }

    fn second_order(
        &self,
        theta: &[f64],
        point: &Point,
        gradient: &mut [f64],
        curvature: &mut Matrix,
    ) -> f64 {
        let terms = Terms::new(theta, point);
        terms.slopes(gradient);
        terms.curvature(theta, gradient, curvature);
        terms.value
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::tests::check_second_order;

    #[test]
    fn curvature_is_that_of_the_gradient() {
        let theta = [0.6, -0.2, 0.34, 0.1, 0.31, 2.5, 1.7];
        // Repeated or not, above U_N or below.
        for (x, y, unique) in
            [(-1.5, 0.2, 0.1), (1.5, 0.4, -2.0), (3.0, 1.0, 1.0), (-6.0, 2.0, -1.0)]
        {
            let point = Point { x, y, c: x + y, unique, centre_x: 18.0, centre_y: 22.0 };
            check_second_order(&Repeated, &theta, &point);
        }
    }
}
