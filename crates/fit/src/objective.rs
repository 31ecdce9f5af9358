//! What a fit minimises.

use serde::{Deserialize, Serialize};

use crate::error::FitError;

/// How residuals are weighed. `r = ln L - ln L_model` unless said.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Objective {
    /// Sum of Huber(r; delta): `r^2 / 2` within delta, `delta (|r| - delta / 2)` beyond
    /// (Hoffmann et al. 2022, equation 3, with delta = 1e-3).
    Huber {
        /// Where squares end.
        delta: f64,
    },
    /// Sum of |r|: least absolute deviations.
    Absolute,
    /// Half the sum of r^2.
    SquaredLog,
    /// Sum of `(L - L_model)^2`, in nats (variable projection finds its starts).
    SquaredLinear,
    /// Negative log-likelihood of a Huber density of `r / sigma` with the scale fitted too
    /// (Besiroglu et al. 2024). With delta = 1e-3 *of sigma* it is close to [`Objective::Absolute`].
    Likelihood {
        /// Where squares end, in units of the fitted scale.
        delta: f64,
    },
}

impl Default for Objective {
    fn default() -> Self {
        Objective::Huber { delta: 1e-3 }
    }
}

impl Objective {
    /// The objectives that a default run compares.
    pub const COMPARED: [Objective; 5] = [
        Objective::Huber { delta: 1e-3 },
        Objective::Absolute,
        Objective::SquaredLog,
        Objective::SquaredLinear,
        Objective::Likelihood { delta: 1e-3 },
    ];

    /// Whether residuals are of ln L.
    pub fn is_log(self) -> bool {
        !matches!(self, Objective::SquaredLinear)
    }

    /// Refuses a delta that no loss has.
    ///
    /// # Errors
    /// [`FitError::BadOption`] unless delta is positive and finite.
    pub fn check(self) -> Result<(), FitError> {
        match self {
            Objective::Huber { delta } | Objective::Likelihood { delta }
                if !(delta > 0.0 && delta.is_finite()) =>
            {
                Err(FitError::BadOption {
                    option: "delta".into(),
                    value: delta.to_string(),
                    range: "(0, inf)".into(),
                    hint: "1e-3 is usual; `absolute` is its limit at 0, `squared-log` that at infinity".into(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Short name, with the parameter.
    pub fn name(self) -> String {
        match self {
            Objective::Huber { delta } => format!("huber({delta:e}) on ln L"),
            Objective::Absolute => "absolute on ln L".into(),
            Objective::SquaredLog => "squares of ln L".into(),
            Objective::SquaredLinear => "squares of L".into(),
            Objective::Likelihood { delta } => format!("likelihood, huber({delta:e}) with scale"),
        }
    }

    /// The threshold of Huber's loss that the objective is minimised with, for residuals of this width and the likelihood's
    /// scale; infinite for squares. Kinks are rounded at 1e-5 of the width.
    pub(crate) fn threshold(self, width: f64, sigma: f64) -> f64 {
        match self {
            Objective::Huber { delta } => delta,
            Objective::Absolute => (1e-5 * width).max(1e-13),
            Objective::SquaredLog | Objective::SquaredLinear => f64::INFINITY,
            Objective::Likelihood { delta } => (delta * sigma).max(1e-5 * width).max(1e-13),
        }
    }

    /// Value over residuals; `sigma` is the likelihood's scale.
    pub(crate) fn value(self, residuals: &[f64], weights: &[f64], sigma: f64) -> f64 {
        let sum = |loss: &dyn Fn(f64) -> f64| -> f64 {
            residuals.iter().zip(weights).map(|(r, w)| w * loss(*r)).sum()
        };
        match self {
            Objective::Huber { delta } => sum(&|r| huber(r, delta)),
            Objective::Absolute => sum(&f64::abs),
            Objective::SquaredLog => sum(&|r| 0.5 * r * r),
            Objective::SquaredLinear => sum(&|r| r * r),
            Objective::Likelihood { delta } => {
                let constant = sigma.ln() + huber_normaliser(delta).ln();
                sum(&|r| huber(r / sigma, delta) + constant)
            }
        }
    }
}

fn huber(r: f64, delta: f64) -> f64 {
    let t = r.clamp(-delta, delta);
    t * (r - 0.5 * t)
}

/// Integral of `exp(-huber(z; delta))` over the line.
fn huber_normaliser(delta: f64) -> f64 {
    // The middle by Simpson's rule: smooth, and exact to rounding for any delta of use.
    let n = 200;
    let h = 2.0 * delta / n as f64;
    let mut middle = 0.0;
    for i in 0..=n {
        let z = -delta + h * i as f64;
        let weight = if i % n == 0 { 1.0 } else { 2.0 + 2.0 * (i % 2) as f64 };
        middle += weight * (-0.5 * z * z).exp();
    }
    middle * h / 3.0 + 2.0 * (-0.5 * delta * delta).exp() / delta
}

/// The scale that maximises the likelihood for given residuals: the root of
/// `sum w psi(r / sigma) r / sigma = sum w`.
pub(crate) fn likelihood_scale(residuals: &[f64], weights: &[f64], delta: f64) -> f64 {
    let total: f64 = weights.iter().sum();
    let mean = residuals.iter().zip(weights).map(|(r, w)| w * r.abs()).sum::<f64>() / total;
    if !(mean > 0.0) {
        return f64::MIN_POSITIVE;
    }
    // Newton's steps for the logarithm of the left side over the right, as a function of t = ln sigma: next to a straight line,
    // of slope -2 by the residuals within delta and -1 by those beyond.
    let at = |t: f64| -> (f64, f64) {
        let scale = (-t).exp();
        let (mut within, mut beyond) = (0.0, 0.0);
        for (r, w) in residuals.iter().zip(weights) {
            let z = r.abs() * scale;
            if z < delta { within += w * z * z } else { beyond += w * z * delta }
        }
        let sum = within + beyond;
        ((sum / total).ln(), -(2.0 * within + beyond) / sum)
    };
    // The Laplace and Gauss limits.
    let (mut lo, mut hi) = ((mean * delta * 1e-6).ln(), (mean * (1e3 + 1e3 * delta)).ln());
    let mut t = (mean * delta.min(1.0)).ln();
    for _ in 0..200 {
        let (excess, slope) = at(t);
        if excess > 0.0 {
            lo = t
        } else {
            hi = t
        }
        let newton = t - excess / slope;
        let next = if newton > lo && newton < hi { newton } else { 0.5 * (lo + hi) };
        if (next - t).abs() <= 1e-15 * t.abs() {
            break;
        }
        t = next;
    }
    t.exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huber_joins_smoothly() {
        assert_eq!(huber(0.5, 1.0), 0.125);
        assert_eq!(huber(-3.0, 1.0), 2.5);
        assert_eq!(huber(3.0, f64::INFINITY), 4.5);
    }

    #[test]
    fn likelihood_scale_has_its_two_limits() {
        let residuals: Vec<f64> = (0..1000).map(|i| (i as f64 / 500.0 - 1.0) * 0.01).collect();
        let mean = residuals.iter().map(|r| r.abs()).sum::<f64>() / 1000.0;
        let weights = vec![1.0; residuals.len()];
        let laplace = likelihood_scale(&residuals, &weights, 1e-3);
        assert!((laplace / (1e-3 * mean) - 1.0).abs() < 1e-3, "{laplace}");
        let gauss = likelihood_scale(&residuals, &weights, 50.0);
        let rms = crate::stats::rms(&residuals);
        assert!((gauss / rms - 1.0).abs() < 1e-6);
    }
}
