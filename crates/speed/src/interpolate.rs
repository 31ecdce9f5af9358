//! Between measurements.

use serde::Serialize;

/// What a value rests on, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// A measurement at this very size.
    Measured,
    /// Measurements on both sides.
    Between,
    /// The nearest measurement, which all sizes lie on one side of.
    Beyond,
}

/// Sizes within this factor of a measured one count as that size.
const SAME: f64 = 1.001;

/// The value at `x` on the line through the neighbouring points in logarithms, and that of the nearest
/// point outside them. Points that are not above 0 and finite do not count; `None` without any other.
pub(crate) fn log_log(points: impl Iterator<Item = (f64, f64)>, x: f64) -> Option<(f64, Basis)> {
    let usable = |v: f64| v > 0.0 && v.is_finite();
    let mut points: Vec<(f64, f64)> =
        points.filter(|&(x, y)| usable(x) && usable(y)).map(|(x, y)| (x.ln(), y.ln())).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (first, last) = (points.first()?, points.last()?);
    let asked = x.max(f64::MIN_POSITIVE).ln();
    let basis = match points.iter().any(|p| (p.0 - asked).abs() <= SAME.ln()) {
        true => Basis::Measured,
        false if first.0 < asked && asked < last.0 => Basis::Between,
        false => Basis::Beyond,
    };
    let x = asked.clamp(first.0, last.0);
    let above = points.partition_point(|p| p.0 < x).min(points.len() - 1);
    let (low, high) = (points[above.saturating_sub(1)], points[above]);
    let share = if high.0 > low.0 { (x - low.0) / (high.0 - low.0) } else { 1.0 };
    Some(((low.1 + share * (high.1 - low.1)).exp(), basis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_logarithms_and_level_beyond() {
        let at = |points: &[(f64, f64)], x| log_log(points.iter().copied(), x);
        let two = [(64.0, 4e10), (16.0, 1e10)];
        for (x, y, basis) in [
            (32.0, 2e10, Basis::Between),
            (16.0, 1e10, Basis::Measured),
            (4.0, 1e10, Basis::Beyond),
            (999.0, 4e10, Basis::Beyond),
        ] {
            let (found, of) = at(&two, x).unwrap();
            assert!((found / y - 1.0).abs() < 1e-12 && of == basis, "{x}: {found} {of:?}");
        }
        assert_eq!(at(&[], 8.0), None);
        assert_eq!(at(&[(8.0, 0.0), (0.0, 1.0), (9.0, f64::NAN)], 8.0), None);
        let (twice, basis) = at(&[(8.0, 3.0), (8.0, 3.0)], 8.0).unwrap();
        assert!((twice - 3.0).abs() < 1e-12 && basis == Basis::Measured);
        assert_eq!(at(&[(1e9, 6.0)], f64::NAN).map(|(_, basis)| basis), Some(Basis::Beyond));
    }
}
