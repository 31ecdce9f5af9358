//! `L = c0 + c1 x + c2 x^2` in x = ln N (Hoffmann et al. 2022, approach 2).
//!
//! Biased even without noise: the curve of a slice is lopsided unless alpha = beta, so the vertex
//! moves with the width of the slice and with how far off centre it is.

use super::slices::Slice;
use super::{Curve, Found, SliceRefusal, Unbracketed};
use crate::solve::{MAX_PARAMETERS, cholesky_solve};

/// A parabola in centred ln N.
#[derive(Clone, Copy)]
pub(crate) struct Parabola([f64; 3]);

impl Parabola {
    /// # Errors
    /// A parabola that opens downwards.
    pub fn new(slice: &Slice, loss: &[f64]) -> Result<Parabola, SliceRefusal> {
        let found = coefficients(&slice.x, loss).filter(|c| c[2] > 0.0);
        found.map(Parabola).ok_or(SliceRefusal::NotConvex)
    }

    fn at(self, x: f64) -> f64 {
        let [c0, c1, c2] = self.0;
        c0 + c1 * x + c2 * x * x
    }

    /// # Errors
    /// A vertex outside the sizes run, where that is asked.
    pub fn minimum(self, slice: &Slice, unbracketed: Unbracketed) -> Result<Found, SliceRefusal> {
        let [_, c1, c2] = self.0;
        let x = -0.5 * c1 / c2;
        slice.found(x, self.at(x), 2.0 * c2 / self.at(x), unbracketed)
    }

    pub fn curve(self, slice: &Slice) -> Curve {
        let at_runs = slice.x.iter().map(|x| self.at(*x)).collect();
        Curve { at_runs, plot: slice.plot(|x| self.at(x)) }
    }
}

/// Least squares, in coordinates scaled to the width of the slice.
fn coefficients(x: &[f64], loss: &[f64]) -> Option<[f64; 3]> {
    let width = x.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let middle = loss.iter().sum::<f64>() / loss.len() as f64;
    let mut g = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
    let mut h = [0.0; MAX_PARAMETERS];
    for (x, l) in x.iter().zip(loss) {
        let t = x / width;
        let row = [1.0, t, t * t - 0.5];
        for i in 0..3 {
            h[i] += row[i] * (l - middle);
            for j in 0..3 {
                g[i][j] += row[i] * row[j];
            }
        }
    }
    let s = cholesky_solve(&g, &h, 3)?;
    Some([s[0] - 0.5 * s[2] + middle, s[1] / width, s[2] / (width * width)])
}
