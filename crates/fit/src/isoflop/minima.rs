//! The minima of all slices by one method.

use super::akima::Akima;
use super::parabola::Parabola;
use super::slices::Slice;
use super::{IsoflopOptions, Method, SliceRefusal, corrected};

/// A minimum in centred coordinates of its slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    /// ln N*, not centred.
    pub log_params: f64,
    /// ln D*.
    pub log_tokens: f64,
    pub loss: f64,
    /// Second derivative of ln L by ln N.
    pub curvature: f64,
}

/// What a method found over all slices.
pub(crate) struct FoundAll {
    pub minima: Vec<Option<Found>>,
    /// The fitted curve's loss at each run of the slice; empty where refused.
    pub curves: Vec<Curve>,
    /// Shared exponents, and the variance that their prior was weighed by.
    pub shape: Option<(f64, f64, f64)>,
    /// Parameters spent, over all slices.
    pub spent: usize,
}

impl FoundAll {
    pub fn none(slices: usize) -> Self {
        let (minima, curves) = (vec![None; slices], vec![Curve::default(); slices]);
        FoundAll { minima, curves, shape: None, spent: 0 }
    }
}

/// A fitted slice curve.
#[derive(Debug, Clone, Default)]
pub(crate) struct Curve {
    /// Loss at each run.
    pub at_runs: Vec<f64>,
    /// (N, loss) for plots.
    pub plot: Vec<(f64, f64)>,
}

/// The minimum of every slice that is not refused yet; those without one are refused here.
pub(super) fn find(
    slices: &[Slice],
    refusals: &mut [Option<SliceRefusal>],
    options: &IsoflopOptions,
) -> FoundAll {
    let method = options.method;
    let mut found = FoundAll::none(slices.len());
    if method == Method::Corrected {
        corrected::find(slices, refusals, options.unbracketed, &mut found);
        return found;
    }
    for (i, slice) in slices.iter().enumerate() {
        if refusals[i].is_some() {
            continue;
        }
        let end = if method == Method::Parabola {
            Parabola::new(slice, &slice.loss).and_then(|parabola| {
                Ok((parabola.minimum(slice, options.unbracketed)?, parabola.curve(slice)))
            })
        } else {
            let akima = Akima::new(slice, &slice.loss);
            akima.minimum(slice).map(|minimum| (minimum, akima.curve(slice)))
        };
        match end {
            Ok((minimum, curve)) => {
                found.minima[i] = Some(minimum);
                found.spent += if method == Method::Parabola { 3 } else { 0 };
                found.curves[i] = curve;
            }
            Err(refusal) => refusals[i] = Some(refusal),
        }
    }
    found
}
