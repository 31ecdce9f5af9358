//! Quantiles of the normal distribution and of Student's t.

/// Normal distribution function (Abramowitz & Stegun 7.1.26: within 2e-7).
pub fn normal_cdf(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly = t
        * (0.254_829_592
            + t * (-0.284_496_736
                + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let upper = 0.5 * poly * (-z * z).exp();
    if x > 0.0 { 1.0 - upper } else { upper }
}

/// Quantile of Student's t (Cornish-Fisher around the normal: within 1% for 5 degrees of freedom or more).
pub(crate) fn student_quantile(p: f64, free: f64) -> f64 {
    let z = normal_quantile(p);
    let (z3, z5, z7) = (z.powi(3), z.powi(5), z.powi(7));
    z + (z3 + z) / (4.0 * free)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * free * free)
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * free.powi(3))
}

pub fn normal_quantile(p: f64) -> f64 {
    let (mut lo, mut hi) = (-9.0, 9.0);
    for _ in 0..100 {
        let middle = 0.5 * (lo + hi);
        if normal_cdf(middle) < p { lo = middle } else { hi = middle }
    }
    0.5 * (lo + hi)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_match_tables() {
        assert!((normal_quantile(0.975) - 1.959_964).abs() < 1e-4);
        assert!((student_quantile(0.975, 10.0) - 2.228).abs() < 2e-3);
        assert!((student_quantile(0.975, 25.0) - 2.0595).abs() < 1e-3);
        assert!((student_quantile(0.95, 5.0) - 2.015).abs() < 5e-3);
    }
}
