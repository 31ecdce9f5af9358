//! Estimates and powers as a person reads them; other numbers are [`isoflop_text`]'s.

use isoflop_fit::Estimate;

use crate::chart::Rich;

pub use isoflop_text::{
    bytes, count, duration, fixed, grams, joules, level, percent, scientific, significant,
};
use isoflop_text::{count_with, decimals, mantissa, not_finite, prefix_of};

/// `0.487 [0.462, 0.511]`, with as many decimals as the interval's width gives meaning to (two
/// significant digits of it; three of the value without an interval).
pub fn estimate(e: &Estimate) -> String {
    let width = e.interval.map(|i| i.hi - i.lo).filter(|w| w.is_finite() && *w > 0.0);
    let digits = width.map_or_else(|| decimals(e.point, 3), |w| decimals(w, 2));
    // Very large and very small numbers read better with an exponent.
    let wild = e.point != 0.0 && !(1e-4..1e6).contains(&e.point.abs());
    // Over orders of magnitude, what is right for the wide end would round the other away.
    let least = e.interval.filter(|i| i.lo > 0.0 && i.hi > 10.0 * i.lo).map_or(0, |_| 2);
    join(e, |x| match (wild, least) {
        (true, _) => scientific(x, 3),
        (_, 0) => fixed(x, digits),
        _ => significant_at_least(x, digits, least),
    })
}

/// `1.21M [0.93M, 1.64M]`: counts with a prefix, three significant digits.
pub fn estimate_count(e: &Estimate) -> String {
    let prefix = prefix_of(e.point);
    join(e, |x| count_with(x, prefix, 3))
}

/// Fixed decimals, and more where these show fewer than `least` digits of `x`.
fn significant_at_least(x: f64, most: usize, least: i32) -> String {
    match x.abs() < 1e-4 {
        true => significant(x, least),
        false => fixed(x, most.max(decimals(x, least))),
    }
}

fn join(e: &Estimate, format: impl Fn(f64) -> String) -> String {
    match e.interval {
        None => format(e.point),
        Some(i) => format!("{} [{}, {}]", format(e.point), format(i.lo), format(i.hi)),
    }
}

/// R^2 to four decimals, and never as one.
pub fn r_squared(share: f64) -> String {
    if share >= 0.99995 { ">0.9999".into() } else { fixed(share, 4) }
}

/// `1.23·10^18`, raised; plain powers as `10^18`.
pub fn power(x: f64, digits: i32) -> Rich {
    if let Some(text) = not_finite(x) {
        return text.into();
    }
    if x == 0.0 {
        return "0".into();
    }
    let (mantissa, exponent) = mantissa(x, digits);
    let exponent = exponent.replace('-', "−");
    Rich::markup(&match mantissa.as_str() {
        "1" => format!("10^{{{exponent}}}"),
        "−1" => format!("−10^{{{exponent}}}"),
        _ => format!("{mantissa}·10^{{{exponent}}}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use isoflop_fit::Interval;

    #[test]
    fn digits_follow_the_interval() {
        let with = |point, lo, hi| Estimate {
            point,
            standard_error: None,
            interval: Some(Interval { lo, hi, level: 0.95 }),
        };
        assert_eq!(estimate(&with(0.48712, 0.4623, 0.5109)), "0.487 [0.462, 0.511]");
        assert_eq!(estimate(&with(20.44, 8.1, 51.7)), "20 [8, 52]");
        assert_eq!(estimate(&Estimate::bare(0.48712)), "0.487");
        assert_eq!(estimate(&with(-0.02, -0.11, 0.07)), "−0.02 [−0.11, 0.07]");
        assert_eq!(estimate(&with(1.0, f64::NEG_INFINITY, f64::INFINITY)), "1.00 [−∞, ∞]");
        assert_eq!(estimate_count(&with(1.2134e6, 9.3e5, 1.64e6)), "1.21M [0.930M, 1.64M]");
        assert_eq!(estimate(&with(2.5e18, 1e18, 6e18)), "2.5e18 [1e18, 6e18]");
        // No bound of something positive reads as 0.
        assert_eq!(estimate(&with(2.2, 0.013, 299.0)), "2.2 [0.013, 299]");
        assert_eq!(estimate(&with(18.0, 2e-9, 118.0)), "18 [2e-9, 118]");
        assert_eq!(estimate_count(&with(3e12, 4.5e6, 9e12)), "3.00T [4.50M, 9.00T]");
        assert_eq!(estimate_count(&with(2e-5, 1e-5, 3e-5)), "2e-5 [1e-5, 3e-5]");
    }

    #[test]
    fn no_fit_reads_as_perfect() {
        assert_eq!(r_squared(0.99951), "0.9995");
        assert_eq!(r_squared(0.999951), ">0.9999");
        assert_eq!(r_squared(1.0), ">0.9999");
    }

    #[test]
    fn powers_are_raised() {
        assert_eq!(power(1e18, 3).to_text(), "10¹⁸");
        assert_eq!(power(3.2e-7, 3).to_text(), "3.2·10⁻⁷");
    }
}
