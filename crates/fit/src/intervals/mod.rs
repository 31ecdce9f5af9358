//! Resampling: what the draws of an interval are made of.

mod profile;
mod resample;

pub use profile::{Profile, ProfileEnd, Target, profile};
pub(crate) use profile::{normal_quantile, student_quantile};
pub use resample::{Draws, Resampling};
pub(crate) use resample::{Plan, refit};

use serde::Serialize;

/// How an interval is made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IntervalOptions {
    /// `None` picks clusters where runs share one or seeds are repeated, else pairs.
    pub resampling: Option<Resampling>,
    /// Resamples; 0 for no intervals.
    pub draws: usize,
    /// Level of the intervals.
    pub level: f64,
    /// Seed. The draws do not depend on the number of threads.
    pub seed: u64,
}

impl Default for IntervalOptions {
    fn default() -> Self {
        IntervalOptions { resampling: None, draws: 1000, level: 0.95, seed: 0 }
    }
}
