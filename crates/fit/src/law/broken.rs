//! Broken power law with one break, `L = E + b X^-c0 (1 + (X / d)^(1/f))^(-c1 f)` (Caballero et al. 2022,
//! "Broken Neural Scaling Laws", arXiv:2210.14891, equation 1), for single curves.

use super::sum::LEAST_FLOOR;
use super::{About, Centre, Law, Point, PowerLaw, Sample, Variable};
use crate::stats::range;

/// One break. Working parameters: `(ln E, ln b', c0, c1, ln d', ln f)`, b and d at the centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    pub variable: Variable,
}

/// `ln(1 + e^t)` and its slope.
fn softplus(t: f64) -> (f64, f64) {
    let slope = 1.0 / (1.0 + (-t).exp());
    (if t > 0.0 { t + (-t).exp().ln_1p() } else { t.exp().ln_1p() }, slope)
}

impl Law for Broken {
    fn about(&self) -> About {
        About {
            name: self.variable.of_three(["broken-n", "broken-d", "broken-c"]),
            formula: self.variable.of_three([
                "L = E + b N^-c0 (1 + (N / d)^(1/f))^(-c1 f)",
                "L = E + b D^-c0 (1 + (D / d)^(1/f))^(-c1 f)",
                "L = E + b C^-c0 (1 + (C / d)^(1/f))^(-c1 f)",
            ]),
            reference: "Caballero et al. 2022, arXiv:2210.14891, equation 1",
            parameters: &["E", "b", "c0", "c1", "d", "f"],
            reads: self.variable.reads(),
        }
    }

    fn log_loss(&self, theta: &[f64], point: &Point, gradient: &mut [f64]) -> f64 {
        let x = self.variable.centred(point);
        let [e, b, c0, c1, d, g] = [theta[0], theta[1], theta[2], theta[3], theta[4], theta[5]];
        let f = g.exp();
        let t = (x - d) / f;
        let (s, slope) = softplus(t);
        let floor = e.exp();
        let u = (b - c0 * x - c1 * f * s).exp();
        let sum = floor + u;
        let share = u / sum;
        gradient[0] = floor / sum;
        gradient[1] = share;
        gradient[2] = -x * share;
        gradient[3] = -f * s * share;
        gradient[4] = c1 * slope * share;
        gradient[5] = -c1 * f * (s - slope * t) * share;
        sum.ln()
    }

    fn natural(&self, theta: &[f64], centre: &Centre) -> Vec<f64> {
        let m = self.variable.centre(centre);
        let b = (theta[1] + theta[2] * m).exp();
        vec![theta[0].exp(), b, theta[2], theta[3], (theta[4] + m).exp(), theta[5].exp()]
    }

    fn working(&self, natural: &[f64], centre: &Centre) -> Vec<f64> {
        let m = self.variable.centre(centre);
        let b = natural[1].ln() - natural[2] * m;
        vec![natural[0].ln(), b, natural[2], natural[3], natural[4].ln() - m, natural[5].ln()]
    }

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>> {
        let smooth = PowerLaw { variable: self.variable, floor: true };
        let (lo, hi) = range(sample.points.iter().map(|p| self.variable.centred(p)));
        let mut out = Vec::new();
        for start in smooth.starts(sample) {
            for share in [0.3, 0.5, 0.7] {
                for turn in [-0.5, 0.5] {
                    let d = lo + share * (hi - lo);
                    let c1 = turn * start[2];
                    // Same slope in the middle, bent either way.
                    out.push(vec![start[0], start[1], start[2] - 0.5 * c1, c1, d, -0.7]);
                }
            }
        }
        out
    }

    fn random_start(&self, sample: &Sample, uniform: &mut dyn FnMut() -> f64) -> Vec<f64> {
        let starts = self.starts(sample);
        let mut start =
            starts[((uniform() * starts.len() as f64) as usize).min(starts.len() - 1)].clone();
        start[2] *= 0.5 + uniform();
        start[3] *= 3.0 * uniform();
        start[4] += uniform() - 0.5;
        start[5] += 2.0 * (uniform() - 0.5);
        start
    }

    fn range(&self, sample: &Sample) -> Vec<(f64, f64)> {
        let least = sample.least_loss().ln();
        vec![
            (least - 25.0, least + 0.5),
            (least - 60.0, least + 60.0),
            (-4.0, 12.0),
            (-12.0, 12.0),
            (-40.0, 40.0),
            (-5.0, 3.0),
        ]
    }

    fn at_bound(&self, theta: &[f64], sample: &Sample) -> Vec<&'static str> {
        let mut names = Vec::new();
        if theta[0].exp() < LEAST_FLOOR * sample.least_loss() {
            names.push("E");
        }
        if !(-4.99..2.99).contains(&theta[5]) {
            names.push("f");
        }
        if theta[4].abs() > 39.9 {
            names.push("d");
        }
        names
    }

    fn own_exponent(&self) -> Option<&'static str> {
        Some("c0")
    }
}
