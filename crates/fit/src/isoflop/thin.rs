//! Long slices for the bootstrap: neighbours in N as one run.
//!
//! The curve of a slice is smooth on the scale of a two-hundredth of its runs, so the mean of neighbours, with the noise of a mean,
//! moves the minimum as the runs themselves would; a draw then costs the same for a hundred runs and for a hundred thousand.
//! What little the means shift the minimum by is taken off every draw.

use super::slices::{Slice, size_starts};
use crate::stats::mean;

/// Groups of neighbours that a long slice is drawn as.
const GROUPS: usize = 200;

/// A slice as the bootstrap draws it.
#[derive(Debug, Clone)]
pub(super) struct Thinned {
    pub slice: Slice,
    /// The fitted curve's loss at each group.
    pub curve: Vec<f64>,
    /// The noise of each group over that of one run.
    pub noise: Vec<f64>,
}

/// Whether a slice is long enough to be drawn in groups.
pub(super) fn is_long(slice: &Slice) -> bool {
    slice.loss.len() > 2 * GROUPS
}

/// The slice with runs that are neighbours in N as one; the slice itself unless it is long.
pub(super) fn thin(slice: &Slice, curve: &[f64], group: bool) -> Thinned {
    if !(group && is_long(slice)) {
        let noise = vec![1.0; curve.len()];
        return Thinned { slice: slice.clone(), curve: curve.to_vec(), noise };
    }
    let runs = slice.loss.len();
    let parts: Vec<std::ops::Range<usize>> =
        (0..GROUPS).map(|k| k * runs / GROUPS..(k + 1) * runs / GROUPS).collect();
    let means =
        |values: &[f64]| parts.iter().map(|part| mean(&values[part.clone()])).collect::<Vec<f64>>();
    let x = means(&slice.x);
    let thinned = Slice {
        flops: slice.flops,
        rows: parts.iter().map(|part| slice.rows[part.start]).collect(),
        mx: slice.mx,
        my: slice.my,
        y: means(&slice.y),
        loss: means(&slice.loss),
        slope: slice.slope,
        sizes: size_starts(&x),
        x,
    };
    let noise = parts.iter().map(|part| 1.0 / (part.len() as f64).sqrt()).collect();
    Thinned { slice: thinned, curve: means(curve), noise }
}
