//! `L = c0 + c1 x + c2 x^2` in x = ln N (Hoffmann et al. 2022, approach 2).
//!
//! Biased even without noise: the curve of a slice is lopsided unless alpha = beta, so the vertex
//! moves with the width of the slice and with how far off centre it is.

use super::slices::Slice;
use super::{Curve, Found, SliceRefusal, Unbracketed};
use crate::solve::{MAX_PARAMETERS, cholesky_solve};

pub(crate) fn minimum(
    slice: &Slice,
    loss: &[f64],
    unbracketed: Unbracketed,
) -> Result<(Found, Curve), SliceRefusal> {
    let [c0, c1, c2] = coefficients(&slice.x, loss).ok_or(SliceRefusal::NotConvex)?;
    if !(c2 > 0.0) {
        return Err(SliceRefusal::NotConvex);
    }
    let value = |x: f64| c0 + c1 * x + c2 * x * x;
    let x = -0.5 * c1 / c2;
    let found = slice.found(x, value(x), 2.0 * c2 / value(x), unbracketed)?;
    let at_runs = slice.x.iter().map(|x| value(*x)).collect();
    Ok((found, Curve { at_runs, plot: slice.plot(value) }))
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
