//! Numbers as a person reads them: significant digits, prefixes, intervals.

use isoflop_fit::Estimate;

use crate::chart::Rich;

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

/// Text for values that are no number.
fn not_finite(x: f64) -> Option<String> {
    match x {
        x if x.is_nan() => Some("not a number".to_owned()),
        f64::INFINITY => Some("∞".to_owned()),
        f64::NEG_INFINITY => Some("−∞".to_owned()),
        _ => None,
    }
}

/// Decimals that show `digits` significant digits of `x`, at most 9.
pub(crate) fn decimals(x: f64, digits: i32) -> usize {
    if !x.is_finite() || x == 0.0 {
        return 0;
    }
    // The exponent after rounding: 0.9996 has three digits as 1.00.
    let rounded = format!("{:.*e}", (digits - 1).max(0) as usize, x);
    let exponent: i32 = rounded.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    (digits - 1 - exponent).clamp(0, 9) as usize
}

/// Fixed decimals, with a true minus sign and no negative zero.
pub fn fixed(x: f64, decimals: usize) -> String {
    not_finite(x).unwrap_or_else(|| {
        let text = format!("{:.decimals$}", x.abs());
        let zero = text.chars().all(|c| matches!(c, '0' | '.'));
        if x < 0.0 && !zero { format!("−{text}") } else { text }
    })
}

/// `digits` significant digits; with an exponent (`1.23e18`) outside 1e-4 .. 1e6.
pub fn significant(x: f64, digits: i32) -> String {
    if x != 0.0 && x.is_finite() && !(1e-4..1e6).contains(&x.abs()) {
        return scientific(x, digits);
    }
    fixed(x, decimals(x, digits))
}

/// `1.23e18`: `digits` significant digits, trailing zeros dropped.
pub fn scientific(x: f64, digits: i32) -> String {
    not_finite(x).unwrap_or_else(|| {
        let (mantissa, exponent) = split(x, digits);
        format!("{mantissa}e{exponent}")
    })
}

/// `1.23·10^18`, raised; plain powers as `10^18`.
pub fn power(x: f64, digits: i32) -> Rich {
    if let Some(text) = not_finite(x) {
        return text.into();
    }
    if x == 0.0 {
        return "0".into();
    }
    let (mantissa, exponent) = split(x, digits);
    let exponent = exponent.replace('-', "−");
    Rich::markup(&match mantissa.as_str() {
        "1" => format!("10^{{{exponent}}}"),
        "−1" => format!("−10^{{{exponent}}}"),
        _ => format!("{mantissa}·10^{{{exponent}}}"),
    })
}

fn split(x: f64, digits: i32) -> (String, String) {
    let text = format!("{:.*e}", (digits - 1).max(0) as usize, x);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    (mantissa.replace('-', "−"), exponent.to_owned())
}

const PREFIXES: [(f64, &str); 5] = [(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "B"), (1e12, "T")];

fn prefix_of(x: f64) -> (f64, &'static str) {
    // 999.6 at three digits is 1.00k, so compare after rounding.
    let at = PREFIXES.iter().rev().find(|(size, _)| x.abs() >= size * 0.9995);
    *at.unwrap_or(&PREFIXES[0])
}

/// Counts of parameters or tokens: `340`, `12.5k`, `1.25M`, `70.4B`, `1.5T`; beyond, an exponent.
pub fn count(x: f64, digits: i32) -> String {
    count_with(x, prefix_of(x), digits)
}

fn count_with(x: f64, (size, prefix): (f64, &str), digits: i32) -> String {
    if x.is_finite() && x.abs() >= 1e15 {
        return scientific(x, digits);
    }
    let scaled = x / size;
    if x != 0.0 && scaled.abs() < 1e-3 {
        return if size > 1.0 { count(x, digits) } else { scientific(x, digits) };
    }
    let text = match size {
        1.0 if x.fract() == 0.0 => fixed(scaled, 0),
        _ => fixed(scaled, decimals(scaled, digits)),
    };
    if x.is_finite() { format!("{text}{prefix}") } else { text }
}

/// `12.3%`, signed when `sign`.
pub fn percent(share: f64, decimals: usize, sign: bool) -> String {
    let text = fixed(share * 100.0, decimals);
    if sign && share > 0.0 { format!("+{text}%") } else { format!("{text}%") }
}

/// `95%`, `97.5%`: the level of an interval, with all of its digits.
pub fn level(level: f64) -> String {
    let text = fixed(level * 100.0, 6);
    match text.contains('.') {
        true => format!("{}%", text.trim_end_matches('0').trim_end_matches('.')),
        false => format!("{text}%"),
    }
}

/// `830 ms`, `12.3 s`, `4 min 10 s`, `3 h 20 min`, `2 d 5 h`.
pub fn duration(seconds: f64) -> String {
    if let Some(text) = not_finite(seconds) {
        return text;
    }
    if seconds < 0.9995 {
        return format!("{} ms", fixed(seconds * 1e3, 0));
    }
    if seconds < 59.95 {
        return format!("{} s", fixed(seconds, 1));
    }
    let whole = seconds.round();
    let (minute, hour, day) = (60.0, 3600.0, 86400.0);
    let (big, small, names) = match whole {
        s if s < hour => (minute, 1.0, ("min", "s")),
        s if s < day => (hour, minute, ("h", "min")),
        _ => (day, hour, ("d", "h")),
    };
    let units = (whole / small).round();
    let per = big / small;
    let (first, second) = ((units / per).floor(), units % per);
    match second {
        0.0 => format!("{first:.0} {}", names.0),
        _ => format!("{first:.0} {} {second:.0} {}", names.0, names.1),
    }
}

/// `1.5 GiB`.
pub fn bytes(x: f64) -> String {
    let units = [
        (1024f64.powi(4), "TiB"),
        (1024f64.powi(3), "GiB"),
        (1024f64.powi(2), "MiB"),
        (1024.0, "KiB"),
    ];
    match units.iter().find(|(size, _)| x.abs() >= *size) {
        Some((size, name)) if x.is_finite() => {
            format!("{} {name}", fixed(x / size, decimals(x / size, 3)))
        }
        _ => format!("{} B", fixed(x, 0)),
    }
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
    fn counts_and_powers() {
        let counts = [340.0, 999.6, 12_500.0, 1.25e6, 7.04e10, 1.5e12, 3e15, f64::NAN];
        assert_eq!(
            counts.map(|x| count(x, 3)),
            ["340", "1.00k", "12.5k", "1.25M", "70.4B", "1.50T", "3e15", "not a number"]
        );
        assert_eq!(power(1e18, 3).to_text(), "10¹⁸");
        assert_eq!(power(3.2e-7, 3).to_text(), "3.2·10⁻⁷");
        assert_eq!(significant(-0.0, 3), "0");
        assert_eq!(significant(-12.345, 3), "−12.3");
        assert_eq!(significant(1.5e-9, 3), "1.5e-9");
    }

    #[test]
    fn levels_keep_their_digits() {
        let levels = [0.9, 0.95, 0.975, 0.999, 0.6827, 1.0, f64::NAN];
        assert_eq!(
            levels.map(level),
            ["90%", "95%", "97.5%", "99.9%", "68.27%", "100%", "not a number%"]
        );
    }

    #[test]
    fn durations_and_bytes() {
        let times = [0.2, 0.9997, 12.34, 59.96, 250.0, 3599.9, 12_000.0, 190_800.0];
        assert_eq!(
            times.map(duration),
            ["200 ms", "1.0 s", "12.3 s", "1 min", "4 min 10 s", "1 h", "3 h 20 min", "2 d 5 h"]
        );
        assert_eq!([512.0, 1536.0, 3.2e9].map(bytes), ["512 B", "1.50 KiB", "2.98 GiB"]);
        assert_eq!(percent(0.0123, 1, true), "+1.2%");
    }
}
