//! Figures as people read them.

use crate::Schedule;

/// `34.6k`, `1.23M`: three digits of a count.
pub(super) fn count(x: f64) -> String {
    let units = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")];
    // Half a unit of the third digit below a unit already rounds up to it.
    match units.iter().find(|(size, _)| x >= size * 0.9995) {
        Some((size, unit)) => format!("{}{unit}", digits(x / size)),
        None => format!("{x:.0}"),
    }
}

/// `1 cell`, `2 cells`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// `4.60e10`.
pub(super) fn flops(x: f64) -> String {
    format!("{x:.2e}")
}

/// `0.0123`, `3.10e-4`.
pub(super) fn rate(x: f64) -> String {
    if x >= 1e-3 { format!("{x:.4}") } else { format!("{x:.2e}") }
}

/// `12%`.
pub(super) fn percent(x: f64) -> String {
    format!("{:.0}%", 100.0 * x)
}

/// `1.50 GiB`.
pub(crate) fn bytes(x: u64) -> String {
    let x = x as f64;
    let units = [(1u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(size, _)| x >= *size as f64) {
        Some((size, unit)) => format!("{} {unit}", digits(x / *size as f64)),
        None => format!("{x:.0} B"),
    }
}

/// `42 s`, `7 min`, `3 h 20 min`, `2 d 4 h`.
pub(super) fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match minutes {
        _ if seconds < 100.0 => format!("{seconds:.0} s"),
        ..100 => format!("{minutes} min"),
        100..2880 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", minutes / 1440, minutes % 1440 / 60),
    }
}

/// `cosine to 0.1`.
pub(super) fn schedule(schedule: Schedule) -> String {
    match schedule {
        Schedule::Cosine { final_fraction } => format!("cosine to {final_fraction} of the peak"),
        Schedule::Wsd { cooldown_fraction } => {
            format!("constant, then 1 - sqrt over the last {:.0}%", 100.0 * cooldown_fraction)
        }
        Schedule::Constant => "constant".into(),
    }
}

fn digits(x: f64) -> String {
    match x {
        ..9.995 => format!("{x:.2}"),
        9.995..99.95 => format!("{x:.1}"),
        _ => format!("{x:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        let shown = [0.0, 999.4, 999.6, 12_345.0, 99_960.0, 1e6, 1.234e9, 5e14].map(count);
        assert_eq!(shown, ["0", "999", "1.00k", "12.3k", "100k", "1.00M", "1.23B", "500T"]);
        assert_eq!([12, 2048, 3 << 30].map(bytes), ["12 B", "2.00 KiB", "3.00 GiB"]);
    }

    #[test]
    fn durations_have_two_units() {
        let shown = [5.0, 99.0, 420.0, 12_000.0, 187_200.0].map(duration);
        assert_eq!(shown, ["5 s", "99 s", "7 min", "3 h 20 min", "2 d 4 h"]);
    }
}
