//! Training curves without the noise of single batches, and what the best of them reach.

use crate::plots::LogLine;

/// Half the window of the mean, as a share of the tokens seen.
pub(super) const HALF_WINDOW: f64 = 0.1;

/// Least ratio of the tokens of points that are kept.
const APART: f64 = 1.02;

/// `(tokens, loss)` at some of the points, ascending: the value there of a straight line fitted to the losses within
/// [`HALF_WINDOW`] of the tokens seen, each as heavy as the tokens that it is the mean of. A line, since a mean would be off
/// at the ends, where the window has one side only. A loss that is not finite stays as it is, and is in no fit.
pub(super) fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut out: Vec<(f64, f64)> = Vec::new();
    for (i, &(tokens, loss)) in points.iter().enumerate() {
        let far = out.last().is_none_or(|p| tokens >= p.0 * APART);
        if !loss.is_finite() {
            out.push((tokens, loss));
        } else if far || i + 1 == points.len() {
            let half = HALF_WINDOW * tokens;
            let from = points.partition_point(|p| p.0 < tokens - half).min(i);
            let to = points.partition_point(|p| p.0 <= tokens + half).max(i + 1);
            let before = from.checked_sub(1).map_or(0.0, |k| points[k].0);
            out.push((tokens, line_at(tokens, before, &points[from..to]).unwrap_or(loss)));
        }
    }
    out
}

/// The value at `x` of the weighted least-squares line through points, of which each is as heavy as its step from the one
/// before it. `None` where there is nothing to fit.
fn line_at(x: f64, mut before: f64, points: &[(f64, f64)]) -> Option<f64> {
    let (mut w, mut wx, mut wy, mut wxx, mut wxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for &(at, y) in points {
        let heavy = at - before;
        before = at;
        if y.is_finite() && heavy > 0.0 {
            let d = at - x;
            w += heavy;
            wx += heavy * d;
            wy += heavy * y;
            wxx += heavy * d * d;
            wxy += heavy * d * y;
        }
    }
    let spread = wxx - wx * wx / w;
    let slope = (wxy - wx * wy / w) / spread;
    let value = if spread > 1e-12 * wxx { (wy - slope * wx) / w } else { wy / w };
    value.is_finite().then_some(value)
}

/// The least value of any line up to each of `count` places, equal ratios apart: `(x, least)`.
pub(super) fn lower_envelope(lines: &[Vec<(f64, f64)>], count: usize) -> Vec<(f64, f64)> {
    let placed = |p: &&(f64, f64)| p.0 > 0.0 && p.0.is_finite();
    let all = lines.iter().flatten().filter(placed).map(|p| p.0);
    let (low, high) = all.fold((f64::INFINITY, 0.0_f64), |(l, h), x| (l.min(x), h.max(x)));
    if low >= high {
        return Vec::new();
    }
    let lines: Vec<LogLine> =
        lines.iter().filter_map(|l| LogLine::new(l.iter().copied())).collect();
    let mut least = f64::INFINITY;
    let mut out = Vec::new();
    for x in super::ratios(low, high, count) {
        let here = lines.iter().filter(|line| line.covers(x)).map(|line| line.at(x));
        least = here.fold(least, f64::min);
        if least.is_finite() {
            out.push((x, least));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_averaged_and_ends_are_kept() {
        let noisy =
            |i: usize| (1000.0 * (i + 1) as f64, if i.is_multiple_of(2) { 2.1 } else { 1.9 });
        let points: Vec<(f64, f64)> = (0..200).map(noisy).collect();
        let smooth = smoothed(&points);
        let middle: Vec<f64> =
            smooth.iter().filter(|p| p.0 > 5e4 && p.0 < 1.8e5).map(|p| p.1).collect();
        assert!(middle.len() > 10 && middle.iter().all(|l| (l - 2.0).abs() < 0.02), "{middle:?}");
        assert_eq!(smooth.last().unwrap().0, 2e5);
        assert!(smooth.windows(2).all(|w| w[0].0 < w[1].0) && smooth.len() < points.len());
    }

    #[test]
    fn a_straight_line_stays_where_it_is() {
        let line: Vec<(f64, f64)> =
            (1..=100).map(|i| (f64::from(i), 5.0 - 0.01 * f64::from(i))).collect();
        for (tokens, loss) in smoothed(&line) {
            assert!((loss - (5.0 - 0.01 * tokens)).abs() < 1e-9, "{tokens}: {loss}");
        }
    }

    #[test]
    fn what_is_not_finite_is_kept_and_spoils_no_mean() {
        let points = [(100.0, 3.0), (101.0, f64::NAN), (102.0, 3.0), (103.0, 3.0)];
        let smooth = smoothed(&points);
        assert_eq!(smooth.iter().filter(|p| p.1.is_nan()).count(), 1);
        assert!(smooth.iter().all(|p| p.1.is_nan() || (p.1 - 3.0).abs() < 1e-9), "{smooth:?}");
        assert!(smoothed(&[]).is_empty());
    }

    #[test]
    fn the_envelope_is_the_best_so_far() {
        let lines = [
            vec![(1.0, 4.0), (100.0, 2.0)],
            vec![(10.0, 5.0), (1000.0, 1.0)],
            vec![(f64::NAN, 0.1)],
        ];
        let envelope = lower_envelope(&lines, 31);
        assert_eq!(envelope.len(), 31);
        assert!(envelope.windows(2).all(|w| w[1].1 <= w[0].1));
        let at = |x: f64| envelope.iter().find(|p| (p.0 / x - 1.0).abs() < 1e-9).unwrap().1;
        assert!((at(1.0) - 4.0).abs() < 1e-9 && (at(1000.0) - 1.0).abs() < 1e-9);
        assert!((at(10.0) - 8f64.sqrt()).abs() < 1e-9);
        assert!(lower_envelope(&[vec![(1.0, 2.0)]], 10).is_empty());
    }
}
