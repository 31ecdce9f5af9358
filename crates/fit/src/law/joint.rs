//! `L(N, D) = E + [(A / N^alpha)^(1 / gamma) + (B / D^beta)^(1 / gamma)]^gamma`, with or without E: the term of the size and that
//! of the data, joined by a norm. With `gamma = 1` they add up, as in Hoffmann et al. 2022; towards 0 the larger alone
//! counts. In the form `E + (A' / N^alpha' + B' / D^beta')^gamma` it is the law of Busbridge et al. 2025 ("Distillation Scaling Laws",
//! arXiv:2502.08606, for supervised models); without E and with `gamma = beta` Kaplan's `L(N, D)`.
//!
//! A, alpha, B and beta are those of the limits `A / N^alpha` and `B / D^beta` of one variable, so that they stay apart from gamma.

use super::sum::{EXPONENTS, LEAST_FLOOR};
use super::{About, Centre, FastForm, Law, Point, Reads, Sample, SumOfPowers, best_starts};
use crate::kernel::{exp, joined_at, ln};
use crate::solve::Matrix;
use crate::stats::mean;

/// Working parameters: `(a, alpha, b, beta, ln gamma)` with `a = ln A - alpha * mean(ln N)` and `b` alike, then `ln E`
/// where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joint {
    /// Whether there is an E.
    pub floor: bool,
}

/// Sharper or blunter corners than these are not told apart.
const GAMMA: (f64, f64) = (0.03, 30.0);

impl Joint {
    /// A start at which both terms and the floor together give the mean loss at the centre.
    fn start(
        &self,
        sample: &Sample,
        floor: f64,
        [alpha, beta]: [f64; 2],
        gamma: f64,
        tilt: f64,
    ) -> Vec<f64> {
        let centre = mean(&sample.log_loss);
        let rest = match self.floor {
            true => (centre.exp() - floor).max(0.05 * centre.exp()).ln(),
            false => centre,
        };
        let each = rest - gamma * 2f64.ln();
        let mut start = vec![each + tilt, alpha, each - tilt, beta, gamma.ln()];
        start.extend(self.floor.then(|| floor.ln()));
        start
    }
}

/// The law at one point.
struct Joined {
    gamma: f64,
    /// ln L.
    value: f64,
    /// `(u - v) / gamma`, of the logarithms u and v of the two limits.
    apart: f64,
    /// Share of the size's power in the sum.
    share: f64,
    /// Derivative of the logarithm of the joined terms by ln gamma.
    by_gamma: f64,
    /// Share of the joined terms in the loss; `None` without a floor.
    part: Option<f64>,
}

impl Joined {
    #[inline]
    fn new(floor: bool, theta: &[f64], point: &Point) -> Joined {
        let gamma = exp(theta[4]);
        let [log_joined, share, apart, by_gamma] = joined_at(theta, gamma, point.x, point.y);
        let (part, value) = if floor {
            let (floor, joined) = (exp(theta[5]), exp(log_joined));
            (Some(joined / (floor + joined)), ln(floor + joined))
        } else {
            (None, log_joined)
        };
        Joined { gamma, value, apart, share, by_gamma, part }
    }

    #[inline]
    fn slopes(&self, point: &Point, out: &mut [f64]) {
        let (part, share) = (self.part.unwrap_or(1.0), self.share);
        out[0] = part * share;
        out[1] = -part * share * point.x;
        out[2] = part * (1.0 - share);
        out[3] = -part * (1.0 - share) * point.y;
        out[4] = part * self.by_gamma;
        if let Some(part) = self.part {
            out[5] = 1.0 - part;
        }
    }

    #[inline]
    fn curvature(&self, point: &Point, out: &mut Matrix) {
        let Joined { gamma, apart, share, by_gamma, .. } = *self;
        let slope_of_share = share * (1.0 - share);
        // Of the logarithm of the joined terms by (u, v, ln gamma).
        let first = [share, 1.0 - share, by_gamma];
        let (straight, mixed) = (slope_of_share / gamma, slope_of_share * apart);
        let second = [
            [straight, -straight, -mixed],
            [-straight, straight, mixed],
            [-mixed, mixed, by_gamma + mixed * apart * gamma],
        ];
        // Which of the three each working parameter moves, and how fast.
        let moves = [(0, 1.0), (0, -point.x), (1, 1.0), (1, -point.y), (2, 1.0)];
        let part = self.part.unwrap_or(1.0);
        let bend = part * (1.0 - part);
        for (i, (a, by_i)) in moves.iter().enumerate() {
            for (j, (b, by_j)) in moves.iter().enumerate() {
                out[i][j] = by_i * by_j * (part * second[*a][*b] + bend * first[*a] * first[*b]);
            }
            if self.part.is_some() {
                out[i][5] = -bend * by_i * first[*a];
                out[5][i] = out[i][5];
            }
        }
        if self.part.is_some() {
            out[5][5] = bend;
        }
    }
}

impl Law for Joint {
    fn about(&self) -> About {
        let reference =
            "Busbridge et al. 2025, arXiv:2502.08606; Kaplan et al. 2020, arXiv:2001.08361";
        let reads = Reads::PARAMS_AND_TOKENS;
        if self.floor {
            return About {
                name: "joint-offset",
                formula: "L = E + [(A / N^alpha)^(1/gamma) + (B / D^beta)^(1/gamma)]^gamma",
                reference,
                parameters: &["A", "alpha", "B", "beta", "gamma", "E"],
                reads,
            };
        }
        About {
            name: "joint",
            formula: "L = [(A / N^alpha)^(1/gamma) + (B / D^beta)^(1/gamma)]^gamma",
            reference,
            parameters: &["A", "alpha", "B", "beta", "gamma"],
            reads,
        }
    }

    fn log_loss(&self, theta: &[f64], point: &Point, gradient: &mut [f64]) -> f64 {
        let joined = Joined::new(self.floor, theta, point);
        joined.slopes(point, gradient);
        joined.value
    }

    fn second_order(
        &self,
        theta: &[f64],
        point: &Point,
        gradient: &mut [f64],
        curvature: &mut Matrix,
    ) -> f64 {
        let joined = Joined::new(self.floor, theta, point);
        joined.slopes(point, gradient);
        joined.curvature(point, curvature);
        joined.value
    }

    fn fast_form(&self) -> Option<FastForm> {
        (!self.floor).then_some(FastForm::Joined)
    }

    fn natural(&self, theta: &[f64], centre: &Centre) -> Vec<f64> {
        let mut out = vec![
            (theta[0] + theta[1] * centre.log_params).exp(),
            theta[1],
            (theta[2] + theta[3] * centre.log_tokens).exp(),
            theta[3],
            theta[4].exp(),
        ];
        out.extend(self.floor.then(|| theta[5].exp()));
        out
    }

    fn working(&self, natural: &[f64], centre: &Centre) -> Vec<f64> {
        let mut out = vec![
            natural[0].ln() - natural[1] * centre.log_params,
            natural[1],
            natural[2].ln() - natural[3] * centre.log_tokens,
            natural[3],
            natural[4].ln(),
        ];
        out.extend(self.floor.then(|| natural[5].ln()));
        out
    }

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>> {
        let shares: &[f64] = if self.floor { &[0.2, 0.5, 0.8] } else { &[0.0] };
        let mut tried = Vec::new();
        for share in shares {
            let floor = share * sample.least_loss();
            for alpha in [0.05, 0.1, 0.2, 0.35] {
                for beta in [0.05, 0.1, 0.2, 0.35] {
                    for gamma in [0.2f64, 0.5, 1.0] {
                        for tilt in [-0.3, 0.0, 0.3] {
                            let start = self.start(sample, floor, [alpha, beta], gamma, tilt);
                            tried.push(start);
                        }
                    }
                }
            }
        }
        best_starts(self, sample, tried)
    }

    fn random_start(&self, sample: &Sample, uniform: &mut dyn FnMut() -> f64) -> Vec<f64> {
        let exponent = |u: f64| 0.03 * 15f64.powf(u);
        let (alpha, beta) = (exponent(uniform()), exponent(uniform()));
        let gamma = 0.1 * 15f64.powf(uniform());
        let tilt = uniform() - 0.5;
        let floor = sample.least_loss() * (0.05 + 0.85 * uniform());
        self.start(sample, floor, [alpha, beta], gamma, tilt)
    }

    fn range(&self, sample: &Sample) -> Vec<(f64, f64)> {
        let least = sample.least_loss().ln();
        let (term, exponent) = ((least - 60.0, least + 60.0), (0.0, 12.0));
        let mut out = vec![term, exponent, term, exponent, (-4.0, 4.0)];
        out.extend(self.floor.then_some((least - 25.0, least + 0.5)));
        out
    }

    fn at_bound(&self, theta: &[f64], sample: &Sample) -> Vec<&'static str> {
        let outside = |v: f64, (lo, hi): (f64, f64)| !(lo..hi).contains(&v);
        let vanished = self.floor && theta[5].exp() < LEAST_FLOOR * sample.least_loss();
        let bad = [
            ("alpha", outside(theta[1], EXPONENTS)),
            ("beta", outside(theta[3], EXPONENTS)),
            ("gamma", outside(theta[4].exp(), GAMMA)),
            ("E", vanished),
        ];
        bad.iter().filter(|(_, bad)| *bad).map(|(name, _)| *name).collect()
    }

    fn sum_of_powers(&self, theta: &[f64], centre: &Centre) -> Option<SumOfPowers> {
        let gamma = theta[4].exp();
        let (alpha, beta) = (theta[1] / gamma, theta[3] / gamma);
        Some(SumOfPowers {
            log_floor: if self.floor { theta[5] } else { f64::NEG_INFINITY },
            log_a: theta[0] / gamma + alpha * centre.log_params,
            alpha,
            log_b: theta[2] / gamma + beta * centre.log_tokens,
            beta,
            power: gamma,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::tests::check_second_order;

    #[test]
    fn curvature_is_that_of_the_gradient() {
        for floor in [false, true] {
            let law = Joint { floor };
            let theta = [0.4, 0.2, 0.1, 0.25, -0.9, 0.3];
            for (x, y) in [(-1.0, 2.0), (0.5, 0.3), (3.0, -2.0)] {
                let point = Point { x, y, c: x + y, unique: y, centre_x: 0.0, centre_y: 0.0 };
                check_second_order(&law, &theta[..law.parameters().len()], &point);
            }
        }
    }
}
