//! A law on runs as a problem for the solver: the vectorised kernel for sums of powers, a plain
//! loop for every other law.

use super::{Evaluation, MAX_PARAMETERS, Matrix, Problem, Solution, minimise, within};
use crate::kernel::{Columns, PowerSum};
use crate::law::{FastForm, Law, Point, Sample};

/// A law, its fast form and its ranges: what does not change between resamples.
pub(crate) struct Model<'a> {
    pub law: &'a dyn Law,
    pub sample: &'a Sample,
    pub log: bool,
    fast: Option<FastForm>,
    range: Vec<(f64, f64)>,
}

/// Targets and weights of one (re)sample. Reused between refits: filling it allocates nothing.
#[derive(Default)]
pub(crate) struct Rows {
    columns: Columns,
    points: Vec<(Point, f64, f64)>,
}

impl<'a> Model<'a> {
    pub fn new(law: &'a dyn Law, sample: &'a Sample, log: bool) -> Self {
        let (fast, range) = (law.fast_form(sample), law.range(sample));
        Model { law, sample, log, fast, range }
    }

    pub fn dimension(&self) -> usize {
        self.range.len()
    }

    /// Moves parameters back into the law's range.
    pub fn confine(&self, z: &mut [f64]) {
        for (value, (lo, hi)) in z.iter_mut().zip(&self.range) {
            *value = value.clamp(*lo, *hi);
        }
    }

    /// What residuals are taken of.
    pub fn targets(&self) -> &'a [f64] {
        if self.log { &self.sample.log_loss } else { &self.sample.loss }
    }

    /// All rows once.
    pub fn rows(&self) -> Rows {
        let columns = Columns::with_capacity(self.sample.len());
        let mut rows = Rows { columns, ..Rows::default() };
        self.fill(&mut rows, self.targets(), None);
        rows
    }

    /// Replaces the content of `rows`. Rows of weight 0 are left out.
    pub fn fill(&self, rows: &mut Rows, targets: &[f64], weights: Option<&[f64]>) {
        let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
        rows.columns.clear();
        rows.points.clear();
        for (i, point) in self.sample.points.iter().enumerate() {
            let w = weight(i);
            if w == 0.0 {
                continue;
            }
            match &self.fast {
                Some(form) => {
                    let x = if form.flops_for_params { point.c } else { point.x };
                    rows.columns.push(x, point.y, targets[i], w);
                }
                None => rows.points.push((*point, targets[i], w)),
            }
        }
        rows.columns.pad();
    }

    /// Minimises from `start` along the thresholds `deltas`.
    pub fn minimise(&self, rows: &Rows, start: &[f64], deltas: &[f64]) -> Solution {
        match &self.fast {
            Some(form) => {
                let columns = &rows.columns;
                let problem = PowerSum { columns, log: self.log, restriction: &form.restriction };
                minimise(&Confined { problem, range: &self.range }, start, deltas)
            }
            None => {
                let problem = Plain { model: self, rows: &rows.points };
                minimise(&Confined { problem, range: &self.range }, start, deltas)
            }
        }
    }

    /// Value, gradient and Hessian at `theta`.
    pub fn evaluate(&self, rows: &Rows, theta: &[f64], delta: f64) -> Evaluation {
        let mut out = Evaluation::default();
        match &self.fast {
            Some(form) => {
                let columns = &rows.columns;
                PowerSum { columns, log: self.log, restriction: &form.restriction }
                    .evaluate(theta, delta, &mut out);
            }
            None => Plain { model: self, rows: &rows.points }.evaluate(theta, delta, &mut out),
        }
        out
    }

    /// See [`Problem::majorant`].
    pub fn majorant(&self, rows: &Rows, theta: &[f64], delta: f64, out: &mut Matrix) {
        match &self.fast {
            Some(form) => {
                let columns = &rows.columns;
                PowerSum { columns, log: self.log, restriction: &form.restriction }
                    .majorant(theta, delta, out);
            }
            None => Plain { model: self, rows: &rows.points }.majorant(theta, delta, out),
        }
    }

    /// The model's value where residuals live (ln L or L), per run.
    pub fn predicted(&self, theta: &[f64]) -> Vec<f64> {
        let mut gradient = [0.0; MAX_PARAMETERS];
        let at = |p: &Point| {
            let value = self.law.log_loss(theta, p, &mut gradient[..theta.len()]);
            if self.log { value } else { value.exp() }
        };
        self.sample.points.iter().map(at).collect()
    }
}

/// Keeps another problem's parameters in their ranges.
struct Confined<'a, P> {
    problem: P,
    range: &'a [(f64, f64)],
}

impl<P: Problem> Problem for Confined<'_, P> {
    fn dimension(&self) -> usize {
        self.problem.dimension()
    }

    fn evaluate(&self, z: &[f64], delta: f64, out: &mut Evaluation) {
        self.problem.evaluate(z, delta, out);
    }

    fn majorant(&self, z: &[f64], delta: f64, out: &mut Matrix) {
        self.problem.majorant(z, delta, out);
    }

    fn confine(&self, z: &mut [f64]) {
        for (value, (lo, hi)) in z.iter_mut().zip(self.range) {
            *value = value.clamp(*lo, *hi);
        }
    }
}

struct Plain<'a> {
    model: &'a Model<'a>,
    rows: &'a [(Point, f64, f64)],
}

impl Problem for Plain<'_> {
    fn dimension(&self) -> usize {
        self.model.dimension()
    }

    fn evaluate(&self, z: &[f64], delta: f64, out: &mut Evaluation) {
        let n = self.dimension();
        let law = self.model.law;
        out.value = 0.0;
        out.gradient = [0.0; MAX_PARAMETERS];
        out.hessian = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
        let mut slope = [0.0; MAX_PARAMETERS];
        let mut curve = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
        for (point, target, weight) in self.rows {
            let mut model = law.log_loss(z, point, &mut slope[..n]);
            law.curvature(z, point, &mut curve);
            if !self.model.log {
                // L = e^phi: L' = L phi', L'' = L (phi'' + phi' phi').
                model = model.exp();
                for i in 0..n {
                    for j in 0..n {
                        curve[i][j] = model * (curve[i][j] + slope[i] * slope[j]);
                    }
                }
                for s in &mut slope[..n] {
                    *s *= model;
                }
            }
            let r = target - model;
            let psi = r.clamp(-delta, delta);
            let inside = if r.abs() <= delta { *weight } else { 0.0 };
            out.value += weight * psi * (r - 0.5 * psi);
            for i in 0..n {
                out.gradient[i] -= weight * psi * slope[i];
                for j in 0..n {
                    out.hessian[i][j] += inside * slope[i] * slope[j] - weight * psi * curve[i][j];
                }
            }
        }
    }

    fn majorant(&self, z: &[f64], delta: f64, out: &mut Matrix) {
        let n = self.dimension();
        let mut slope = [0.0; MAX_PARAMETERS];
        *out = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
        for (point, target, weight) in self.rows {
            let mut model = self.model.law.log_loss(z, point, &mut slope[..n]);
            if !self.model.log {
                model = model.exp();
                slope[..n].iter_mut().for_each(|s| *s *= model);
            }
            let weight = weight * within(target - model, delta);
            for i in 0..n {
                for j in 0..n {
                    out[i][j] += weight * slope[i] * slope[j];
                }
            }
        }
    }
}
