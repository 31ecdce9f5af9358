//! From data to pixels, linear or logarithmic, without overflow for any finite input.

/// How data are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Equal differences are equally long.
    Linear,
    /// Equal ratios are equally long. Only positive values have a place.
    Log,
}

impl Spread {
    /// The value in the coordinate that is spread evenly; `None` where it has no place.
    pub fn forward(self, value: f64) -> Option<f64> {
        match self {
            Self::Linear => value.is_finite().then_some(value),
            Self::Log => (value > 0.0 && value.is_finite()).then(|| value.log10()),
        }
    }

    /// The inverse of [`Spread::forward`]; may overflow to infinity at the far ends.
    pub fn backward(self, position: f64) -> f64 {
        match self {
            Self::Linear => position,
            Self::Log => 10f64.powf(position),
        }
    }
}

/// A domain laid on a stretch of pixels.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Linear or logarithmic.
    pub spread: Spread,
    /// Ends of the domain, in the evenly spread coordinate; `low < high`.
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// Pixel of the low end.
    pub from: f64,
    /// Pixel of the high end.
    pub to: f64,
}

impl Scale {
    /// A scale over the smallest and largest of `values`, widened by `padding` of the span at each
    /// end. Values without a place are passed over; with none left the domain is one unit.
    pub fn fit(spread: Spread, values: impl Iterator<Item = f64>, padding: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for position in values.filter_map(|v| spread.forward(v)) {
            low = low.min(position);
            high = high.max(position);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        } else {
            // In halves: the span of two finite numbers may not be finite.
            let half = high / 2.0 - low / 2.0;
            let least = match spread {
                Spread::Linear => (low.abs().max(high.abs()) * 1e-9).max(f64::MIN_POSITIVE),
                Spread::Log => 1e-6,
            };
            if half <= least {
                let widen = match spread {
                    Spread::Linear if low == 0.0 => 1.0,
                    Spread::Linear => low.abs() * 0.05,
                    Spread::Log => 0.15,
                };
                (low, high) = (low - widen, high + widen);
            } else {
                (low, high) = (low - 2.0 * half * padding, high + 2.0 * half * padding);
            }
        }
        (low, high) = (low.max(-f64::MAX / 2.0), high.min(f64::MAX / 2.0));
        if low >= high {
            // Both beyond half the largest number, on one side.
            (low, high) = if low > 0.0 { (low / 2.0, low) } else { (high, high / 2.0) };
        }
        Self { spread, low, high, from: 0.0, to: 1.0 }
    }

    /// The same domain on other pixels.
    #[must_use]
    pub fn onto(mut self, from: f64, to: f64) -> Self {
        (self.from, self.to) = (from, to);
        self
    }

    /// The pixel of a value; `None` where it has no place. Kept within ±1e5 so that renderers
    /// with 32-bit numbers can draw it.
    pub fn place(&self, value: f64) -> Option<f64> {
        Some(self.place_position(self.spread.forward(value)?))
    }

    /// The pixel of an evenly spread coordinate.
    pub fn place_position(&self, position: f64) -> f64 {
        let share = (position / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        (self.from + share * (self.to - self.from)).clamp(-1e5, 1e5)
    }

    /// Whether a value has a place between the ends.
    pub fn shows(&self, value: f64) -> bool {
        self.spread.forward(value).is_some_and(|p| p >= self.low && p <= self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_float_is_placed_or_refused(values in prop::collection::vec(prop::num::f64::ANY, 0..6), log: bool) {
            let spread = if log { Spread::Log } else { Spread::Linear };
            let scale = Scale::fit(spread, values.iter().copied(), 0.05).onto(10.0, 500.0);
            prop_assert!(scale.low < scale.high && scale.low.is_finite() && scale.high.is_finite());
            for v in values {
                match scale.place(v) {
                    Some(x) => prop_assert!(x.is_finite()),
                    None => prop_assert!(!v.is_finite() || (log && v <= 0.0)),
                }
            }
        }
    }

    #[test]
    fn pads_and_widens() {
        let scale = Scale::fit(Spread::Linear, [0.0, 10.0].into_iter(), 0.1);
        assert_eq!((scale.low, scale.high), (-1.0, 11.0));
        let one = Scale::fit(Spread::Log, [100.0].into_iter(), 0.1);
        assert_eq!((one.low, one.high), (1.85, 2.15));
    }
}
