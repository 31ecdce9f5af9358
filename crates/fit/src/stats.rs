//! Summaries of columns of numbers.

/// Quantile of sorted values by linear interpolation (type 7, as NumPy's default).
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let position = q.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

/// Sorts its argument.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    quantile(values, 0.5)
}

/// The median of the absolute values.
pub(crate) fn median_size(values: &[f64]) -> f64 {
    median(&mut values.iter().map(|v| v.abs()).collect::<Vec<f64>>())
}

/// The standard deviation of a normal sample, from the median absolute value.
pub(crate) fn robust_deviation(values: &[f64]) -> f64 {
    1.4826 * median_size(values)
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Root mean square.
pub(crate) fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
}

/// Of a sample: `n - 1` in the denominator.
pub(crate) fn standard_deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    let sum: f64 = values.iter().map(|v| (v - centre).powi(2)).sum();
    (sum / (values.len() as f64 - 1.0)).sqrt()
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Share of the variance of `y` that a line leaves no residual of; `None` where it is none of evidence: fewer than three points, or `y` that
/// never varies.
pub(crate) fn r_squared(y: &[f64], residuals: &[f64]) -> Option<f64> {
    let about = centred(y).0;
    let share = 1.0 - dot(residuals, residuals) / dot(&about, &about);
    (y.len() > 2 && share.is_finite()).then_some(share)
}

/// Smallest and largest; infinities the wrong way round where there are none.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |m, v| (m.0.min(v), m.1.max(v)))
}

/// The values less their mean, and the mean.
pub(crate) fn centred(values: &[f64]) -> (Vec<f64>, f64) {
    let middle = mean(values);
    (values.iter().map(|v| v - middle).collect(), middle)
}

/// A straight line by least squares.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Line {
    pub slope: f64,
    /// The centre of the points, which the line passes through.
    pub x: f64,
    pub y: f64,
}

impl Line {
    /// Flat where `x` never varies.
    pub fn fit(x: &[f64], y: &[f64]) -> Line {
        let (mx, my) = (mean(x), mean(y));
        let xx: f64 = x.iter().map(|v| (v - mx).powi(2)).sum();
        let xy: f64 = x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum();
        Line { slope: if xx > 0.0 { xy / xx } else { 0.0 }, x: mx, y: my }
    }

    pub fn at(&self, x: f64) -> f64 {
        self.y + self.slope * (x - self.x)
    }

    pub fn intercept(&self) -> f64 {
        self.y - self.slope * self.x
    }

    pub fn residuals(&self, x: &[f64], y: &[f64]) -> Vec<f64> {
        x.iter().zip(y).map(|(a, b)| b - self.y - self.slope * (a - self.x)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_match_numpy() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&values, 0.5), 3.0);
        assert!((quantile(&values, 0.1) - 1.3).abs() < 1e-12);
        assert_eq!(quantile(&values, 1.0), 8.0);
    }

    #[test]
    fn two_points_are_no_evidence_of_a_line() {
        assert_eq!(r_squared(&[1.0, 2.0], &[0.0, 0.0]), None);
        assert_eq!(r_squared(&[1.0; 3], &[0.0; 3]), None);
        let x = [0.0, 1.0, 2.0, 3.0];
        let y = [0.0, 1.0, 1.0, 2.0];
        // Pearson's r is 3 / sqrt(5 * 2).
        let found = r_squared(&y, &Line::fit(&x, &y).residuals(&x, &y)).unwrap();
        assert!((found - 0.9).abs() < 1e-12, "{found}");
    }

    #[test]
    fn lines_pass_through_what_lies_on_one() {
        let x = [1.0, 2.0, 4.0];
        let line = Line::fit(&x, &x.map(|x| 3.0 - 2.0 * x));
        assert!((line.slope + 2.0).abs() < 1e-15 && (line.intercept() - 3.0).abs() < 1e-15);
        assert!(
            line.residuals(&x, &[1.0, -1.0, -4.0])
                .iter()
                .zip([0.0, 0.0, 1.0])
                .all(|(r, w)| (r - w).abs() < 1e-15)
        );
        assert_eq!(Line::fit(&[2.0; 2], &[1.0, 3.0]).at(9.0), 2.0);
    }
}
