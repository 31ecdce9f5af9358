//! `E + u + v` with `u = exp(a - alpha x)`, `v = exp(b - beta y)`: value, gradient and Hessian of
//! a robust loss of its residuals over all rows.

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

/// Sums over rows: the loss, 5 slopes, 15 curvatures (upper triangle by rows).
const SUMS: usize = 21;
type Lanes = [f64; LANES];

/// The least-squares-like problem over `theta = base + directions * z`.
///
/// The five full parameters are `(ln E, a, alpha, b, beta)`. Tied exponents, a pinned E and
/// one-variable laws are linear restrictions of them, so they share this kernel.
pub(crate) struct PowerSum<'a> {
    pub columns: &'a Columns,
    /// Residual of ln L (true) or of L.
    pub log: bool,
    pub restriction: &'a Restriction,
}

/// `theta = base + sum_k z_k directions_k`.
#[derive(Debug, Clone)]
pub(crate) struct Restriction {
    pub base: [f64; 5],
    pub directions: Vec<[f64; 5]>,
    identity: bool,
}

impl Restriction {
    /// All five parameters free.
    pub fn free() -> Self {
        let mut directions = vec![[0.0; 5]; 5];
        for (k, direction) in directions.iter_mut().enumerate() {
            direction[k] = 1.0;
        }
        Restriction { base: [0.0; 5], directions, identity: true }
    }

    pub fn new(base: [f64; 5], directions: Vec<[f64; 5]>) -> Self {
        Restriction { base, directions, identity: false }
    }

    pub fn full(&self, z: &[f64]) -> [f64; 5] {
        if self.identity {
            return [z[0], z[1], z[2], z[3], z[4]];
        }
        let mut theta = self.base;
        for (k, direction) in self.directions.iter().enumerate() {
            for j in 0..5 {
                theta[j] += z[k] * direction[j];
            }
        }
        theta
    }
}

impl Problem for PowerSum<'_> {
    fn dimension(&self) -> usize {
        self.restriction.directions.len()
    }

    fn majorant(&self, z: &[f64], delta: f64, out: &mut Matrix) {
        majorant(self, z, delta, out);
    }

    fn evaluate(&self, z: &[f64], delta: f64, out: &mut Evaluation) {
        let theta = self.restriction.full(z);
        let sums = sum_rows(self.columns, self.log, &theta, delta);
        out.value = sums[0];
        let mut hessian = [[0.0; 5]; 5];
        let mut next = 6;
        for i in 0..5 {
            for j in i..5 {
                hessian[i][j] = sums[next];
                hessian[j][i] = sums[next];
                next += 1;
            }
        }
        if self.restriction.identity {
            out.gradient[..5].copy_from_slice(&sums[1..6]);
            for i in 0..5 {
                out.hessian[i][..5].copy_from_slice(&hessian[i]);
            }
            return;
        }
        let directions = &self.restriction.directions;
        debug_assert!(directions.len() <= MAX_PARAMETERS);
        for (k, direction) in directions.iter().enumerate() {
            out.gradient[k] = (0..5).map(|i| direction[i] * sums[1 + i]).sum();
            let mut image = [0.0; 5];
            for i in 0..5 {
                image[i] = (0..5).map(|j| hessian[i][j] * direction[j]).sum();
            }
            for (m, other) in directions.iter().enumerate() {
                out.hessian[k][m] = (0..5).map(|i| other[i] * image[i]).sum();
            }
        }
    }
}

fn majorant(problem: &PowerSum, z: &[f64], delta: f64, out: &mut Matrix) {
    let theta = problem.restriction.full(z);
    let [e, a, alpha, b, beta] = theta;
    let floor = exp(e);
    let c = problem.columns;
    let mut full = [[0.0; 5]; 5];
    for k in 0..c.x.len() {
        let (u, v) = (exp(a - alpha * c.x[k]), exp(b - beta * c.y[k]));
        let f = floor + u + v;
        let (model, scale) = if problem.log { (ln(f), 1.0 / f) } else { (f, 1.0) };
        let slope = [floor, u, -c.x[k] * u, v, -c.y[k] * v].map(|s| s * scale);
        let weight = c.weight[k] * within(c.target[k] - model, delta);
        for i in 0..5 {
            for j in 0..5 {
                full[i][j] += weight * slope[i] * slope[j];
            }
        }
    }
    *out = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
    for (k, direction) in problem.restriction.directions.iter().enumerate() {
        for (m, other) in problem.restriction.directions.iter().enumerate() {
            for i in 0..5 {
                for j in 0..5 {
                    out[k][m] += direction[i] * full[i][j] * other[j];
                }
            }
        }
    }
}

fn sum_rows(columns: &Columns, log: bool, theta: &[f64; 5], delta: f64) -> [f64; SUMS] {
    let lanes = dispatch(columns, log, theta, delta);
    lanes.map(|l| ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7])))
}

#[cfg(target_arch = "x86_64")]
fn dispatch(columns: &Columns, log: bool, theta: &[f64; 5], delta: f64) -> [Lanes; SUMS] {
    #[target_feature(enable = "avx512f,avx512dq,avx512vl")]
    fn wide(columns: &Columns, log: bool, theta: &[f64; 5], delta: f64) -> [Lanes; SUMS] {
        portable(columns, log, theta, delta)
    }
    #[target_feature(enable = "avx2")]
    fn middle(columns: &Columns, log: bool, theta: &[f64; 5], delta: f64) -> [Lanes; SUMS] {
        portable(columns, log, theta, delta)
    }
    if is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
    {
        // SAFETY: the features were just detected; the body is safe code.
        unsafe { wide(columns, log, theta, delta) }
    } else if is_x86_feature_detected!("avx2") {
        // SAFETY: as above.
        unsafe { middle(columns, log, theta, delta) }
    } else {
        portable(columns, log, theta, delta)
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn dispatch(columns: &Columns, log: bool, theta: &[f64; 5], delta: f64) -> [Lanes; SUMS] {
    portable(columns, log, theta, delta)
}

#[inline(always)]
fn portable(columns: &Columns, log: bool, theta: &[f64; 5], delta: f64) -> [Lanes; SUMS] {
    if log { body::<true>(columns, theta, delta) } else { body::<false>(columns, theta, delta) }
}

#[inline(always)]
fn each(f: impl Fn(usize) -> f64) -> Lanes {
    let mut out = [0.0; LANES];
    for (i, o) in out.iter_mut().enumerate() {
        *o = f(i);
    }
    out
}

/// With `phi` the model (or its logarithm), `G` its gradient, `r = target - phi` and `psi` the
/// slope of the loss: gradient `-sum w psi G`, Hessian `sum w (psi' G G' - psi phi'')`.
#[inline(always)]
fn body<const LOG: bool>(columns: &Columns, theta: &[f64; 5], delta: f64) -> [Lanes; SUMS] {
    let [e, a, alpha, b, beta] = *theta;
    let floor = exp(e);
    let mut sums = [[0.0; LANES]; SUMS];
    let blocks = columns.x.len() / LANES;
    let (xs, ys) = (&columns.x[..blocks * LANES], &columns.y[..blocks * LANES]);
    let (targets, weights) = (&columns.target[..blocks * LANES], &columns.weight[..blocks * LANES]);
    for block in 0..blocks {
        let at = block * LANES;
        let x: &Lanes = xs[at..at + LANES].try_into().unwrap_or(&[0.0; LANES]);
        let y: &Lanes = ys[at..at + LANES].try_into().unwrap_or(&[0.0; LANES]);
        let target: &Lanes = targets[at..at + LANES].try_into().unwrap_or(&[0.0; LANES]);
        let weight: &Lanes = weights[at..at + LANES].try_into().unwrap_or(&[0.0; LANES]);
        let u = each(|i| exp(a - alpha * x[i]));
        let v = each(|i| exp(b - beta * y[i]));
        let f = each(|i| (floor + u[i]) + v[i]);
        let scale = each(|i| if LOG { 1.0 / f[i] } else { 1.0 });
        let model = each(|i| if LOG { ln(f[i]) } else { f[i] });
        let r = each(|i| target[i] - model[i]);
        let psi = each(|i| {
            let low = if r[i] > -delta { r[i] } else { -delta };
            if low < delta { low } else { delta }
        });
        let inside = each(|i| if r[i].abs() <= delta { weight[i] } else { 0.0 });
        let slope = each(|i| weight[i] * psi[i]);
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
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns {
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
        let free = Restriction::free();
        let tied = Restriction::new(
            [0.1, 0.0, 0.0, 0.0, 0.0],
            vec![[0.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0, 0.0]],
        );
        for log in [true, false] {
            for (restriction, z) in
                [(&free, vec![0.3, -0.4, 0.35, -0.8, 0.28]), (&tied, vec![-0.4, 0.3, -0.8])]
            {
                for delta in [f64::INFINITY, 0.5, 0.07] {
                    let problem = PowerSum { columns: &c, log, restriction };
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
        let c = columns();
        let theta = [0.3, -0.4, 0.35, -0.8, 0.28];
        for log in [true, false] {
            assert_eq!(dispatch(&c, log, &theta, 0.05), portable(&c, log, &theta, 0.05));
        }
    }
}
