//! Tails of Student's t and of Fisher's F, to the last few digits whatever the degrees of freedom.

pub use crate::intervals::{normal_cdf, normal_quantile};

/// ln of the gamma function for `x > 0`: Stirling's series (Abramowitz & Stegun 6.1.40), from `x >= 10` up.
fn ln_gamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < 10.0 {
        below += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = (1.0 / 12.0
        - inverse
            * (1.0 / 360.0
                - inverse * (1.0 / 1260.0 - inverse * (1.0 / 1680.0 - inverse / 1188.0))))
        / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - below
}

/// The regularised incomplete beta function `I_x(a, b)` (Abramowitz & Stegun 26.5.8, a continued fraction, by Lentz's method).
fn beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    // The fraction converges fast on this side of the mean.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta(b, a, 1.0 - x);
    }
    let front = a * x.ln() + b * (1.0 - x).ln() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    let away = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for k in 1..10_000 {
        let k = f64::from(k);
        let even = k * (b - k) * x / ((a + 2.0 * k - 1.0) * (a + 2.0 * k));
        let odd = -(a + k) * (a + b + k) * x / ((a + 2.0 * k) * (a + 2.0 * k + 1.0));
        let before = fraction;
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            fraction *= c * d;
        }
        if (fraction / before - 1.0).abs() < 1e-14 {
            break;
        }
    }
    front.exp() * fraction / a
}

/// Probability that Fisher's F with these degrees of freedom is larger than `f`.
pub fn f_tail(f: f64, above: f64, below: f64) -> f64 {
    beta(0.5 * below, 0.5 * above, below / (below + above * f))
}

/// Quantile `p > 0.5` of Student's t; exact where the expansion of
/// [`student_quantile`](crate::intervals::student_quantile) is not, below 5 degrees of freedom.
pub fn exact_student_quantile(p: f64, free: f64) -> f64 {
    // t^2 is F with 1 and `free` degrees of freedom; bisected in the logarithm.
    let upper = |t: f64| 0.5 * f_tail(t * t, 1.0, free);
    let (mut lo, mut hi) = (1e-9_f64.ln(), 1e9_f64.ln());
    for _ in 0..200 {
        let middle = 0.5 * (lo + hi);
        if upper(middle.exp()) > 1.0 - p { lo = middle } else { hi = middle }
    }
    (0.5 * (lo + hi)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_and_quantiles_match_tables() {
        for (f, above, below, p) in F_TAILS {
            assert!((f_tail(f, above, below) / p - 1.0).abs() < 1e-9, "{f} {above} {below}");
        }
        for (p, free, t) in QUANTILES {
            assert!((exact_student_quantile(p, free) / t - 1.0).abs() < 2e-7, "{p} {free}");
        }
        assert_eq!(f_tail(0.0, 3.0, 4.0), 1.0);
        assert_eq!(f_tail(f64::INFINITY, 3.0, 4.0), 0.0);
    }

    /// By finite sums: both numbers of degrees of freedom are even.
    const F_TAILS: [(f64, f64, f64, f64); 5] = [
        (4.0, 2.0, 10.0, 0.05292214940134465),
        (2.5, 8.0, 26.0, 0.036805490731050515),
        (8.0, 14.0, 20.0, 2.105409307027173e-05),
        (1.5, 200.0, 400.0, 0.00035377966684701644),
        (0.5, 4.0, 4.0, 0.7407407407407407),
    ];
    /// 1 and 2 degrees of freedom have closed forms, `tan(pi (p - 1/2))` and `(2p - 1) / sqrt(2p (1 - p))`; the others are from tables.
    const QUANTILES: [(f64, f64, f64); 4] = [
        (0.975, 1.0, 12.706204736174696),
        (0.975, 2.0, 4.302652729749464),
        (0.995, 3.0, 5.840909),
        (0.975, 7.0, 2.364624),
    ];
}
