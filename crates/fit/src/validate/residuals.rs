//! What is left over after a fit, and whether it depends on anything.

use serde::Serialize;

use super::by_shape::ShapeTest;
use crate::intervals::student_quantile;
use crate::law::Law;
use crate::observation::Observation;
use crate::parametric::{LawResult, log_residuals};
use crate::solve::Model;
use crate::stats::{centred, dot, robust_deviation};
use crate::table::Table;

/// Residuals of ln L against one variable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResidualTrend {
    /// `N`, `D`, `C` or `N / D`.
    pub variable: String,
    /// Student's t of the slope of the residuals in its logarithm; 0 where that never varies, infinite where slope and bend
    /// leave nothing over.
    pub slope_t: f64,
    /// The same of the square of the logarithm beside the slope: bends.
    pub bend_t: f64,
    /// Whether either is beyond chance, each at 99.9%: of 125 tables without a trend, one is said to have one at most.
    pub structured: bool,
    /// (geometric mean of the variable, mean residual, runs) in up to 6 bins of equal size.
    pub bins: Vec<(f64, f64, usize)>,
}

/// All residuals and their trends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Residuals {
    /// ln L minus the law's, per run of the table.
    pub log_residuals: Vec<f64>,
    /// By N, D, C and N/D.
    pub trends: Vec<ResidualTrend>,
    /// Whether runs of one shape deviate together; `None` where too few shapes have several runs.
    pub by_shape: Option<ShapeTest>,
}

pub fn residual_structure(table: &Table, law: &dyn Law, result: &LawResult) -> Residuals {
    let sample = crate::law::Sample::new(table);
    let residuals = log_residuals(law, &result.theta, &sample);
    let variables: [(&str, fn(&Observation) -> f64); 4] = [
        ("N", |r| r.params),
        ("D", |r| r.tokens),
        ("C", |r| r.flops),
        ("N / D", |r| r.params / r.tokens),
    ];
    let trends = variables
        .iter()
        .map(|(name, of)| {
            let x: Vec<f64> = table.rows().iter().map(|r| of(r).ln()).collect();
            trend(name, &x, &residuals)
        })
        .collect();
    let by_row: Vec<(usize, f64)> = residuals.iter().copied().enumerate().collect();
    let slopes = Model::new(law, &sample, true).slopes(&result.theta);
    let column = |k| slopes.iter().map(|s| s[k]).collect();
    let columns = (0..result.theta.len()).map(column).collect();
    let by_shape = ShapeTest::new("the law", table, &by_row, columns);
    Residuals { log_residuals: residuals, trends, by_shape }
}

fn trend(name: &str, x: &[f64], residuals: &[f64]) -> ResidualTrend {
    let n = x.len();
    let [slope_t, bend_t] = slope_and_bend(x, &clipped(residuals));
    // Two-sided 99.9%; with fewer runs the quantile is no good, nor is the test.
    let limit =
        if n < LEAST_RUNS { f64::INFINITY } else { student_quantile(0.9995, n as f64 - 3.0) };
    // Losses given to 9 digits leave patterns of rounding, which say nothing of the law.
    let exact = residuals.iter().all(|r| r.abs() < 1e-7);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| x[i].total_cmp(&x[j]).then(i.cmp(&j)));
    let bins = n.clamp(1, 6);
    let bin = |k: usize| {
        let part = &order[k * n / bins..(k + 1) * n / bins];
        let mean = |v: &[f64]| part.iter().map(|&i| v[i]).sum::<f64>() / part.len() as f64;
        (mean(x).exp(), mean(residuals), part.len())
    };
    ResidualTrend {
        variable: name.into(),
        slope_t,
        bend_t,
        structured: !exact && (slope_t.abs() > limit || bend_t.abs() > limit),
        bins: (0..bins).map(bin).collect(),
    }
}

/// Fewest runs that a trend is looked for in.
const LEAST_RUNS: usize = 10;

/// Residuals no further out than 4 robust standard deviations: a few outliers neither make a trend nor hide one.
pub(super) fn clipped(residuals: &[f64]) -> Vec<f64> {
    let far = 4.0 * robust_deviation(residuals);
    residuals.iter().map(|r| r.clamp(-far, far)).collect()
}

/// Student's t of both terms of `y = m + slope x + bend x^2` by least squares, the square taken beside the line. 0 for a
/// term that `x` cannot tell: a variable of two values has a slope and no bend.
fn slope_and_bend(x: &[f64], y: &[f64]) -> [f64; 2] {
    let n = x.len() as f64;
    let (line, y) = (centred(x).0, centred(y).0);
    let squares = centred(&line.iter().map(|a| a * a).collect::<Vec<f64>>()).0;
    let length = dot(&line, &line);
    if !(length > 1e-12 * n) {
        return [0.0; 2];
    }
    let along = dot(&squares, &line) / length;
    let bend: Vec<f64> = squares.iter().zip(&line).map(|(s, l)| s - along * l).collect();
    let bends = dot(&bend, &bend) > 1e-9 * length * length / n;
    // The part of `y` along each direction of unit length.
    let part = |d: &[f64]| dot(d, &y) / dot(d, d).sqrt();
    let parts = [part(&line), if bends { part(&bend) } else { 0.0 }];
    let left = dot(&y, &y) - dot(&parts, &parts);
    let deviation = (left.max(0.0) / (n - 3.0).max(1.0)).sqrt();
    parts.map(|p| if p == 0.0 { 0.0 } else { p / deviation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_and_bends_have_the_t_of_ordinary_least_squares() {
        let x = [0.0, 1.0, 2.0, 3.0, 4.0, 6.0];
        let y = [1.0, 1.5, 2.7, 3.1, 4.9, 5.2];
        let [slope, bend] = slope_and_bend(&x, &y);
        // By hand, from the sums of squares.
        assert!(
            (slope - 7.27958175).abs() < 1e-8 && (bend - -0.898552479).abs() < 1e-8,
            "{slope} {bend}"
        );
        // All of it on a line: beyond any doubt, and said so.
        let [slope, _] = slope_and_bend(&[0.0, 1.0, 2.0, 3.0], &[0.0, 1.0, 2.0, 3.0]);
        assert!(slope > 1e6, "{slope}");
        // Two values: a slope, no bend. One: neither.
        assert_eq!(slope_and_bend(&[0.0, 0.0, 1.0, 1.0], &[1.0, 2.0, 3.0, 5.0])[1], 0.0);
        assert_eq!(slope_and_bend(&[2.0; 4], &[1.0, 2.0, 3.0, 5.0]), [0.0; 2]);
    }
}
