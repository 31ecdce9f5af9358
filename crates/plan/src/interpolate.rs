//! Between measurements.

/// The value at `x` on the line through the neighbouring points in logarithms, and that of the nearest
/// point outside them. Points that are not above 0 and finite do not count; `None` without any other.
pub(crate) fn log_log(points: impl Iterator<Item = (f64, f64)>, x: f64) -> Option<f64> {
    let usable = |v: f64| v > 0.0 && v.is_finite();
    let mut points: Vec<(f64, f64)> =
        points.filter(|&(x, y)| usable(x) && usable(y)).map(|(x, y)| (x.ln(), y.ln())).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (first, last) = (points.first()?, points.last()?);
    let x = x.max(f64::MIN_POSITIVE).ln().clamp(first.0, last.0);
    let above = points.partition_point(|p| p.0 < x).min(points.len() - 1);
    let (low, high) = (points[above.saturating_sub(1)], points[above]);
    let share = if high.0 > low.0 { (x - low.0) / (high.0 - low.0) } else { 1.0 };
    Some((low.1 + share * (high.1 - low.1)).exp())
}
