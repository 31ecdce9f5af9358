//! The slice minimum without the parabola's bias.
//!
//! Along a slice the loss of any law `E + A/N^alpha + B/D^beta` is `c + u N^-alpha + v D^-beta`. Each
//! slice gets its own c, u, v (so nothing is assumed of how they move with C: this stays approach 2),
//! and all slices share alpha and beta, which give the curve its lopsidedness. c, u, v are linear, so
//! they are projected out (variable projection; Golub & Pereyra 1973, with Kaufman's 1975
//! approximation of the Jacobian), and two unknowns are left. On noise-free data of such a law the
//! minimum is exact at any width or offset of the slice.
//!
//! Runs more than a factor 6 in N from the slice's best are left to the other methods, so long as five sizes stay:
//! far from the minimum a run's loss says more about its tuning than about the law.
//!
//! With noise alpha and beta are weakly determined, so they carry a prior that weighs against the
//! data as their noise does: `ln alpha, ln beta ~ normal(ln 0.35, 0.5)`. Without noise it has no weight.

use super::slices::Slice;
use super::{Curve, FoundAll, SliceRefusal, Unbracketed};
use crate::solve::{MAX_PARAMETERS, cholesky_solve};
use crate::stats::{dot, mean};

const PRIOR_CENTRE: f64 = 0.35;
const PRIOR_SD: f64 = 0.5;
/// Exponents stay in here.
const RANGE: (f64, f64) = (0.01, 3.0);

pub(crate) fn find(
    slices: &[Slice],
    refusals: &mut [Option<SliceRefusal>],
    unbracketed: Unbracketed,
    found: &mut FoundAll,
) {
    // A slice that turns out to have no minimum is taken out, and the shape is fitted again.
    loop {
        let voting: Vec<usize> = (0..slices.len()).filter(|&i| refusals[i].is_none()).collect();
        if voting.is_empty() {
            return;
        }
        let used: Vec<&Slice> = voting.iter().map(|&i| &slices[i]).collect();
        let losses: Vec<&[f64]> = used.iter().map(|s| s.loss.as_slice()).collect();
        let (shape, noise) = fit_shape(&used, &losses);
        let mut dropped = false;
        for (k, &i) in voting.iter().enumerate() {
            let terms = project(&slices[i], losses[k], shape);
            let end = terms
                .ok_or(SliceRefusal::NotConvex)
                .and_then(|t| minimum(&slices[i], &t, shape, unbracketed).map(|m| (m, t)));
            match end {
                Ok((minimum, terms)) => {
                    found.minima[i] = Some(minimum);
                    found.curves[i] = curve(&slices[i], &terms, shape);
                }
                Err(refusal) => {
                    refusals[i] = Some(refusal);
                    found.minima[i] = None;
                    found.curves[i] = Curve::default();
                    dropped = true;
                }
            }
        }
        if !dropped {
            found.shape = Some((shape.0, shape.1, noise));
            found.spent = 3 * voting.len() + 2;
            return;
        }
    }
}

/// `c, u, v` of a slice: `L = c + u exp(-alpha x) + v exp(-beta y)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    c: f64,
    u: f64,
    v: f64,
}

/// Where the slope along the slice vanishes.
pub(crate) fn minimum(
    slice: &Slice,
    terms: &Terms,
    (alpha, beta): (f64, f64),
    unbracketed: Unbracketed,
) -> Result<super::Found, SliceRefusal> {
    // y = -s x, so L = c + u e^(-alpha x) + v e^(g x) with g = beta s.
    let g = beta * slice.slope;
    if !(terms.u > 0.0 && terms.v > 0.0 && g > 0.0) {
        return Err(SliceRefusal::NotConvex);
    }
    let x = (alpha * terms.u / (g * terms.v)).ln() / (alpha + g);
    let (left, right) = (terms.u * (-alpha * x).exp(), terms.v * (g * x).exp());
    let loss = terms.c + left + right;
    let curvature = (alpha * alpha * left + g * g * right) / loss;
    slice.found(x, loss, curvature, unbracketed)
}

fn curve(slice: &Slice, t: &Terms, (alpha, beta): (f64, f64)) -> Curve {
    let value = |x: f64, y: f64| t.c + t.u * (-alpha * x).exp() + t.v * (-beta * y).exp();
    let at_runs = slice.x.iter().zip(&slice.y).map(|(x, y)| value(*x, *y)).collect();
    Curve { at_runs, plot: slice.plot(|x| value(x, -slice.slope * x)) }
}

/// Linear least squares of one slice; `None` when it is singular.
pub(crate) fn project(slice: &Slice, loss: &[f64], shape: (f64, f64)) -> Option<Terms> {
    let basis = Basis::new(slice, shape);
    basis.solve(loss).map(|(c, u, v)| Terms { c, u, v })
}

/// Columns `1, U, V` as an orthonormal set, by modified Gram-Schmidt done twice: the columns are
/// nearly parallel in narrow slices, and normal equations would lose half the digits.
struct Basis {
    u: Vec<f64>,
    v: Vec<f64>,
    q: [Vec<f64>; 3],
    r: [[f64; 3]; 3],
}

impl Basis {
    fn new(slice: &Slice, (alpha, beta): (f64, f64)) -> Basis {
        let u: Vec<f64> = slice.x.iter().map(|x| crate::kernel::exp(-alpha * x)).collect();
        let v: Vec<f64> = slice.y.iter().map(|y| crate::kernel::exp(-beta * y)).collect();
        let mut q = [vec![1.0; u.len()], u.clone(), v.clone()];
        let mut r = [[0.0; 3]; 3];
        for j in 0..3 {
            for _ in 0..2 {
                for i in 0..j {
                    let (before, rest) = q.split_at_mut(j);
                    let s = dot(&before[i], &rest[0]);
                    r[i][j] += s;
                    rest[0].iter_mut().zip(&before[i]).for_each(|(b, a)| *b -= s * a);
                }
            }
            r[j][j] = dot(&q[j], &q[j]).sqrt();
            let inverse = if r[j][j] > 0.0 { 1.0 / r[j][j] } else { 0.0 };
            q[j].iter_mut().for_each(|a| *a *= inverse);
        }
        Basis { u, v, q, r }
    }

    fn solve(&self, loss: &[f64]) -> Option<(f64, f64, f64)> {
        let z: Vec<f64> = self.q.iter().map(|q| dot(q, loss)).collect();
        let v = z[2] / self.r[2][2];
        let u = (z[1] - self.r[1][2] * v) / self.r[1][1];
        let c = (z[0] - self.r[0][1] * u - self.r[0][2] * v) / self.r[0][0];
        (c.is_finite() && u.is_finite() && v.is_finite()).then_some((c, u, v))
    }

    /// Takes the part along the columns out of `w`.
    fn reject(&self, w: &mut [f64]) {
        for _ in 0..2 {
            for q in &self.q {
                let s = dot(q, w);
                w.iter_mut().zip(q).for_each(|(b, a)| *b -= s * a);
            }
        }
    }
}

/// Residuals' sum of squares over all slices and, in `ln alpha, ln beta`, Kaufman's Gauss-Newton
/// gradient and matrix. Each slice is weighed by its mean loss, so that residuals are relative.
fn squares(
    slices: &[&Slice],
    losses: &[&[f64]],
    shape: (f64, f64),
) -> (f64, [f64; 2], [[f64; 2]; 2]) {
    let (mut total, mut slope, mut matrix) = (0.0, [0.0; 2], [[0.0; 2]; 2]);
    for (slice, loss) in slices.iter().zip(losses) {
        let basis = Basis::new(slice, shape);
        let Some((_, u, v)) = basis.solve(loss) else { continue };
        let mut residual = loss.to_vec();
        basis.reject(&mut residual);
        let weight = 1.0 / mean(loss).powi(2);
        // d(model)/d ln alpha and d ln beta, without the part that c, u, v take up.
        let mut by_alpha: Vec<f64> =
            basis.u.iter().zip(&slice.x).map(|(e, x)| -shape.0 * x * u * e).collect();
        let mut by_beta: Vec<f64> =
            basis.v.iter().zip(&slice.y).map(|(e, y)| -shape.1 * y * v * e).collect();
        basis.reject(&mut by_alpha);
        basis.reject(&mut by_beta);
        let weighted = |a: &[f64], b: &[f64]| weight * dot(a, b);
        total += weighted(&residual, &residual);
        let columns = [&by_alpha, &by_beta];
        for i in 0..2 {
            slope[i] += weighted(columns[i], &residual);
            for j in 0..2 {
                matrix[i][j] += weighted(columns[i], columns[j]);
            }
        }
    }
    (total, slope, matrix)
}

/// The shared exponents, and the variance that the prior is weighed by.
fn fit_shape(slices: &[&Slice], losses: &[&[f64]]) -> ((f64, f64), f64) {
    let rows: usize = losses.iter().map(|l| l.len()).sum();
    let free = rows.saturating_sub(3 * slices.len() + 2).max(1) as f64;
    let grid = [0.12, 0.25, 0.4, 0.6, 0.9];
    let mut best = (f64::INFINITY, (PRIOR_CENTRE, PRIOR_CENTRE));
    for alpha in grid {
        for beta in grid {
            let value = squares(slices, losses, (alpha, beta)).0;
            if value < best.0 {
                best = (value, (alpha, beta));
            }
        }
    }
    // Without the prior first: what is left over is the noise that the prior is weighed by.
    let (loose, left) = descend(slices, losses, best.1, 0.0, 1e-13);
    let noise = left / free;
    let tight = descend(slices, losses, (PRIOR_CENTRE, PRIOR_CENTRE), noise, 1e-13);
    let from_loose = descend(slices, losses, loose, noise, 1e-13);
    (if from_loose.1 <= tight.1 { from_loose.0 } else { tight.0 }, noise)
}

/// The shared exponents of drawn losses, from those of the study itself.
pub(crate) fn refit_shape(
    slices: &[&Slice],
    losses: &[&[f64]],
    (alpha, beta, noise): (f64, f64, f64),
) -> (f64, f64) {
    descend(slices, losses, (alpha, beta), noise, 1e-5).0
}

/// Levenberg-Marquardt in `(ln alpha, ln beta)` on squares + noise * prior.
fn descend(
    slices: &[&Slice],
    losses: &[&[f64]],
    start: (f64, f64),
    noise: f64,
    tolerance: f64,
) -> ((f64, f64), f64) {
    let prior = |t: &[f64; 2]| {
        let pull = |t: f64| ((t - PRIOR_CENTRE.ln()) / PRIOR_SD).powi(2);
        noise * (pull(t[0]) + pull(t[1]))
    };
    let (low, high) = (RANGE.0.ln(), RANGE.1.ln());
    let mut t = [start.0.ln().clamp(low, high), start.1.ln().clamp(low, high)];
    let evaluate = |t: &[f64; 2]| squares(slices, losses, (t[0].exp(), t[1].exp()));
    let mut here = evaluate(&t);
    let mut value = here.0 + prior(&t);
    let mut damping = 1e-3;
    for _ in 0..100 {
        let mut g = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
        let mut h = [0.0; MAX_PARAMETERS];
        for i in 0..2 {
            let pull = noise / (PRIOR_SD * PRIOR_SD);
            h[i] = here.1[i] - pull * (t[i] - PRIOR_CENTRE.ln());
            for j in 0..2 {
                g[i][j] = here.2[i][j];
            }
            g[i][i] = (g[i][i] + pull) * (1.0 + damping) + f64::MIN_POSITIVE;
        }
        // An exponent that is pulled out of its range stays, and the other goes its own way.
        for i in 0..2 {
            if (t[i] <= low && h[i] < 0.0) || (t[i] >= high && h[i] > 0.0) {
                (g[i], g[i][i], h[i]) = ([0.0; MAX_PARAMETERS], 1.0, 0.0);
                g[1 - i][i] = 0.0;
            }
        }
        let Some(step) = cholesky_solve(&g, &h, 2) else { break };
        let mut trial = t;
        for i in 0..2 {
            trial[i] = (t[i] + step[i].clamp(-0.7, 0.7)).clamp(low, high);
        }
        let moved = (trial[0] - t[0]).abs().max((trial[1] - t[1]).abs());
        let there = evaluate(&trial);
        let next = there.0 + prior(&trial);
        if next < value {
            t = trial;
            here = there;
            value = next;
            damping = (damping * 0.1).max(1e-12);
        } else {
            damping *= 10.0;
        }
        if moved < tolerance || damping > 1e10 {
            break;
        }
    }
    ((t[0].exp(), t[1].exp()), value)
}
