//! A number with its uncertainty.

use serde::{Deserialize, Serialize};

use crate::error::FitError;
use crate::intervals::least_draws;
use crate::stats::{quantile, standard_deviation};

/// A central interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub lo: f64,
    pub hi: f64,
    /// Share of the time that such an interval should hold the truth, e.g. 0.95.
    pub level: f64,
}

impl Interval {
    pub fn contains(&self, value: f64) -> bool {
        self.lo <= value && value <= self.hi
    }

    pub fn overlaps(&self, other: &Interval) -> bool {
        self.lo <= other.hi && other.lo <= self.hi
    }
}

/// Point, standard error and interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value at the fit itself (not the mean of resamples).
    pub point: f64,
    /// Standard deviation over resamples; `None` where none were drawn.
    pub standard_error: Option<f64>,
    /// Interval; `None` where none can be had.
    pub interval: Option<Interval>,
}

impl Estimate {
    /// A value without uncertainty.
    pub fn bare(point: f64) -> Self {
        Estimate { point, standard_error: None, interval: None }
    }

    /// Point with the standard deviation and the percentile interval of `draws`. Draws that are
    /// not finite are the caller's to count; they must not be in here. No interval where the draws hardly reach
    /// beyond its ends.
    pub fn from_draws(point: f64, draws: &mut [f64], level: f64) -> Self {
        // A few of the draws asked for may have failed.
        if 5 * draws.len() < 4 * least_draws(level) {
            return Estimate::bare(point);
        }
        draws.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - level) / 2.0;
        Estimate {
            point,
            standard_error: Some(standard_deviation(draws)),
            interval: Some(Interval {
                lo: quantile(draws, tail),
                hi: quantile(draws, 1.0 - tail),
                level,
            }),
        }
    }

    /// The same estimate on another scale; `map` must be increasing.
    pub fn map(&self, map: impl Fn(f64) -> f64) -> Self {
        let point = map(self.point);
        // An end beyond double precision is no end.
        let interval = self
            .interval
            .map(|i| Interval { lo: map(i.lo), hi: map(i.hi), level: i.level })
            .filter(|i| i.lo.is_finite() && i.hi.is_finite());
        // Delta method with a symmetric difference over one standard error.
        let standard_error = self
            .standard_error
            .map(|s| 0.5 * (map(self.point + s) - map(self.point - s)))
            .map(f64::abs)
            .filter(|s| s.is_finite());
        Estimate { point, standard_error, interval }
    }
}

/// Refuses a level of intervals outside (0, 1).
pub(crate) fn check_level(level: f64) -> Result<(), FitError> {
    if level > 0.0 && level < 1.0 {
        return Ok(());
    }
    Err(FitError::BadOption {
        option: "level".into(),
        value: level.to_string(),
        range: "(0, 1)".into(),
        hint: "0.95 is usual".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapping_keeps_the_level() {
        let estimate = Estimate::from_draws(0.0, &mut [-1.0, 0.0, 1.0].repeat(10), 0.9);
        let mapped = estimate.map(f64::exp);
        assert_eq!(mapped.point, 1.0);
        assert_eq!(mapped.interval.unwrap().level, 0.9);
        assert!((mapped.interval.unwrap().hi - 1f64.exp()).abs() < 1e-12);
    }
}
