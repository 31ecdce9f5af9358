//! A line read between its points.

/// A line that is straight between points in the logarithms of both axes.
pub(crate) struct LogLine(Vec<(f64, f64)>);

impl LogLine {
    /// Of the points that have a place on such axes; `None` without any.
    pub(crate) fn new(points: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let placed = |p: &(f64, f64)| [p.0, p.1].iter().all(|v| v.is_finite() && *v > 0.0);
        let placed = points.into_iter().filter(placed);
        let mut line: Vec<(f64, f64)> = placed.map(|(x, y)| (x.ln(), y.ln())).collect();
        line.sort_by(|a, b| a.0.total_cmp(&b.0));
        (!line.is_empty()).then_some(Self(line))
    }

    /// The value at `x`; beyond the ends that of the nearer one.
    pub(crate) fn at(&self, x: f64) -> f64 {
        let (line, x) = (&self.0, x.ln());
        let after = line.partition_point(|p| p.0 < x);
        let (before, next) = (line[after.saturating_sub(1)], line[after.min(line.len() - 1)]);
        let share = (x - before.0) / (next.0 - before.0);
        let y = if share.is_finite() {
            before.1 + share.clamp(0.0, 1.0) * (next.1 - before.1)
        } else {
            next.1
        };
        y.exp()
    }

    /// Whether `x` lies between its ends, rounding apart.
    pub(crate) fn covers(&self, x: f64) -> bool {
        let (first, last) = (self.0[0].0, self.0[self.0.len() - 1].0);
        x.ln() >= first - 1e-9 && x.ln() <= last + 1e-9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_law_is_read_exactly_and_ends_are_held() {
        let line = LogLine::new([(1e4, 30.0), (1e2, 3.0), (1e3, f64::NAN), (-1.0, 2.0)]).unwrap();
        assert!((line.at(1e3) - 3.0 * 10f64.sqrt()).abs() < 1e-9);
        assert!((line.at(1.0) - 3.0).abs() < 1e-9 && (line.at(1e9) - 30.0).abs() < 1e-9);
        assert!(line.covers(1e2) && line.covers(1e4) && !line.covers(99.0) && !line.covers(1.1e4));
        assert!((LogLine::new([(5.0, 7.0)]).unwrap().at(5.0) - 7.0).abs() < 1e-9);
        assert!(LogLine::new([(0.0, 1.0)]).is_none());
    }
}
