//! `L(N, D) = [(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D` (Kaplan et al. 2020, "Scaling Laws for
//! Neural Language Models", equation 1.5). Its one-variable limits are in [`super::PowerLaw`].

use super::sum::EXPONENTS;
use super::{About, Centre, Law, Point, Reads, Sample, SumOfPowers, best_starts};
use crate::stats::mean;

/// Kaplan's joint law. Working parameters: `(n, alpha_N, d, alpha_D)` with
/// `n = (alpha_N / alpha_D) (ln N_c - mean ln N)` and `d = ln D_c - mean ln D`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kaplan;

impl Law for Kaplan {
    fn about(&self) -> About {
        About {
            name: "kaplan",
            formula: "L = [(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D",
            reference: "Kaplan et al. 2020, arXiv:2001.08361, equation 1.5",
            parameters: &["N_c", "alpha_N", "D_c", "alpha_D"],
            reads: Reads::PARAMS_AND_TOKENS,
        }
    }

    fn log_loss(&self, theta: &[f64], point: &Point, gradient: &mut [f64]) -> f64 {
        let [n, alpha, d, beta] = [theta[0], theta[1], theta[2], theta[3]];
        let (p, q) = (n - alpha / beta * point.x, d - point.y);
        let top = p.max(q);
        let (s, t) = ((p - top).exp(), (q - top).exp());
        let share = s / (s + t);
        let log_sum = top + (s + t).ln();
        gradient[0] = beta * share;
        gradient[1] = -point.x * share;
        gradient[2] = beta * (1.0 - share);
        gradient[3] = log_sum + share * alpha / beta * point.x;
        beta * log_sum
    }

    fn natural(&self, theta: &[f64], centre: &Centre) -> Vec<f64> {
        let ratio = theta[1] / theta[3];
        vec![
            (theta[0] / ratio + centre.log_params).exp(),
            theta[1],
            (theta[2] + centre.log_tokens).exp(),
            theta[3],
        ]
    }

    fn working(&self, natural: &[f64], centre: &Centre) -> Vec<f64> {
        let ratio = natural[1] / natural[3];
        vec![
            ratio * (natural[0].ln() - centre.log_params),
            natural[1],
            natural[2].ln() - centre.log_tokens,
            natural[3],
        ]
    }

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>> {
        let mut tried = Vec::new();
        for alpha in [0.04, 0.08, 0.16, 0.3] {
            for beta in [0.05, 0.1, 0.2, 0.35] {
                for tilt in [-1.0, 0.0, 1.0] {
                    // Both terms together give the mean loss at the centre.
                    let each = mean(&sample.log_loss) / beta - 2f64.ln();
                    tried.push(vec![each + tilt, alpha, each - tilt, beta]);
                }
            }
        }
        best_starts(self, sample, tried)
    }

    fn random_start(&self, sample: &Sample, uniform: &mut dyn FnMut() -> f64) -> Vec<f64> {
        let exponent = |u: f64| 0.03 * 15f64.powf(u);
        let (alpha, beta) = (exponent(uniform()), exponent(uniform()));
        let each = mean(&sample.log_loss) / beta - 2f64.ln();
        let tilt = 3.0 * (uniform() - 0.5);
        vec![each + tilt, alpha, each - tilt, beta]
    }

    fn range(&self, _sample: &Sample) -> Vec<(f64, f64)> {
        vec![(-300.0, 300.0), (-1.0, 6.0), (-300.0, 300.0), (5e-3, 6.0)]
    }

    fn at_bound(&self, theta: &[f64], _sample: &Sample) -> Vec<&'static str> {
        let outside = |v: f64| !(EXPONENTS.0..EXPONENTS.1).contains(&v);
        let exponents = [("alpha_N", theta[1]), ("alpha_D", theta[3])];
        exponents.iter().filter(|(_, v)| outside(*v)).map(|(n, _)| *n).collect()
    }

    fn sum_of_powers(&self, theta: &[f64], centre: &Centre) -> Option<SumOfPowers> {
        let ratio = theta[1] / theta[3];
        Some(SumOfPowers {
            log_floor: f64::NEG_INFINITY,
            log_a: theta[0] + ratio * centre.log_params,
            alpha: ratio,
            log_b: theta[2] + centre.log_tokens,
            beta: 1.0,
            power: theta[3],
        })
    }
}

/// `C_min = C / (1 + B / B_crit(L))`, the compute that the run would have taken at a small batch, with
/// `B_crit = 2.1e8 tokens * L^(-1 / 0.21)` (Kaplan et al. 2020, equations 5.3 and 5.5). FLOPs in,
/// FLOPs out; batch in tokens, loss in nats.
pub fn least_compute(flops: f64, batch_tokens: f64, loss_nats: f64) -> f64 {
    let critical = 2.1e8 * loss_nats.powf(-1.0 / 0.21);
    flops / (1.0 + batch_tokens / critical)
}
