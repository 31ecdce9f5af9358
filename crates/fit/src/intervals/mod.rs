//! Resampling: what the draws of an interval are made of.

mod one_step;
mod plan;
mod profile;
mod resample;

pub(crate) use plan::Plan;
pub(crate) use profile::student_quantile;
pub use profile::{Profile, ProfileEnd, Target, profile};
pub use profile::{normal_cdf, normal_quantile};
pub use resample::{Draws, Resampling};
pub(crate) use resample::{draw_stream, refit};

use serde::Serialize;

/// Draws that an interval takes: 20, and one beyond either end.
pub fn least_draws(level: f64) -> usize {
    // Short of rounding: (1 - 0.95) / 2 is no 0.025.
    ((2.0 / (1.0 - level) - 1e-6).ceil() as usize).max(20)
}

/// Why this many draws give no interval; 0 were not asked to.
pub(crate) fn too_few_draws(draws: usize, level: f64) -> Option<String> {
    let least = least_draws(level);
    (draws > 0 && draws < least).then(|| {
        format!("no intervals: {draws} draws, and intervals of this level take {least} (raise the draws, or lower the level)")
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IntervalOptions {
    /// `None` picks clusters where runs share one or seeds are repeated, else pairs.
    pub resampling: Option<Resampling>,
    /// Resamples; 0 for no intervals.
    pub draws: usize,
    pub level: f64,
    /// Seed. The draws do not depend on the number of threads.
    pub seed: u64,
}

impl Default for IntervalOptions {
    fn default() -> Self {
        IntervalOptions { resampling: None, draws: 1000, level: 0.95, seed: 0 }
    }
}
