//! `E + u + v` with `u = exp(a - alpha x)`, `v = exp(b - beta y)`: value, gradient and Hessian of
//! a robust loss of its residuals over all rows.

use super::lanes::sum_rows;
use super::{LANES, exp, ln};
use crate::solve::{Evaluation, MAX_PARAMETERS, Matrix, Problem, within};

/// Rows as columns, padded with weightless rows to a multiple of [`LANES`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    /// Centred ln N.
    pub x: Vec<f64>,
    /// Centred ln D.
    pub y: Vec<f64>,
    /// ln L, or L where residuals are linear.
    pub target: Vec<f64>,
    /// Weight of the row, 0 or more.
    pub weight: Vec<f64>,
}

impl Columns {
    pub fn with_capacity(rows: usize) -> Self {
        let room = || Vec::with_capacity(rows.next_multiple_of(LANES));
        Columns { x: room(), y: room(), target: room(), weight: room() }
    }

    pub fn clear(&mut self) {
        self.x.clear();
        self.y.clear();
        self.target.clear();
        self.weight.clear();
    }

    pub fn push(&mut self, x: f64, y: f64, target: f64, weight: f64) {
        self.x.push(x);
        self.y.push(y);
        self.target.push(target);
        self.weight.push(weight);
    }

    /// Fills up to whole blocks with rows of weight 0.
    pub fn pad(&mut self) {
        let Some(&last) = self.target.last() else {
            return;
        };
        while !self.x.len().is_multiple_of(LANES) {
            self.push(0.0, 0.0, last, 0.0);
        }
    }
}

/// Where one of `(ln E, a, alpha, b, beta)` comes from. Tied exponents, a pinned E and one-variable laws share this kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Slot {
    /// The free parameter of this number.
    Free(usize),
    Given(f64),
}

/// The least-squares-like problem over the free parameters.
pub(crate) struct PowerSum<'a> {
    pub columns: &'a Columns,
    /// Residual of ln L (true) or of L.
    pub log: bool,
    pub slots: &'a [Slot; 5],
}

impl PowerSum<'_> {
    fn full(&self, z: &[f64]) -> [f64; 5] {
        self.slots.map(|slot| match slot {
            Slot::Free(k) => z[k],
            Slot::Given(value) => value,
        })
    }

    /// The free parameter of each of the five that have one.
    fn free(&self) -> impl Iterator<Item = (usize, usize)> + Clone {
        self.slots.iter().enumerate().filter_map(|(i, slot)| match slot {
            Slot::Free(k) => Some((i, *k)),
            Slot::Given(_) => None,
        })
    }

    fn gather(&self, full: &[[f64; 5]; 5], out: &mut Matrix) {
        *out = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
        for (i, k) in self.free() {
            for (j, m) in self.free() {
                out[k][m] += full[i][j];
            }
        }
    }
}

impl Problem for PowerSum<'_> {
    fn dimension(&self) -> usize {
        self.free().map(|(_, k)| k + 1).max().unwrap_or(0)
    }

    fn evaluate(&self, z: &[f64], delta: f64, out: &mut Evaluation) {
        let sums = sum_rows(self.columns, self.log, &self.full(z), delta);
        out.value = sums[0];
        out.gradient = [0.0; MAX_PARAMETERS];
        for (i, k) in self.free() {
            out.gradient[k] += sums[1 + i];
        }
        let mut hessian = [[0.0; 5]; 5];
        let mut next = 6;
        for i in 0..5 {
            for j in i..5 {
                hessian[i][j] = sums[next];
                hessian[j][i] = sums[next];
                next += 1;
            }
        }
        self.gather(&hessian, &mut out.hessian);
    }

    fn majorant(&self, z: &[f64], delta: f64, out: &mut Matrix) {
        let [e, a, alpha, b, beta] = self.full(z);
        let floor = exp(e);
        let c = self.columns;
        let mut full = [[0.0; 5]; 5];
        for k in 0..c.x.len() {
            let (u, v) = (exp(a - alpha * c.x[k]), exp(b - beta * c.y[k]));
            let f = floor + u + v;
            let (model, scale) = if self.log { (ln(f), 1.0 / f) } else { (f, 1.0) };
            let slope = [floor, u, -c.x[k] * u, v, -c.y[k] * v].map(|s| s * scale);
            let weight = c.weight[k] * within(c.target[k] - model, delta);
            for i in 0..5 {
                for j in 0..5 {
                    full[i][j] += weight * slope[i] * slope[j];
                }
            }
        }
        self.gather(&full, out);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::Slot::{Free, Given};
    use super::*;

    /// 19 rows of waves.
    pub fn columns() -> Columns {
        let mut c = Columns::with_capacity(20);
        for i in 0..19 {
            let t = i as f64;
            let target = 0.9 + 0.1 * (t * 0.7).sin();
            c.push((t * 1.3).sin() * 2.0, (t * 0.37).cos() * 2.0, target, 1.0 + 0.1 * t);
        }
        c.pad();
        c
    }

    #[test]
    fn gradient_and_hessian_match_differences() {
        let c = columns();
        let free = [Free(0), Free(1), Free(2), Free(3), Free(4)];
        let tied = [Given(0.1), Free(0), Free(1), Free(2), Free(1)];
        for log in [true, false] {
            for (slots, z) in
                [(&free, vec![0.3, -0.4, 0.35, -0.8, 0.28]), (&tied, vec![-0.4, 0.3, -0.8])]
            {
                for delta in [f64::INFINITY, 0.5, 0.07] {
                    let problem = PowerSum { columns: &c, log, slots };
                    let mut here = Evaluation::default();
                    problem.evaluate(&z, delta, &mut here);
                    let h = 1e-6;
                    for k in 0..z.len() {
                        let (mut up, mut down) = (Evaluation::default(), Evaluation::default());
                        let mut moved = z.clone();
                        moved[k] += h;
                        problem.evaluate(&moved, delta, &mut up);
                        moved[k] -= 2.0 * h;
                        problem.evaluate(&moved, delta, &mut down);
                        let slope = (up.value - down.value) / (2.0 * h);
                        assert!((slope - here.gradient[k]).abs() < 1e-6 * (1.0 + slope.abs()));
                        for m in 0..z.len() {
                            let curve = (up.gradient[m] - down.gradient[m]) / (2.0 * h);
                            let given = here.hessian[k][m];
                            assert!(
                                (curve - given).abs() < 1e-4 * (1.0 + curve.abs()),
                                "{log} {delta} {k} {m}: {curve} {given}"
                            );
                        }
                    }
                }
            }
        }
    }
}
