//! Akima's piecewise cubic (Akima 1970, "A new method of interpolation and smooth curve fitting
//! based on local procedures") of ln L in ln N, as Porian et al. 2024 use it. Minima at the edge
//! are refused. It follows every run exactly, so it does not average noise; in slices of hundreds of sizes, neighbours in N are
//! averaged first.

use super::slices::Slice;
use super::thin::{GROUPS, parts};
use super::{Curve, Found, SliceRefusal, Unbracketed};
use crate::stats::mean;

/// The interpolant of one slice.
pub(crate) struct Akima {
    x: Vec<f64>,
    y: Vec<f64>,
    slopes: Vec<f64>,
}

impl Akima {
    pub fn new(slice: &Slice, loss: &[f64]) -> Akima {
        let (mut x, mut means) = slice.by_size(loss);
        if x.len() > 2 * GROUPS {
            let grouped = |v: &[f64]| parts(v.len()).map(|part| mean(&v[part])).collect();
            (x, means) = (grouped(&x), grouped(&means));
        }
        let y: Vec<f64> = means.iter().map(|l| l.ln()).collect();
        let slopes = slopes(&x, &y);
        Akima { x, y, slopes }
    }

    /// # Errors
    /// A minimum at the edge.
    pub fn minimum(&self, slice: &Slice) -> Result<Found, SliceRefusal> {
        let Akima { x, y, slopes } = self;
        let mut best = (y[0], x[0], f64::NAN);
        let mut consider = |at: f64, k: usize| {
            let v = hermite(x, y, slopes, k, at);
            if v < best.0 {
                best = (v, at, bend(x, y, slopes, k, at));
            }
        };
        for k in 0..x.len() - 1 {
            consider(x[k + 1], k);
            for at in stationary(x, y, slopes, k).into_iter().flatten() {
                consider(at, k);
            }
        }
        let (log_loss, at, curvature) = best;
        if at <= x[0] {
            return Err(SliceRefusal::FallsTowardsSmall);
        }
        if at >= x[x.len() - 1] {
            return Err(SliceRefusal::FallsTowardsLarge);
        }
        slice.found(at, log_loss.exp(), curvature, Unbracketed::Refuse)
    }

    pub fn curve(&self, slice: &Slice) -> Curve {
        let Akima { x, y, slopes } = self;
        let value = |at: f64| {
            let k = x.partition_point(|v| *v <= at).clamp(1, x.len() - 1) - 1;
            hermite(x, y, slopes, k, at).exp()
        };
        Curve { at_runs: slice.x.iter().map(|x| value(*x)).collect(), plot: slice.plot(value) }
    }
}

/// Akima's slope at each knot.
pub(super) fn slopes(x: &[f64], y: &[f64]) -> Vec<f64> {
    let n = x.len();
    // Chords, with two extrapolated beyond each end.
    let mut m = vec![0.0; n + 3];
    for i in 0..n - 1 {
        m[i + 2] = (y[i + 1] - y[i]) / (x[i + 1] - x[i]);
    }
    m[1] = 2.0 * m[2] - m[3.min(n)];
    m[0] = 2.0 * m[1] - m[2];
    m[n + 1] = 2.0 * m[n] - m[n - 1];
    m[n + 2] = 2.0 * m[n + 1] - m[n];
    let largest = m.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f64::max);
    (0..n)
        .map(|i| {
            let (after, before) = ((m[i + 3] - m[i + 2]).abs(), (m[i + 1] - m[i]).abs());
            if after + before > 1e-9 * largest {
                (after * m[i + 1] + before * m[i + 2]) / (after + before)
            } else {
                0.5 * (m[i + 1] + m[i + 2])
            }
        })
        .collect()
}

/// Coefficients of interval `k` in powers of `t - x[k]`.
fn cubic(x: &[f64], y: &[f64], s: &[f64], k: usize) -> [f64; 4] {
    let h = x[k + 1] - x[k];
    let m = (y[k + 1] - y[k]) / h;
    let c2 = (3.0 * m - 2.0 * s[k] - s[k + 1]) / h;
    let c3 = (s[k] + s[k + 1] - 2.0 * m) / (h * h);
    [y[k], s[k], c2, c3]
}

pub(super) fn hermite(x: &[f64], y: &[f64], s: &[f64], k: usize, at: f64) -> f64 {
    let [c0, c1, c2, c3] = cubic(x, y, s, k);
    let t = at - x[k];
    c0 + t * (c1 + t * (c2 + t * c3))
}

fn bend(x: &[f64], y: &[f64], s: &[f64], k: usize, at: f64) -> f64 {
    let [_, _, c2, c3] = cubic(x, y, s, k);
    2.0 * c2 + 6.0 * c3 * (at - x[k])
}

/// Points of zero slope inside interval `k`.
fn stationary(x: &[f64], y: &[f64], s: &[f64], k: usize) -> [Option<f64>; 2] {
    let [_, c1, c2, c3] = cubic(x, y, s, k);
    let h = x[k + 1] - x[k];
    let (a, b, c) = (3.0 * c3, 2.0 * c2, c1);
    let inside = |t: &f64| *t > 0.0 && *t < h;
    let root = b * b - 4.0 * a * c;
    if root < 0.0 {
        return [None; 2];
    }
    // The form that does not cancel.
    let q = -0.5 * (b + b.signum() * root.sqrt());
    [q / a, c / q].map(|t| inside(&t).then(|| x[k] + t))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reproduces_a_parabola_inside() {
        // Akima's slopes are exact for quadratics on an even grid, away from nothing.
        let x: Vec<f64> = (0..7).map(|i| i as f64).collect();
        let y: Vec<f64> = x.iter().map(|x| (x - 3.3) * (x - 3.3)).collect();
        let s = slopes(&x, &y);
        for (x, s) in x.iter().zip(&s) {
            assert!((s - 2.0 * (x - 3.3)).abs() < 1e-12);
        }
        let found: Vec<f64> = stationary(&x, &y, &s, 3).into_iter().flatten().collect();
        assert_eq!(found.len(), 1);
        assert!((found[0] - 3.3).abs() < 1e-12);
    }
}
