//! One-variable power laws: `L = A / X^alpha`, with or without a floor, for X = N, D or C.
//!
//! Without a floor these are Kaplan et al. 2020's `L(N) = (N_c / N)^alpha_N`, `L(D)`, `L(C)` and
//! `L(C_min)` (equations 1.1 to 1.3): `A = X_c^alpha`. Under [`crate::Objective::SquaredLog`] the fit
//! is ordinary least squares in logarithms.

use super::hoffmann::{EXPONENT_GRID, EXPONENTS, LEAST_FLOOR};
use super::{Centre, FastForm, Law, Point, Reads, Sample, log_linear};
use crate::kernel::Restriction;
use crate::table::Observation;

/// What a one-variable law is a law of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variable {
    /// N.
    Params,
    /// D.
    Tokens,
    /// C.
    Flops,
}

impl Variable {
    /// N, D or C.
    pub fn letter(self) -> &'static str {
        match self {
            Variable::Params => "N",
            Variable::Tokens => "D",
            Variable::Flops => "C",
        }
    }

    pub(crate) fn centred(self, point: &Point) -> f64 {
        match self {
            Variable::Params => point.x,
            Variable::Tokens => point.y,
            Variable::Flops => point.c,
        }
    }

    pub(crate) fn centre(self, centre: &Centre) -> f64 {
        match self {
            Variable::Params => centre.log_params,
            Variable::Tokens => centre.log_tokens,
            Variable::Flops => centre.log_flops,
        }
    }

    pub(crate) fn reads(self) -> Reads {
        Reads {
            params: self == Variable::Params,
            tokens: self == Variable::Tokens,
            flops: self == Variable::Flops,
            unique: false,
        }
    }

    /// Value in a run.
    pub fn of(self, row: &Observation) -> f64 {
        match self {
            Variable::Params => row.params,
            Variable::Tokens => row.tokens,
            Variable::Flops => row.flops,
        }
    }
}

/// A power law of one variable. Working parameters: `(ln E, a, alpha)`, or `(a, alpha)` without floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerLaw {
    /// X.
    pub variable: Variable,
    /// Whether there is an E.
    pub floor: bool,
}

impl PowerLaw {
    fn skip(&self) -> usize {
        usize::from(self.floor)
    }
}

impl Law for PowerLaw {
    fn name(&self) -> &'static str {
        match (self.variable, self.floor) {
            (Variable::Params, true) => "offset-n",
            (Variable::Tokens, true) => "offset-d",
            (Variable::Flops, true) => "offset-c",
            (Variable::Params, false) => "power-n",
            (Variable::Tokens, false) => "power-d",
            (Variable::Flops, false) => "power-c",
        }
    }

    fn formula(&self) -> &'static str {
        match (self.variable, self.floor) {
            (Variable::Params, true) => "L = E + A / N^alpha",
            (Variable::Tokens, true) => "L = E + A / D^alpha",
            (Variable::Flops, true) => "L = E + A / C^alpha",
            (Variable::Params, false) => "L = A / N^alpha",
            (Variable::Tokens, false) => "L = A / D^alpha",
            (Variable::Flops, false) => "L = A / C^alpha",
        }
    }

    fn reference(&self) -> &'static str {
        if self.floor {
            "Henighan et al. 2020, arXiv:2010.14701, equation 1.1"
        } else {
            "Kaplan et al. 2020, arXiv:2001.08361, equations 1.1 to 1.3 (A = X_c^alpha)"
        }
    }

    fn parameters(&self) -> &'static [&'static str] {
        if self.floor { &["E", "A", "alpha"] } else { &["A", "alpha"] }
    }

    fn reads(&self) -> Reads {
        self.variable.reads()
    }

    fn log_loss(&self, theta: &[f64], point: &Point, gradient: &mut [f64]) -> f64 {
        let x = self.variable.centred(point);
        if !self.floor {
            gradient[0] = 1.0;
            gradient[1] = -x;
            return theta[0] - theta[1] * x;
        }
        let e = theta[0].exp();
        let u = (theta[1] - theta[2] * x).exp();
        let f = e + u;
        gradient[0] = e / f;
        gradient[1] = u / f;
        gradient[2] = -x * u / f;
        f.ln()
    }

    fn natural(&self, theta: &[f64], centre: &Centre) -> Vec<f64> {
        let k = self.skip();
        let a = (theta[k] + theta[k + 1] * self.variable.centre(centre)).exp();
        let mut out = vec![a, theta[k + 1]];
        if self.floor {
            out.insert(0, theta[0].exp());
        }
        out
    }

    fn working(&self, natural: &[f64], centre: &Centre) -> Vec<f64> {
        let k = self.skip();
        let a = natural[k].ln() - natural[k + 1] * self.variable.centre(centre);
        let mut out = vec![a, natural[k + 1]];
        if self.floor {
            out.insert(0, natural[0].ln());
        }
        out
    }

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>> {
        let x: Vec<f64> = sample.points.iter().map(|p| self.variable.centred(p)).collect();
        if !self.floor {
            let (a, slope) = log_linear(&x, &sample.log_loss);
            return vec![vec![a, -slope]];
        }
        // The floor by trial: with E given, ln(L - E) is linear. The least stands for none at all, towards which E would
        // creep without end.
        let least = sample.least_loss();
        let mut tried: Vec<(f64, Vec<f64>)> = [1e-4, 0.3, 0.6, 0.8, 0.9, 0.95, 0.99]
            .iter()
            .map(|share| {
                let floor = share * least;
                let y: Vec<f64> = sample.loss.iter().map(|l| (l - floor).ln()).collect();
                let (a, slope) = log_linear(&x, &y);
                let start = vec![floor.ln(), a, -slope];
                let mut gradient = [0.0; 3];
                let off: f64 = sample
                    .points
                    .iter()
                    .zip(&sample.log_loss)
                    .map(|(p, l)| (l - self.log_loss(&start, p, &mut gradient)).powi(2))
                    .sum();
                (off, start)
            })
            .collect();
        tried.sort_by(|a, b| a.0.total_cmp(&b.0));
        tried.into_iter().map(|t| t.1).take(3).collect()
    }

    fn wild_start(&self, sample: &Sample, uniform: &mut dyn FnMut() -> f64) -> Vec<f64> {
        let least = sample.least_loss();
        let pick = (uniform() * EXPONENT_GRID.len() as f64) as usize;
        let alpha = EXPONENT_GRID[pick.min(EXPONENT_GRID.len() - 1)] * (0.7 + 0.6 * uniform());
        let mut out = vec![(least * (0.05 + uniform())).ln(), alpha];
        if self.floor {
            out.insert(0, (least * (0.05 + 0.9 * uniform())).ln());
        }
        out
    }

    fn range(&self, sample: &Sample) -> Vec<(f64, f64)> {
        let least = sample.least_loss().ln();
        let mut out = vec![(least - 60.0, least + 60.0), (-4.0, 12.0)];
        if self.floor {
            out.insert(0, (least - 25.0, least + 0.5));
        }
        out
    }

    fn at_bound(&self, theta: &[f64], sample: &Sample) -> Vec<&'static str> {
        let mut names = Vec::new();
        if self.floor && theta[0].exp() < LEAST_FLOOR * sample.least_loss() {
            names.push("E");
        }
        // Kaplan's exponents are small: without a floor, .05 is usual.
        if !(1e-3..EXPONENTS.1).contains(&theta[self.skip() + 1]) {
            names.push("alpha");
        }
        names
    }

    fn own_exponent(&self) -> Option<&'static str> {
        Some("alpha")
    }

    fn fast_form(&self, _sample: &Sample) -> Option<FastForm> {
        // The unused term and a missing floor are e^-700: nothing, and still positive.
        let none = -700.0;
        let at = if self.variable == Variable::Tokens { 3 } else { 1 };
        let mut base = [if self.floor { 0.0 } else { none }, none, 0.0, none, 0.0];
        base[at] = 0.0;
        let mut directions = Vec::new();
        if self.floor {
            directions.push([1.0, 0.0, 0.0, 0.0, 0.0]);
        }
        for k in [at, at + 1] {
            let mut direction = [0.0; 5];
            direction[k] = 1.0;
            directions.push(direction);
        }
        let restriction = Restriction::new(base, directions);
        Some(FastForm { restriction, flops_for_params: self.variable == Variable::Flops })
    }
}
