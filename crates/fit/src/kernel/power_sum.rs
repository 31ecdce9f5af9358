//! `E + u + v` with `u = exp(a - alpha x)`, `v = exp(b - beta y)`: value, gradient and Hessian of
//! a robust loss of its residuals over all rows.

use super::lanes::{Body, Lanes, Sums, clamped, each, inner, sum_rows, symmetric};
use super::{LANES, exp, ln};
use crate::solve::{Evaluation, MAX_PARAMETERS, Matrix, Problem};

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
        let theta = self.full(z);
        let floor = exp(theta[0]);
        let sums = if self.log {
            sum_rows(self.columns, &PowerSumBody::<true, false> { theta, floor, delta })
        } else {
            sum_rows(self.columns, &PowerSumBody::<false, false> { theta, floor, delta })
        };
        out.value = sums[0];
        out.gradient = [0.0; MAX_PARAMETERS];
        for (i, k) in self.free() {
            out.gradient[k] += sums[1 + i];
        }
        self.gather(&symmetric(&sums), &mut out.hessian);
    }

    fn majorant(&self, z: &[f64], delta: f64, out: &mut Matrix) {
        let theta = self.full(z);
        let floor = exp(theta[0]);
        let sums = if self.log {
            sum_rows(self.columns, &PowerSumBody::<true, true> { theta, floor, delta })
        } else {
            sum_rows(self.columns, &PowerSumBody::<false, true> { theta, floor, delta })
        };
        self.gather(&symmetric(&sums), out);
    }
}

/// With `phi` the model (or its logarithm), `G` its gradient, `r = target - phi` and `psi` the
/// slope of the loss: gradient `-sum w psi G`, Hessian `sum w (psi' G G' - psi phi'')`, or its majorant `sum w psi / r G G'`.
struct PowerSumBody<const LOG: bool, const MAJORANT: bool> {
    theta: [f64; 5],
    floor: f64,
    delta: f64,
}

impl<const LOG: bool, const MAJORANT: bool> Body for PowerSumBody<LOG, MAJORANT> {
    #[inline(always)]
    fn add(&self, x: &Lanes, y: &Lanes, target: &Lanes, weight: &Lanes, sums: &mut Sums) {
        let PowerSumBody { theta: [_, a, alpha, b, beta], floor, delta } = *self;
        let u = each(|i| exp(a - alpha * x[i]));
        let v = each(|i| exp(b - beta * y[i]));
        let f = each(|i| (floor + u[i]) + v[i]);
        let scale = each(|i| if LOG { 1.0 / f[i] } else { 1.0 });
        let model = each(|i| if LOG { ln(f[i]) } else { f[i] });
        let r = each(|i| target[i] - model[i]);
        let psi = each(|i| clamped(r[i], delta));
        let inside = each(|i| weight[i] * inner::<MAJORANT>(r[i], delta));
        let slope = each(|i| if MAJORANT { 0.0 } else { weight[i] * psi[i] });
        // Coefficient of G G': psi' from the residual, psi from the logarithm's own curvature.
        let outer = each(|i| if LOG { inside[i] + slope[i] } else { inside[i] });
        let p0 = each(|i| floor * scale[i]);
        let p1 = each(|i| u[i] * scale[i]);
        let p2 = each(|i| -x[i] * p1[i]);
        let p3 = each(|i| v[i] * scale[i]);
        let p4 = each(|i| -y[i] * p3[i]);
        let o0 = each(|i| outer[i] * p0[i]);
        let o1 = each(|i| outer[i] * p1[i]);
        let o2 = each(|i| outer[i] * p2[i]);
        let o3 = each(|i| outer[i] * p3[i]);
        let o4 = each(|i| outer[i] * p4[i]);
        for i in 0..LANES {
            sums[0][i] += slope[i] * (r[i] - 0.5 * psi[i]);
            sums[1][i] -= slope[i] * p0[i];
            sums[2][i] -= slope[i] * p1[i];
            sums[3][i] -= slope[i] * p2[i];
            sums[4][i] -= slope[i] * p3[i];
            sums[5][i] -= slope[i] * p4[i];
            sums[6][i] += o0[i] * p0[i] - slope[i] * p0[i];
            sums[7][i] += o0[i] * p1[i];
            sums[8][i] += o0[i] * p2[i];
            sums[9][i] += o0[i] * p3[i];
            sums[10][i] += o0[i] * p4[i];
            sums[11][i] += o1[i] * p1[i] - slope[i] * p1[i];
            sums[12][i] += o1[i] * p2[i] - slope[i] * p2[i];
            sums[13][i] += o1[i] * p3[i];
            sums[14][i] += o1[i] * p4[i];
            sums[15][i] += o2[i] * p2[i] + slope[i] * x[i] * p2[i];
            sums[16][i] += o2[i] * p3[i];
            sums[17][i] += o2[i] * p4[i];
            sums[18][i] += o3[i] * p3[i] - slope[i] * p3[i];
            sums[19][i] += o3[i] * p4[i] - slope[i] * p4[i];
            sums[20][i] += o4[i] * p4[i] + slope[i] * y[i] * p4[i];
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::lanes::{dispatch, portable};
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

    #[test]
    fn every_vector_width_gives_the_same_bits() {
        let (theta, delta) = ([0.3, -0.4, 0.35, -0.8, 0.28], 0.05);
        let (c, floor) = (columns(), exp(theta[0]));
        let log = PowerSumBody::<true, false> { theta, floor, delta };
        assert_eq!(dispatch(&c, &log), portable(&c, &log));
        let linear = PowerSumBody::<false, true> { theta, floor, delta };
        assert_eq!(dispatch(&c, &linear), portable(&c, &linear));
    }
}
