//! `(u^(1/gamma) + v^(1/gamma))^gamma` with `u = exp(a - alpha x)`, `v = exp(b - beta y)`: value, gradient and Hessian of a
//! robust loss of its residuals over all rows. Parameters: `(a, alpha, b, beta, ln gamma)`.

use super::lanes::{Body, Lanes, SUMS, Sums, clamped, each, inner, sum_rows, symmetric};
use super::{Columns, LANES, exp, ln};
use crate::solve::{Evaluation, MAX_PARAMETERS, Matrix, Problem};

pub(crate) struct Joined<'a> {
    pub columns: &'a Columns,
    /// Residual of ln L (true) or of L.
    pub log: bool,
}

struct JoinedBody<const LOG: bool, const MAJORANT: bool> {
    theta: [f64; 5],
    gamma: f64,
    delta: f64,
}

/// At one row of a law with these parameters: ln of the model, its share of the first power, `(ln u - ln v) / gamma`, and its derivative by ln gamma.
#[inline(always)]
pub(crate) fn joined_at(theta: &[f64], gamma: f64, x: f64, y: f64) -> [f64; 4] {
    let (u, v) = (theta[0] - theta[1] * x, theta[2] - theta[3] * y);
    let apart = (u - v) / gamma;
    let below = exp(-apart.abs());
    let larger = 1.0 / (1.0 + below);
    let share = if apart >= 0.0 { larger } else { below * larger };
    let top = if apart >= 0.0 { u } else { v };
    let value = top + gamma * ln(1.0 + below);
    [value, share, apart, value - share * u - (1.0 - share) * v]
}

impl<const LOG: bool, const MAJORANT: bool> Body for JoinedBody<LOG, MAJORANT> {
    #[inline(always)]
    fn add(&self, x: &Lanes, y: &Lanes, target: &Lanes, weight: &Lanes, sums: &mut Sums) {
        let JoinedBody { theta, gamma, delta } = self;
        let mut all = [[0.0; LANES]; 4];
        for i in 0..LANES {
            let row = joined_at(theta, *gamma, x[i], y[i]);
            for k in 0..4 {
                all[k][i] = row[k];
            }
        }
        let [value, share, apart, g4] = all;
        let model = each(|i| if LOG { value[i] } else { exp(value[i]) });
        let r = each(|i| target[i] - model[i]);
        let psi = each(|i| clamped(r[i], *delta));
        let inside = each(|i| weight[i] * inner::<MAJORANT>(r[i], *delta));
        let loss = each(|i| weight[i] * psi[i] * (r[i] - 0.5 * psi[i]));
        // L = e^phi: L' = L phi', L'' = L (phi'' + phi' phi').
        let by_row = each(|i| weight[i] * psi[i] * if LOG { 1.0 } else { model[i] });
        let slope = if MAJORANT { [0.0; LANES] } else { by_row };
        let outer =
            each(|i| if LOG { inside[i] } else { inside[i] * model[i] * model[i] - slope[i] });
        let g0 = share;
        let g1 = each(|i| -x[i] * share[i]);
        let g2 = each(|i| 1.0 - share[i]);
        let g3 = each(|i| -y[i] * g2[i]);
        let both = each(|i| share[i] * g2[i]);
        let straight = each(|i| slope[i] * both[i] / *gamma);
        let mixed = each(|i| slope[i] * both[i] * apart[i]);
        let by_gamma = each(|i| slope[i] * g4[i] + mixed[i] * apart[i] * *gamma);
        let o0 = each(|i| outer[i] * g0[i]);
        let o1 = each(|i| outer[i] * g1[i]);
        let o2 = each(|i| outer[i] * g2[i]);
        let o3 = each(|i| outer[i] * g3[i]);
        let o4 = each(|i| outer[i] * g4[i]);
        for i in 0..LANES {
            sums[0][i] += loss[i];
            sums[1][i] -= slope[i] * g0[i];
            sums[2][i] -= slope[i] * g1[i];
            sums[3][i] -= slope[i] * g2[i];
            sums[4][i] -= slope[i] * g3[i];
            sums[5][i] -= slope[i] * g4[i];
            sums[6][i] += o0[i] * g0[i] - straight[i];
            sums[7][i] += o0[i] * g1[i] + x[i] * straight[i];
            sums[8][i] += o0[i] * g2[i] + straight[i];
            sums[9][i] += o0[i] * g3[i] - y[i] * straight[i];
            sums[10][i] += o0[i] * g4[i] + mixed[i];
            sums[11][i] += o1[i] * g1[i] - x[i] * x[i] * straight[i];
            sums[12][i] += o1[i] * g2[i] - x[i] * straight[i];
            sums[13][i] += o1[i] * g3[i] + x[i] * y[i] * straight[i];
            sums[14][i] += o1[i] * g4[i] - x[i] * mixed[i];
            sums[15][i] += o2[i] * g2[i] - straight[i];
            sums[16][i] += o2[i] * g3[i] + y[i] * straight[i];
            sums[17][i] += o2[i] * g4[i] - mixed[i];
            sums[18][i] += o3[i] * g3[i] - y[i] * y[i] * straight[i];
            sums[19][i] += o3[i] * g4[i] + y[i] * mixed[i];
            sums[20][i] += o4[i] * g4[i] - by_gamma[i];
        }
    }
}

fn theta(z: &[f64]) -> [f64; 5] {
    [z[0], z[1], z[2], z[3], z[4]]
}

impl Problem for Joined<'_> {
    fn dimension(&self) -> usize {
        5
    }

    fn evaluate(&self, z: &[f64], delta: f64, out: &mut Evaluation) {
        let (theta, gamma) = (theta(z), exp(z[4]));
        let sums = if self.log {
            sum_rows(self.columns, &JoinedBody::<true, false> { theta, gamma, delta })
        } else {
            sum_rows(self.columns, &JoinedBody::<false, false> { theta, gamma, delta })
        };
        *out = Evaluation { value: sums[0], hessian: widened(&sums), ..Evaluation::default() };
        out.gradient[..5].copy_from_slice(&sums[1..6]);
    }

    fn majorant(&self, z: &[f64], delta: f64, out: &mut Matrix) {
        let (theta, gamma) = (theta(z), exp(z[4]));
        let sums = if self.log {
            sum_rows(self.columns, &JoinedBody::<true, true> { theta, gamma, delta })
        } else {
            sum_rows(self.columns, &JoinedBody::<false, true> { theta, gamma, delta })
        };
        *out = widened(&sums);
    }
}

/// The matrix of the sums.
fn widened(sums: &[f64; SUMS]) -> Matrix {
    let mut out = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
    for (row, values) in out.iter_mut().zip(symmetric(sums)) {
        row[..5].copy_from_slice(&values);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::lanes::{dispatch, portable};
    use super::super::power_sum::tests::columns;
    use super::*;
    use crate::law::{Joint, Law, Point};
    use crate::solve::{add_outer, within};

    const THETA: [f64; 5] = [0.4, 0.2, 0.1, 0.25, -0.9];

    #[test]
    fn every_vector_width_gives_the_same_bits() {
        let (c, theta, gamma, delta) = (columns(), THETA, exp(THETA[4]), 0.05);
        let log = JoinedBody::<true, false> { theta, gamma, delta };
        assert_eq!(dispatch(&c, &log), portable(&c, &log));
        let linear = JoinedBody::<false, false> { theta, gamma, delta };
        assert_eq!(dispatch(&c, &linear), portable(&c, &linear));
    }

    #[test]
    fn sums_are_those_of_the_law_row_by_row() {
        let c = columns();
        for (log, delta) in [(true, 0.05), (true, f64::INFINITY), (false, 0.1), (false, 3.0)] {
            let (mut fast, mut majorant) = (Evaluation::default(), [[0.0; MAX_PARAMETERS]; 10]);
            let problem = Joined { columns: &c, log };
            problem.evaluate(&THETA, delta, &mut fast);
            problem.majorant(&THETA, delta, &mut majorant);
            let mut slow = Evaluation { value: 0.0, ..Evaluation::default() };
            let mut major = [[0.0; MAX_PARAMETERS]; 10];
            for k in 0..c.x.len() {
                let (x, y) = (c.x[k], c.y[k]);
                let point = Point { x, y, c: x + y, unique: y, centre_x: 0.0, centre_y: 0.0 };
                let (mut g, mut curve) = ([0.0; 5], [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS]);
                let mut model =
                    Joint { floor: false }.second_order(&THETA, &point, &mut g, &mut curve);
                if !log {
                    model = model.exp();
                    for i in 0..5 {
                        for j in 0..5 {
                            curve[i][j] = model * (curve[i][j] + g[i] * g[j]);
                        }
                    }
                    g = g.map(|s| model * s);
                }
                let r = c.target[k] - model;
                let psi = r.clamp(-delta, delta);
                let inside = if r.abs() <= delta { c.weight[k] } else { 0.0 };
                slow.value += c.weight[k] * psi * (r - 0.5 * psi);
                add_outer(&mut major, &g, c.weight[k] * within(r, delta));
                for i in 0..5 {
                    slow.gradient[i] -= c.weight[k] * psi * g[i];
                    for j in 0..5 {
                        slow.hessian[i][j] +=
                            inside * g[i] * g[j] - c.weight[k] * psi * curve[i][j];
                    }
                }
            }
            let same = |a: f64, b: f64| assert!((a - b).abs() < 1e-11 * (1.0 + b.abs()), "{a} {b}");
            same(fast.value, slow.value);
            for i in 0..5 {
                same(fast.gradient[i], slow.gradient[i]);
                for j in 0..5 {
                    same(fast.hessian[i][j], slow.hessian[i][j]);
                    same(majorant[i][j], major[i][j]);
                }
            }
        }
    }
}
