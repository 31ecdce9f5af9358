//! A law on runs as a problem for the solver: a vectorised kernel for sums of powers and their norms, a plain loop for
//! every other law.

use super::{Evaluation, MAX_PARAMETERS, Matrix, Problem, Solution, add_outer, minimise, within};
use crate::kernel::{Columns, Joined, PowerSum};
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
        Model { law, sample, log, fast: law.fast_form(), range: law.range(sample) }
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

    /// Replaces the content of `rows`; `weights` multiply the sample's. Rows of weight 0 are left out.
    pub fn fill(&self, rows: &mut Rows, targets: &[f64], weights: Option<&[f64]>) {
        rows.columns.clear();
        rows.points.clear();
        for (i, point) in self.sample.points.iter().enumerate() {
            let weight = weights.map_or(1.0, |w| w[i]) * self.sample.weights[i];
            if weight == 0.0 {
                continue;
            }
            match &self.fast {
                Some(form) => {
                    let [x, y] = form.of(point);
                    rows.columns.push(x, y, targets[i], weight);
                }
                None => rows.points.push((*point, targets[i], weight)),
            }
        }
        rows.columns.pad();
    }

    /// Minimises from `start` along the thresholds `deltas`.
    pub fn minimise(&self, rows: &Rows, start: &[f64], deltas: &[f64]) -> Solution {
        minimise(&OnRows { model: self, rows }, start, deltas)
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

    pub fn residuals(&self, theta: &[f64]) -> Vec<f64> {
        self.targets().iter().zip(self.predicted(theta)).map(|(t, p)| t - p).collect()
    }

    /// Derivatives of ln L by each parameter, per run.
    pub fn slopes(&self, theta: &[f64]) -> Vec<[f64; MAX_PARAMETERS]> {
        (0..self.sample.len()).map(|row| self.slope(theta, row)).collect()
    }

    /// Those of one run.
    pub fn slope(&self, theta: &[f64], row: usize) -> [f64; MAX_PARAMETERS] {
        let mut slope = [0.0; MAX_PARAMETERS];
        self.law.log_loss(theta, &self.sample.points[row], &mut slope[..theta.len()]);
        slope
    }

    /// `J'J` of ln L.
    pub fn gram(&self, theta: &[f64]) -> Matrix {
        let mut gram = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
        for slope in self.slopes(theta) {
            add_outer(&mut gram, &slope[..theta.len()], 1.0);
        }
        gram
    }
}

/// A model with one (re)sample, as a problem within the law's ranges.
pub(crate) struct OnRows<'a> {
    pub model: &'a Model<'a>,
    pub rows: &'a Rows,
}

enum Fast<'a> {
    Sum(PowerSum<'a>),
    Joined(Joined<'a>),
}

impl OnRows<'_> {
    pub fn at(&self, z: &[f64], delta: f64) -> Evaluation {
        let mut out = Evaluation::default();
        self.evaluate(z, delta, &mut out);
        out
    }

    /// The vectorised form of the problem, where the law has one.
    fn fast(&self) -> Option<Fast<'_>> {
        let (columns, log) = (&self.rows.columns, self.model.log);
        Some(match self.model.fast.as_ref()? {
            FastForm::Sum(form) => Fast::Sum(PowerSum { columns, log, slots: &form.slots }),
            FastForm::Joined => Fast::Joined(Joined { columns, log }),
        })
    }

    /// The model's value at a point with its first and second derivatives, of ln L or of L.
    fn second_order(&self, z: &[f64], point: &Point, slope: &mut [f64], curve: &mut Matrix) -> f64 {
        let value = self.model.law.second_order(z, point, slope, curve);
        if self.model.log {
            return value;
        }
        // L = e^phi: L'' = L (phi'' + phi' phi').
        let loss = value.exp();
        for i in 0..slope.len() {
            for j in 0..slope.len() {
                curve[i][j] = loss * (curve[i][j] + slope[i] * slope[j]);
            }
        }
        slope.iter_mut().for_each(|s| *s *= loss);
        loss
    }

    /// The model's value and slopes at a point, of ln L or of L.
    fn value(&self, z: &[f64], point: &Point, slope: &mut [f64]) -> f64 {
        let value = self.model.law.log_loss(z, point, slope);
        if self.model.log {
            return value;
        }
        slope.iter_mut().for_each(|s| *s *= value.exp());
        value.exp()
    }
}

impl Problem for OnRows<'_> {
    fn dimension(&self) -> usize {
        self.model.range.len()
    }

    fn evaluate(&self, z: &[f64], delta: f64, out: &mut Evaluation) {
        match self.fast() {
            Some(Fast::Sum(fast)) => return fast.evaluate(z, delta, out),
            Some(Fast::Joined(fast)) => return fast.evaluate(z, delta, out),
            None => {}
        }
        let n = self.dimension();
        *out = Evaluation { value: 0.0, ..Evaluation::default() };
        let mut slope = [0.0; MAX_PARAMETERS];
        let mut curve = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
        for (point, target, weight) in &self.rows.points {
            let model = self.second_order(z, point, &mut slope[..n], &mut curve);
            let r = target - model;
            let psi = r.clamp(-delta, delta);
            let inside = if r.abs() <= delta { *weight } else { 0.0 };
            out.value += weight * psi * (r - 0.5 * psi);
            for i in 0..n {
                out.gradient[i] -= weight * psi * slope[i];
                for j in 0..n {
                    let outer = slope[i] * slope[j];
                    out.hessian[i][j] += inside * outer - weight * psi * curve[i][j];
                }
            }
        }
    }

    fn majorant(&self, z: &[f64], delta: f64, out: &mut Matrix) {
        match self.fast() {
            Some(Fast::Sum(fast)) => return fast.majorant(z, delta, out),
            Some(Fast::Joined(fast)) => return fast.majorant(z, delta, out),
            None => {}
        }
        let n = self.dimension();
        let mut slope = [0.0; MAX_PARAMETERS];
        *out = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
        for (point, target, weight) in &self.rows.points {
            let model = self.value(z, point, &mut slope[..n]);
            add_outer(out, &slope[..n], weight * within(target - model, delta));
        }
    }

    fn confine(&self, z: &mut [f64]) {
        for (value, (lo, hi)) in z.iter_mut().zip(&self.model.range) {
            *value = value.clamp(*lo, *hi);
        }
    }
}
