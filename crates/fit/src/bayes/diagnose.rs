//! Split R-hat and effective sample size (Vehtari et al. 2021, "Rank-normalization, folding, and localization",
//! equations 1 to 4 and 10; without the rank transform).

use crate::stats::{mean, standard_deviation};

/// Potential scale reduction of half-chains.
pub(super) fn split_r_hat(chains: &[Vec<f64>]) -> f64 {
    let halves = split(chains);
    let n = halves[0].len() as f64;
    let means: Vec<f64> = halves.iter().map(|h| mean(h)).collect();
    let within = halves.iter().map(|h| variance(h)).sum::<f64>() / halves.len() as f64;
    let between = variance(&means);
    (((n - 1.0) / n * within + between) / within).sqrt()
}

/// Effective number of independent draws, by Geyer's initial monotone sequence.
pub(super) fn effective_sample_size(chains: &[Vec<f64>]) -> f64 {
    let halves = split(chains);
    let (m, n) = (halves.len() as f64, halves[0].len());
    let within = halves.iter().map(|h| variance(h)).sum::<f64>() / m;
    let means: Vec<f64> = halves.iter().map(|h| mean(h)).collect();
    let total = (n as f64 - 1.0) / n as f64 * within + variance(&means);
    let correlation = |lag: usize| {
        let covariance = |h: &Vec<f64>| {
            let centre = mean(h);
            let products = (0..n - lag).map(|i| (h[i] - centre) * (h[i + lag] - centre));
            products.sum::<f64>() / n as f64
        };
        1.0 - (within - halves.iter().map(covariance).sum::<f64>() / m) / total
    };
    let mut sum = -1.0;
    let mut before = f64::INFINITY;
    let mut lag = 0;
    while lag + 1 < n / 2 {
        let pair = (correlation(lag) + correlation(lag + 1)).min(before);
        if pair < 0.0 {
            break;
        }
        sum += 2.0 * pair;
        before = pair;
        lag += 2;
    }
    m * n as f64 / sum.max(1e-3)
}

fn split(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    chains
        .iter()
        .flat_map(|c| {
            let half = c.len() / 2;
            [c[..half].to_vec(), c[c.len() - half..].to_vec()]
        })
        .collect()
}

fn variance(values: &[f64]) -> f64 {
    standard_deviation(values).powi(2)
}
