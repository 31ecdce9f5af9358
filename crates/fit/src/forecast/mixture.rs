//! A mixture of normal distributions.

use crate::intervals::normal_cdf;

/// One part of a mixture; weights are relative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    pub weight: f64,
    pub mean: f64,
    pub variance: f64,
}

/// Quantile `p` of a mixture.
pub(crate) fn quantile(parts: &[Part], p: f64) -> f64 {
    let total: f64 = parts.iter().map(|part| part.weight).sum();
    let below = |x: f64| -> f64 {
        let one = |q: &Part| q.weight * normal_cdf((x - q.mean) / q.variance.max(1e-18).sqrt());
        parts.iter().map(one).sum::<f64>() / total
    };
    let reach = |q: &Part| 10.0 * q.variance.max(1e-18).sqrt();
    let mut lo = parts.iter().map(|q| q.mean - reach(q)).fold(f64::INFINITY, f64::min);
    let mut hi = parts.iter().map(|q| q.mean + reach(q)).fold(f64::NEG_INFINITY, f64::max);
    for _ in 0..80 {
        let middle = 0.5 * (lo + hi);
        if below(middle) < p { lo = middle } else { hi = middle }
    }
    0.5 * (lo + hi)
}

/// Logarithm of the mixture's density at `x`, where `x` itself is known with `variance`.
pub(crate) fn log_density(parts: &[Part], x: f64, variance: f64) -> f64 {
    let total: f64 = parts.iter().map(|part| part.weight).sum();
    let one = |q: &Part| {
        let v = q.variance + variance;
        q.weight / total * (-0.5 * (x - q.mean).powi(2) / v).exp()
            / (std::f64::consts::TAU * v).sqrt()
    };
    parts.iter().map(one).sum::<f64>().max(f64::MIN_POSITIVE).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_one_and_of_two_normals() {
        let one = [Part { weight: 3.0, mean: 1.0, variance: 4.0 }];
        assert!((quantile(&one, 0.975) - (1.0 + 2.0 * 1.959_964)).abs() < 1e-3);
        let two = [
            Part { weight: 1.0, mean: -5.0, variance: 0.01 },
            Part { weight: 1.0, mean: 5.0, variance: 0.01 },
        ];
        assert!((quantile(&two, 0.25) + 5.0).abs() < 1e-3);
        assert!((quantile(&two, 0.75) - 5.0).abs() < 1e-3);
    }
}
