//! What is left over after a fit, and whether it depends on anything.

use serde::Serialize;

use crate::error::FitError;
use crate::law::Law;
use crate::parametric::{LawResult, log_residuals};
use crate::table::{Observation, Table};

/// Residuals of ln L against one variable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResidualTrend {
    /// `N`, `D`, `C` or `N / D`.
    pub variable: String,
    /// Spearman's rank correlation of the residual with it.
    pub rank_correlation: f64,
    /// The same with the distance from the middle: bends.
    pub bend_correlation: f64,
    /// Whether either is beyond chance (99.9%) and so the law misses something.
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
}

/// Residuals of a fit.
///
/// # Errors
/// None today; kept for laws whose residuals may not exist.
pub fn residual_structure(
    table: &Table,
    law: &dyn Law,
    result: &LawResult,
) -> Result<Residuals, FitError> {
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
    Ok(Residuals { log_residuals: residuals, trends })
}

fn trend(name: &str, x: &[f64], residuals: &[f64]) -> ResidualTrend {
    let n = x.len();
    let mut sorted = x.to_vec();
    let middle = crate::estimate::median(&mut sorted);
    let far: Vec<f64> = x.iter().map(|v| (v - middle).abs()).collect();
    let (straight, bent) = (spearman(x, residuals), spearman(&far, residuals));
    // Two-sided 99.9% under no correlation.
    let limit = 3.29 / ((n as f64) - 1.0).max(1.0).sqrt();
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
        rank_correlation: straight,
        bend_correlation: bent,
        structured: !exact && (straight.abs() > limit || bent.abs() > limit),
        bins: (0..bins).map(bin).collect(),
    }
}

/// Spearman's rank correlation, ties at their mean rank; 0 where either never varies.
pub(crate) fn spearman(x: &[f64], y: &[f64]) -> f64 {
    let (a, b) = (ranks(x), ranks(y));
    let n = a.len() as f64;
    let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let sum = |f: &dyn Fn(usize) -> f64| (0..a.len()).map(f).sum::<f64>();
    let ab = sum(&|i| (a[i] - ma) * (b[i] - mb));
    let aa = sum(&|i| (a[i] - ma).powi(2));
    let bb = sum(&|i| (b[i] - mb).powi(2));
    if aa > 0.0 && bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
}

fn ranks(x: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&i, &j| x[i].total_cmp(&x[j]));
    let mut ranks = vec![0.0; x.len()];
    let mut at = 0;
    while at < order.len() {
        let mut end = at;
        while end + 1 < order.len() && x[order[end + 1]] == x[order[at]] {
            end += 1;
        }
        for &i in &order[at..=end] {
            ranks[i] = 0.5 * (at + end) as f64;
        }
        at = end + 1;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_correlation_sees_order_only() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert!((spearman(&x, &[1.0, 8.0, 27.0, 64.0, 125.0]) - 1.0).abs() < 1e-12);
        assert!((spearman(&x, &[5.0, 4.0, 3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        assert_eq!(spearman(&x, &[2.0; 5]), 0.0);
        // scipy.stats.spearmanr([1,2,3,4,5], [1,1,2,5,4])
        assert!((spearman(&x, &[1.0, 1.0, 2.0, 5.0, 4.0]) - 0.872_081_599_272_381).abs() < 1e-12);
    }
}
