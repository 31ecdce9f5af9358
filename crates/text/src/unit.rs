//! Quantities: durations, bytes, things.

use std::fmt::Display;

use crate::{decimals, fixed, not_finite, significant};

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

/// `830 J`, `12.3 kJ`, `1.25 MJ`.
pub fn joules(x: f64) -> String {
    in_units(x, &[(1e12, "TJ"), (1e9, "GJ"), (1e6, "MJ"), (1e3, "kJ"), (1.0, "J"), (1e-3, "mJ")])
}

/// `520 mg`, `12.3 g`, `1.25 kg`.
pub fn grams(x: f64) -> String {
    in_units(x, &[(1e6, "t"), (1e3, "kg"), (1.0, "g"), (1e-3, "mg")])
}

/// Three digits in the largest unit of which there is one; units fall.
fn in_units(x: f64, units: &[(f64, &str)]) -> String {
    if let Some(text) = not_finite(x) {
        return text;
    }
    let reaches = |&&(size, _): &&(f64, &str)| x.abs() >= size * 0.9995;
    let smallest = units.last().filter(|_| x != 0.0);
    let base = units.iter().find(|(size, _)| *size == 1.0);
    match units.iter().find(reaches).or(smallest).or(base) {
        Some((size, name)) => format!("{} {name}", significant(x / size, 3)),
        None => significant(x, 3),
    }
}

/// An expected duration: `42 s`, `7 min`, `3 h 20 min`, `2 d 4 h`.
pub fn rough_duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match minutes {
        _ if seconds < 100.0 => format!("{seconds:.0} s"),
        ..100 => format!("{minutes} min"),
        100..2880 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", minutes / 1440, minutes % 1440 / 60),
    }
}

/// `1,234,567`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 run`, `2 runs`.
pub fn counted<N: Display + PartialEq + From<u8>>(n: N, noun: &str) -> String {
    let noun = if n == N::from(1) { noun.into() } else { format!("{noun}s") };
    format!("{n} {noun}")
}

/// `run` of 1, else `runs`.
pub fn plural(n: usize, noun: &str) -> String {
    if n == 1 { noun.into() } else { format!("{noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        let times = [0.2, 0.9997, 12.34, 59.96, 250.0, 3599.9, 12_000.0, 190_800.0];
        assert_eq!(
            times.map(duration),
            ["200 ms", "1.0 s", "12.3 s", "1 min", "4 min 10 s", "1 h", "3 h 20 min", "2 d 5 h"]
        );
    }

    #[test]
    fn expected_durations_have_no_more_digits_than_they_are_worth() {
        let shown = [5.0, 99.0, 420.0, 688.0, 12_000.0, 187_200.0].map(rough_duration);
        assert_eq!(shown, ["5 s", "99 s", "7 min", "11 min", "3 h 20 min", "2 d 4 h"]);
    }

    #[test]
    fn bytes_have_three_digits() {
        let shown = [12.0, 512.0, 1536.0, 2048.0, 3.2e9, (3u64 << 30) as f64].map(bytes);
        assert_eq!(shown, ["12 B", "512 B", "1.50 KiB", "2.00 KiB", "2.98 GiB", "3.00 GiB"]);
    }

    #[test]
    fn energy_and_mass_have_the_unit_that_fits() {
        let shown = [0.0, 0.0123, 830.0, 999.7, 12_345.0, 1.25e6, 4e15, f64::NAN].map(joules);
        let expected = ["0 J", "12.3 mJ", "830 J", "1.00 kJ", "12.3 kJ", "1.25 MJ", "4000 TJ"];
        assert_eq!(shown[..7], expected);
        assert_eq!(shown[7], "not a number");
        assert_eq!([0.25, 12.34, 2500.0].map(grams), ["250 mg", "12.3 g", "2.50 kg"]);
    }

    #[test]
    fn things_are_counted() {
        let all = [0, 12, 999, 1000, 1_234_567].map(thousands);
        assert_eq!(all, ["0", "12", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1u64, "file"), counted(0, "file")], ["1 file", "0 files"]);
        assert_eq!([plural(1, "run"), plural(2, "run")], ["run", "runs"]);
    }
}
