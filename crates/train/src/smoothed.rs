//! The loss for the eye: a single batch's jumps about more than it falls.

/// An exponential average over steps: a value of `n` steps ago counts `exp(-n / window)` times as much as the latest. Divided by
/// the sum of the weights, as Adam's moments are (Kingma & Ba 2015, section 3), so that the first values are not drawn towards 0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Smoothed {
    sum: f64,
    weights: f64,
}

impl Smoothed {
    /// Takes the next step's value, for a window of so many steps. One that is no number is passed over.
    pub(crate) fn add(&mut self, value: f64, window: f64) {
        if value.is_finite() {
            let keep = (-1.0 / window).exp();
            self.sum = keep * self.sum + value;
            self.weights = keep * self.weights + 1.0;
        }
    }

    /// The average; NaN before the first value.
    pub(crate) fn value(self) -> f64 {
        self.sum / self.weights
    }
}

/// Steps over which the training loss of a run of `steps` is averaged: a hundredth of them, at least 20.
pub(crate) fn window(steps: u64) -> f64 {
    (steps as f64 / 100.0).max(20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_stands_and_a_constant_stays() {
        let mut loss = Smoothed::default();
        assert!(loss.value().is_nan());
        for _ in 0..50 {
            loss.add(3.0, 20.0);
            assert!((loss.value() - 3.0).abs() < 1e-12);
        }
        loss.add(f64::NAN, 20.0);
        assert!((loss.value() - 3.0).abs() < 1e-12, "what is no number is passed over");
    }

    #[test]
    fn a_jump_is_followed_within_the_window() {
        let mut loss = Smoothed::default();
        for _ in 0..1000 {
            loss.add(5.0, 20.0);
        }
        for _ in 0..20 {
            loss.add(4.0, 20.0);
        }
        let expected = 4.0 + (-1f64).exp();
        assert!((loss.value() - expected).abs() < 1e-9, "{}", loss.value());
        assert_eq!((window(100), window(5000)), (20.0, 50.0));
    }
}
