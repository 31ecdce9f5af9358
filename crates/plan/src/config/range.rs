//! Ranges of numbers that can describe themselves.

use std::fmt;

/// Numbers that a key accepts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    low: f64,
    low_open: bool,
    high: f64,
    high_open: bool,
}

/// From `low` to `high`, both included.
pub(crate) const fn from_to(low: f64, high: f64) -> Span {
    Span { low, low_open: false, high, high_open: false }
}

/// Above `low`, up to and including `high`.
pub(crate) const fn above_to(low: f64, high: f64) -> Span {
    Span { low, low_open: true, high, high_open: false }
}

/// From `low`, included, to below `high`.
pub(crate) const fn from_below(low: f64, high: f64) -> Span {
    Span { low, low_open: false, high, high_open: true }
}

impl Span {
    pub(crate) fn contains(&self, x: f64) -> bool {
        let low = if self.low_open { x > self.low } else { x >= self.low };
        let high = if self.high_open { x < self.high } else { x <= self.high };
        low && high
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, low_open, high, high_open } = *self;
        let (low, high) = (plain(low), plain(high));
        match (low_open, high_open) {
            (false, false) => write!(f, "from {low} to {high}"),
            (true, false) => write!(f, "above {low} and at most {high}"),
            (false, true) => write!(f, "from {low} to below {high}"),
            (true, true) => write!(f, "above {low} and below {high}"),
        }
    }
}

/// A number as one would type it: `65536`, `1e26`, `0.5`.
pub(crate) fn plain(x: f64) -> String {
    if x != 0.0 && (x.abs() >= 1e6 || x.abs() < 1e-3) { format!("{x:e}") } else { format!("{x}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_include_what_they_say() {
        assert!(from_to(0.0, 1.0).contains(0.0) && from_to(0.0, 1.0).contains(1.0));
        assert!(!above_to(0.0, 1.0).contains(0.0) && above_to(0.0, 1.0).contains(1.0));
        assert!(from_below(0.0, 1.0).contains(0.0) && !from_below(0.0, 1.0).contains(1.0));
        assert!(!from_to(0.0, 1.0).contains(f64::NAN));
        assert_eq!(above_to(0.0, 0.5).to_string(), "above 0 and at most 0.5");
        assert_eq!(from_below(0.0, 1.0).to_string(), "from 0 to below 1");
        assert_eq!(from_to(1e6, 1e26).to_string(), "from 1e6 to 1e26");
    }
}
