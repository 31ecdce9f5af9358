//! Designs of which an envelope would tell nothing but the design.

use super::{LEAST_MODELS, Spot, distinct};
use crate::compute::spread_in_words;
use crate::error::FitError;
use crate::isoflop::{LEAST_SIZES, LEAST_SLICES, NEIGHBOURS};
use crate::parametric::spread_about_line;
use crate::stats::{centred, rms};

/// Root mean square of ln C within which finished runs spend one budget.
const SAME_BUDGET: f64 = 0.03;
/// Root mean square of ln N about a line in ln C below which N was never varied at a given C.
const ONE_DIRECTION: f64 = 0.1;

/// Refuses runs whose N follows from their C: at no C was there a choice of N.
pub(super) fn check_rivals(points: &[Spot]) -> Result<(), FitError> {
    let c: Vec<f64> = points.iter().map(|s| s.c).collect();
    let n: Vec<f64> = points.iter().map(|s| s.n).collect();
    let spread = spread_about_line(&c, &n);
    if distinct(n.iter().copied()) < LEAST_MODELS || spread >= ONE_DIRECTION {
        return Ok(());
    }
    Err(FitError::NoResult {
        what: "approach 1".into(),
        why: format!(
            "N follows C in these runs ({}), so no model has a rival at its C, and the exponent would be that of the design",
            spread_in_words(spread)
        ),
        hint: "train models of several N at each C (D = k N tells nothing of the best split)"
            .into(),
    })
}

/// Refuses finished runs whose C is their own. Which of them lie on the hull is a matter of where the design happened to put
/// them, and resampling them cannot know: simulated intervals of 95% hold the truth in 1 of 4 tables, and of more runs in fewer.
pub(super) fn check_shared_budgets(points: &[Spot]) -> Result<(), FitError> {
    let mut slices = 0;
    let mut sharing = 0;
    for group in points.chunk_by(|a, b| b.c - a.c < NEIGHBOURS.ln()) {
        let c: Vec<f64> = group.iter().map(|s| s.c).collect();
        let together = rms(&centred(&c).0) < SAME_BUDGET;
        if together && distinct(group.iter().map(|s| s.n)) >= LEAST_SIZES {
            slices += 1;
            sharing += group.len();
        }
    }
    if slices >= LEAST_SLICES && 2 * sharing >= points.len() {
        return Ok(());
    }
    let of = points.len();
    let lack = if 2 * sharing >= of {
        format!(
            "{slices} of their budgets have at least {LEAST_SIZES} sizes, and {LEAST_SLICES} are needed"
        )
    } else {
        format!("{sharing} of {of} share their C with at least {LEAST_SIZES} sizes")
    };
    Err(FitError::NoResult {
        what: "approach 1".into(),
        why: format!(
            "these are finished runs, and {lack}: which runs lie on the envelope is a matter of the design, and no interval could tell"
        ),
        hint: "train several N at each of a few C, or give whole training curves; approach 3 can be fitted to such runs".into(),
    })
}
