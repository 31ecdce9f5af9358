//! The best learning rate or batch of a run from a ladder of them, and a power law through such minima.
//!
//! A minimum is that of a parabola in the logarithm, by least squares through the best point, its two neighbours and, where
//! there is one, the next beyond the better of them. A ladder that does not bracket its minimum is refused: a parabola
//! beyond its points is a guess.

use crate::parametric::spread_about_line;
use crate::stats::{dot, mean};

/// Fewest points that a parabola goes through.
pub const POINTS: usize = 3;

/// A point of a ladder: a rate or a batch, and the loss it came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub setting: f64,
    pub loss: f64,
}

/// Where a parabola has its minimum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Minimum {
    pub setting: f64,
    pub loss: f64,
}

/// Why a ladder has no minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoMinimum {
    /// Fewer than [`POINTS`] settings.
    Few,
    /// The lowest setting is the best.
    AtLowEnd,
    /// The highest setting is the best.
    AtHighEnd,
    /// Losses scatter so much that no parabola has its minimum among them.
    Scattered,
}

/// The minimum of a ladder, in any order.
///
/// # Errors
///
/// [`NoMinimum`] where the ladder does not bracket one.
pub fn minimum(ladder: &[Point]) -> Result<Minimum, NoMinimum> {
    let mut ladder = ladder.to_vec();
    ladder.sort_by(|a, b| a.setting.total_cmp(&b.setting));
    let best = ladder.iter().enumerate().min_by(|a, b| a.1.loss.total_cmp(&b.1.loss));
    let best = best.map(|(i, _)| i).filter(|_| ladder.len() >= POINTS).ok_or(NoMinimum::Few)?;
    if best == 0 {
        return Err(NoMinimum::AtLowEnd);
    }
    if best == ladder.len() - 1 {
        return Err(NoMinimum::AtHighEnd);
    }
    let (mut from, mut to) = (best - 1, best + 1);
    let lower_is_better = ladder[from].loss <= ladder[to].loss;
    if (lower_is_better || to + 1 == ladder.len()) && from > 0 {
        from -= 1;
    } else if to + 1 < ladder.len() {
        to += 1;
    }
    let points = &ladder[from..=to];
    // Centred, so that the normal equations are well conditioned.
    let centre = points.iter().map(|p| p.setting.ln()).sum::<f64>() / points.len() as f64;
    let xs: Vec<f64> = points.iter().map(|p| p.setting.ln() - centre).collect();
    let [c0, c1, c2] = parabola(&xs, points).ok_or(NoMinimum::Scattered)?;
    let x = -c1 / (2.0 * c2);
    let inside = x > xs[0] && x < xs[xs.len() - 1];
    if !(c2 > 0.0 && inside) {
        return Err(NoMinimum::Scattered);
    }
    Ok(Minimum { setting: (x + centre).exp(), loss: c0 + c1 * x / 2.0 })
}

/// Coefficients of `c0 + c1 x + c2 x^2` by least squares.
fn parabola(xs: &[f64], points: &[Point]) -> Option<[f64; 3]> {
    let power = |k: i32| xs.iter().map(|x| x.powi(k)).sum::<f64>();
    let moment = |k: i32| xs.iter().zip(points).map(|(x, p)| x.powi(k) * p.loss).sum::<f64>();
    solve([0, 1, 2].map(|i| [power(i), power(i + 1), power(i + 2), moment(i)]))
}

/// Three equations, the right side last; `None` where they have no one solution.
fn solve(mut rows: [[f64; 4]; 3]) -> Option<[f64; 3]> {
    for i in 0..3 {
        let pivot = (i..3).max_by(|&a, &b| rows[a][i].abs().total_cmp(&rows[b][i].abs()))?;
        rows.swap(i, pivot);
        let row = rows[i];
        for j in (0..3).filter(|&j| j != i) {
            let factor = rows[j][i] / row[i];
            for k in 0..4 {
                rows[j][k] -= factor * row[k];
            }
        }
    }
    let solved: [f64; 3] = std::array::from_fn(|i| rows[i][3] / rows[i][i]);
    solved.iter().all(|c| c.is_finite()).then_some(solved)
}

/// `y = coefficient x^exponent` by least squares of the logarithms; `None` unless the points have two different x.
pub fn power_law(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    let mean = |f: fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0.ln()), mean(|p| p.1.ln()));
    let spread: f64 = points.iter().map(|p| (p.0.ln() - x).powi(2)).sum();
    let along: f64 = points.iter().map(|p| (p.0.ln() - x) * (p.1.ln() - y)).sum();
    let differ = points.iter().any(|p| p.0 != points[0].0);
    let exponent = along / spread;
    differ
        .then(|| ((y - exponent * x).exp(), exponent))
        .filter(|(a, b)| a.is_finite() && b.is_finite())
}

/// Fewest points that a law of two variables goes through.
const PLANE_POINTS: usize = 6;
/// Least spread of ln D about a line in ln N that tells the two apart.
const PLANE_SPREAD: f64 = 0.3;

/// `y = coefficient N^params D^tokens` by least squares of the logarithms, of points (N, D, y); `None` of fewer than six, or
/// where D follows N.
pub fn power_law_of_two(points: &[(f64, f64, f64)]) -> Option<[f64; 3]> {
    let log =
        |f: fn(&(f64, f64, f64)) -> f64| -> Vec<f64> { points.iter().map(|p| f(p).ln()).collect() };
    let (n, d, y) = (log(|p| p.0), log(|p| p.1), log(|p| p.2));
    let apart = || spread_about_line(&n, &d) > PLANE_SPREAD;
    if points.len() < PLANE_POINTS || !apart() {
        return None;
    }
    let (centre_n, centre_d) = (mean(&n), mean(&d));
    let (n, d): (Vec<f64>, Vec<f64>) =
        (n.iter().map(|x| x - centre_n).collect(), d.iter().map(|x| x - centre_d).collect());
    let ones = vec![1.0; n.len()];
    let row = |a: &[f64]| [dot(a, &ones), dot(a, &n), dot(a, &d), dot(a, &y)];
    let [level, params, tokens] = solve([row(&ones), row(&n), row(&d)])?;
    Some([(level - params * centre_n - tokens * centre_d).exp(), params, tokens])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Losses `1.6 + .05 ln(rate / best)^2` at these multiples of the best.
    fn ladder(best: f64, multiples: &[f64]) -> Vec<Point> {
        let loss = |m: &f64| 1.6 + 0.05 * m.ln().powi(2);
        multiples.iter().map(|m| Point { setting: best * m, loss: loss(m) }).collect()
    }

    #[test]
    fn a_parabola_gives_its_own_minimum_back() {
        for multiples in [&[0.3, 1.3, 2.6][..], &[0.2, 0.5, 0.9, 2.0], &[4.0, 0.1, 0.25, 0.6, 1.4]]
        {
            let found = minimum(&ladder(3e-3, multiples)).unwrap();
            assert!((found.setting / 3e-3 - 1.0).abs() < 1e-9, "{multiples:?}: {found:?}");
            assert!((found.loss - 1.6).abs() < 1e-9, "{found:?}");
        }
    }

    #[test]
    fn far_points_play_no_part() {
        let mut points = ladder(3e-3, &[0.25, 0.45, 1.1, 2.0, 4.0, 8.0]);
        points[5].loss = 9.0;
        points[0].loss = 7.0;
        // The two neighbours and the next beyond the better one, which is the upper.
        assert!((minimum(&points).unwrap().setting / 3e-3 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_not_bracketed_is_refused() {
        assert_eq!(minimum(&ladder(1.0, &[1.0, 2.0, 4.0])), Err(NoMinimum::AtLowEnd));
        assert_eq!(minimum(&ladder(1.0, &[0.1, 0.5, 1.0])), Err(NoMinimum::AtHighEnd));
        assert_eq!(minimum(&ladder(1.0, &[0.5, 1.0])), Err(NoMinimum::Few));
        assert_eq!(minimum(&[]), Err(NoMinimum::Few));
        let flat = [1.0, 2.0, 4.0].map(|setting| Point { setting, loss: 1.0 });
        assert!(minimum(&flat).is_err());
        // The best is a dent in a slope that falls to the other side.
        let points = [(1.0, 1.0), (2.0, 0.5), (4.0, 0.9), (8.0, 0.51)];
        let points = points.map(|(setting, loss)| Point { setting, loss });
        assert_eq!(minimum(&points), Err(NoMinimum::Scattered));
    }

    #[test]
    fn a_power_law_gives_itself_back() {
        let points = [6e3, 1.5e4, 5.6e4].map(|n: f64| (n, 0.3 * n.powf(-0.45)));
        let (a, b) = power_law(&points).unwrap();
        assert!((a / 0.3 - 1.0).abs() < 1e-9 && (b + 0.45).abs() < 1e-12, "{a} {b}");
        assert_eq!(power_law(&[(1e4, 3e-3), (1e4, 4e-3)]), None);
        assert_eq!(power_law(&[]), None);
        let plane = |n: f64, d: f64| (n, d, 40.0 * n.powf(-0.25) * d.powf(-0.47));
        let points = [(2e3, 1e6), (6e3, 6e5), (4e4, 1e5), (1e4, 7e6), (6e4, 2e6), (2e5, 7e5)];
        let points = points.map(|(n, d)| plane(n, d));
        let [a, b, c] = power_law_of_two(&points).unwrap();
        assert!(
            (a / 40.0 - 1.0).abs() < 1e-9 && (b + 0.25).abs() < 1e-12 && (c + 0.47).abs() < 1e-12
        );
        assert_eq!(power_law_of_two(&points[..5]), None);
        assert_eq!(
            power_law_of_two(&[1e3, 2e3, 3e3, 5e3, 7e3, 9e3].map(|n| plane(n, 20.0 * n))),
            None
        );
    }
}
