//! Numbers: significant digits, exponents, prefixes.

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
        let (mantissa, exponent) = mantissa(x, digits);
        format!("{mantissa}e{exponent}")
    })
}

/// Counts of parameters or tokens: `340`, `12.5k`, `1.25M`, `70.4B`, `1.5T`; beyond, an exponent.
pub fn count(x: f64, digits: i32) -> String {
    count_with(x, prefix_of(x), digits)
}

/// A count with a given prefix, so that the ends of an interval have the same.
pub fn count_with(x: f64, (size, prefix): Prefix, digits: i32) -> String {
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

const PREFIXES: [(f64, &str); 5] = [(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "B"), (1e12, "T")];

/// A power of ten and its letter.
pub type Prefix = (f64, &'static str);

/// The prefix with which `x` has one to three digits before the point.
pub fn prefix_of(x: f64) -> Prefix {
    // 999.6 at three digits is 1.00k, so compare after rounding.
    let at = PREFIXES.iter().rev().find(|(size, _)| x.abs() >= size * 0.9995);
    *at.unwrap_or(&PREFIXES[0])
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

/// Decimals that show `digits` significant digits of `x`, at most 9.
pub fn decimals(x: f64, digits: i32) -> usize {
    if !x.is_finite() || x == 0.0 {
        return 0;
    }
    // The exponent after rounding: 0.9996 has three digits as 1.00.
    let rounded = format!("{:.*e}", (digits - 1).max(0) as usize, x);
    let exponent: i32 = rounded.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    (digits - 1 - exponent).clamp(0, 9) as usize
}

/// Mantissa and exponent of `digits` significant digits, trailing zeros dropped.
pub fn mantissa(x: f64, digits: i32) -> (String, String) {
    let text = format!("{:.*e}", (digits - 1).max(0) as usize, x);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    (mantissa.replace('-', "−"), exponent.to_owned())
}

/// Text for values that are no number.
pub fn not_finite(x: f64) -> Option<String> {
    match x {
        x if x.is_nan() => Some("not a number".to_owned()),
        f64::INFINITY => Some("∞".to_owned()),
        f64::NEG_INFINITY => Some("−∞".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_prefixes_and_digits() {
        let counts = [0.0, 340.0, 999.4, 999.6, 12_500.0, 1.25e6, 7.04e10, 1.5e12, 3e15, f64::NAN];
        assert_eq!(
            counts.map(|x| count(x, 3)),
            [
                "0",
                "340",
                "999",
                "1.00k",
                "12.5k",
                "1.25M",
                "70.4B",
                "1.50T",
                "3e15",
                "not a number"
            ]
        );
        assert_eq!(significant(-0.0, 3), "0");
        assert_eq!(significant(-12.345, 3), "−12.3");
        assert_eq!(significant(1.5e-9, 3), "1.5e-9");
        assert_eq!(percent(0.0123, 1, true), "+1.2%");
    }

    #[test]
    fn levels_keep_their_digits() {
        let levels = [0.9, 0.95, 0.975, 0.999, 0.6827, 1.0, f64::NAN];
        assert_eq!(
            levels.map(level),
            ["90%", "95%", "97.5%", "99.9%", "68.27%", "100%", "not a number%"]
        );
    }
}
