//! One-variable power laws: `L = A / X^alpha`, with or without a floor, for X = N, D or C.
//!
//! Without a floor these are Kaplan et al. 2020's `L(N) = (N_c / N)^alpha_N`, `L(D)`, `L(C)` and
//! `L(C_min)` (equations 1.1 to 1.3): `A = X_c^alpha`. Under [`crate::Objective::SquaredLog`] the fit
//! is ordinary least squares in logarithms.

use super::sum::{EXPONENT_GRID, Restricted};
use super::{About, Sample, Variable, best_starts};
use crate::kernel::Slot::{self, Free, Given};
use crate::stats::Line;

/// A power law of one variable. Working parameters: `(ln E, a, alpha)`, or `(a, alpha)` without floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerLaw {
    pub variable: Variable,
    /// Whether there is an E.
    pub floor: bool,
}

impl Restricted for PowerLaw {
    fn about(&self) -> About {
        let (names, formulas) = if self.floor {
            (
                ["offset-n", "offset-d", "offset-c"],
                ["L = E + A / N^alpha", "L = E + A / D^alpha", "L = E + A / C^alpha"],
            )
        } else {
            (
                ["power-n", "power-d", "power-c"],
                ["L = A / N^alpha", "L = A / D^alpha", "L = A / C^alpha"],
            )
        };
        let reference = if self.floor {
            "Henighan et al. 2020, arXiv:2010.14701, equation 1.1"
        } else {
            "Kaplan et al. 2020, arXiv:2001.08361, equations 1.1 to 1.3 (A = X_c^alpha)"
        };
        About {
            name: self.variable.of_three(names),
            formula: self.variable.of_three(formulas),
            reference,
            parameters: if self.floor { &["E", "A", "alpha"] } else { &["A", "alpha"] },
            reads: self.variable.reads(),
        }
    }

    fn slots(&self) -> [Slot; 5] {
        // The unused term and a missing floor are e^-700: nothing, and still positive.
        let none = Given(-700.0);
        let first = usize::from(self.floor);
        let floor = if self.floor { Free(0) } else { none };
        let (a, alpha) = (Free(first), Free(first + 1));
        match self.variable {
            Variable::Tokens => [floor, none, Given(0.0), a, alpha],
            _ => [floor, a, alpha, none, Given(0.0)],
        }
    }

    fn variables(&self) -> [Variable; 2] {
        match self.variable {
            Variable::Flops => [Variable::Flops, Variable::Tokens],
            _ => [Variable::Params, Variable::Tokens],
        }
    }

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>> {
        let x: Vec<f64> = sample.points.iter().map(|p| self.variable.centred(p)).collect();
        let through = |y: &[f64]| {
            let line = Line::fit(&x, y);
            [line.intercept(), -line.slope]
        };
        if !self.floor {
            return vec![through(&sample.log_loss).to_vec()];
        }
        // The floor by trial: with E given, ln(L - E) is linear. The least stands for none at all, towards which E would
        // creep without end.
        let trial = |share: f64| {
            let floor = share * sample.least_loss();
            let y: Vec<f64> = sample.loss.iter().map(|l| (l - floor).ln()).collect();
            let [a, alpha] = through(&y);
            vec![floor.ln(), a, alpha]
        };
        best_starts(self, sample, [1e-4, 0.3, 0.6, 0.8, 0.9, 0.95, 0.99].map(trial).to_vec())
    }

    fn random_start(&self, sample: &Sample, uniform: &mut dyn FnMut() -> f64) -> [f64; 5] {
        let least = sample.least_loss();
        let at = (uniform() * EXPONENT_GRID.len() as f64) as usize;
        let alpha = EXPONENT_GRID[at.min(EXPONENT_GRID.len() - 1)] * (0.7 + 0.6 * uniform());
        let a = (least * (0.05 + uniform())).ln();
        let e = if self.floor { (least * (0.05 + 0.9 * uniform())).ln() } else { 0.0 };
        [e, a, alpha, a, alpha]
    }

    /// Kaplan's exponents are small: without a floor, .05 is usual.
    fn exponents(&self) -> ((f64, f64), f64) {
        ((-4.0, 12.0), 1e-3)
    }

    fn own_exponent(&self) -> Option<&'static str> {
        Some("alpha")
    }
}
