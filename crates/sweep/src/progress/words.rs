//! Numbers as people read them.

/// Seconds in at most two units: `41 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`.
pub fn seconds(value: f64) -> String {
    if !value.is_finite() || value < 0.0 {
        return "?".to_owned();
    }
    let whole = value.round() as u64;
    let (minutes, hours, days) = (whole / 60, whole / 3600, whole / 86400);
    if whole < 10 {
        format!("{value:.1} s")
    } else if minutes == 0 {
        format!("{whole} s")
    } else if hours == 0 {
        format!("{minutes} min {:02} s", whole % 60)
    } else if days == 0 {
        format!("{hours} h {:02} min", minutes % 60)
    } else {
        format!("{days} d {} h", hours % 24)
    }
}

/// A count with three digits and a prefix: `51.2k`, `1.20M`.
pub fn count(value: f64) -> String {
    let steps = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    // Not 1000k: the next prefix begins where rounding would reach it.
    let (scale, prefix) =
        steps.into_iter().find(|(scale, _)| value.abs() >= scale * 0.9995).unwrap_or((1.0, ""));
    let scaled = value / scale;
    let decimals = match scaled.abs() {
        _ if prefix.is_empty() && value.fract() == 0.0 => 0,
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    format!("{scaled:.decimals$}{prefix}")
}

/// A number of FLOPs: `1.23e13`.
pub fn flops(value: f64) -> String {
    format!("{value:.2e}")
}

/// A loss, or the range of the losses of a stack: `3.412`, `3.39-3.52`.
pub fn losses(values: &[f64]) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match values {
        [] => "-".to_owned(),
        [one] => format!("{one:.3}"),
        _ if values.iter().any(|value| !value.is_finite()) => "not finite".to_owned(),
        _ => format!("{low:.2}-{high:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_in_two_units() {
        let cases = [
            (0.04, "0.0 s"),
            (9.4, "9.4 s"),
            (41.3, "41 s"),
            (60.0, "1 min 00 s"),
            (200.0, "3 min 20 s"),
            (7500.0, "2 h 05 min"),
            (273_600.0, "3 d 4 h"),
            (f64::NAN, "?"),
        ];
        for (value, text) in cases {
            assert_eq!(seconds(value), text);
        }
    }

    #[test]
    fn counts_with_a_prefix() {
        let cases = [
            (0.0, "0"),
            (12.0, "12"),
            (12.34, "12.3"),
            (999.6, "1.00k"),
            (51_234.0, "51.2k"),
            (1_200_000.0, "1.20M"),
            (999_999.0, "1.00M"),
            (3.5e12, "3.50T"),
        ];
        for (value, text) in cases {
            assert_eq!(count(value), text, "{value}");
        }
    }

    #[test]
    fn losses_of_a_stack() {
        assert_eq!(losses(&[]), "-");
        assert_eq!(losses(&[3.4123]), "3.412");
        assert_eq!(losses(&[3.52, 3.389]), "3.39-3.52");
        assert_eq!(losses(&[3.52, f64::NAN]), "not finite");
    }
}
