//! Long slices for the bootstrap: neighbours in N as one run.
//!
//! The curve of a slice is smooth on the scale of a two-hundredth of its runs, so the mean of neighbours, with the noise of a mean,
//! moves the minimum as the runs themselves would; a draw then costs the same for a hundred runs and for a hundred thousand.
//! What little the means shift the minimum by is taken off every draw. Noise that runs of a cluster share is averaged over the
//! clusters of a group.

use super::slices::{Slice, size_starts};
use crate::stats::mean;

/// Groups of neighbours that a long slice is drawn as.
pub(super) const GROUPS: usize = 200;

/// A slice as the bootstrap draws it.
#[derive(Debug, Clone)]
pub(super) struct Thinned {
    pub slice: Slice,
    /// The fitted curve's loss at each group.
    pub curve: Vec<f64>,
    /// Rows of the table in each group.
    pub members: Vec<Vec<usize>>,
}

/// Whether a slice is long enough to be drawn in groups.
pub(super) fn is_long(slice: &Slice) -> bool {
    slice.loss.len() > 2 * GROUPS
}

/// So many neighbours as [`GROUPS`] parts of like length.
pub(super) fn parts(count: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..GROUPS).map(move |k| k * count / GROUPS..(k + 1) * count / GROUPS)
}

/// The slice with runs that are neighbours in N as one; the slice itself unless it is long.
pub(super) fn thin(slice: &Slice, curve: &[f64], group: bool) -> Thinned {
    if !(group && is_long(slice)) {
        let members = slice.rows.iter().map(|i| vec![*i]).collect();
        return Thinned { slice: slice.clone(), curve: curve.to_vec(), members };
    }
    let runs = slice.loss.len();
    let means = |values: &[f64]| parts(runs).map(|part| mean(&values[part])).collect::<Vec<f64>>();
    let x = means(&slice.x);
    let members: Vec<Vec<usize>> = parts(runs).map(|part| slice.rows[part].to_vec()).collect();
    let thinned = Slice {
        flops: slice.flops,
        rows: members.iter().map(|rows| rows[0]).collect(),
        mx: slice.mx,
        my: slice.my,
        y: means(&slice.y),
        loss: means(&slice.loss),
        slope: slice.slope,
        sizes: size_starts(&x),
        x,
    };
    Thinned { slice: thinned, curve: means(curve), members }
}
