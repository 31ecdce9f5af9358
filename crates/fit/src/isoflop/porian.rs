//! Approach 2 exactly as Porian et al. 2024 ("Resolving Discrepancies in Compute-Optimal Scaling of Language Models",
//! arXiv:2406.19146) do it, to compare with their figures; [`super::fit_isoflop`] is the better estimate.
//!
//! In every slice: the least loss of each size; Akima's curve of ln L in ln N; its lowest point on a grid of 25 points
//! per size, refused at the ends. The same after adding noise to every loss, many times: N* is the median of the
//! noisy minima, and its weight `1/s^2` their spread `s`, at least a third of the spacing of the sizes and wider by the
//! share of draws that were refused. D* likewise, on a grid of its own in ln D. A slice with half of its draws
//! refused does not vote. The exponent is the slope of the weighted line, its interval that of the lines through
//! single draws.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::LEAST_SLICES;
use super::akima::interpolate;
use super::normal;
use super::slices::group_slices;
use crate::error::FitError;
use crate::estimate::{Estimate, median, standard_deviation};
use crate::table::Table;
use crate::words::bracketed;

/// Grid points per size.
const FINENESS: usize = 25;
/// The spread of the minima is at least this share of the spacing of the sizes.
const LEAST_SPREAD: f64 = 0.33;

/// Options of the recipe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PorianOptions {
    /// Standard deviation of the noise, nats. Their code draws .002 on RefinedWeb whatever the loss: its rise towards
    /// high losses is keyed to ln L where L is meant, and never sets in.
    pub noise_nats: f64,
    /// Draws.
    pub draws: usize,
    /// Level of the intervals.
    pub level: f64,
    /// Seed.
    pub seed: u64,
}

impl Default for PorianOptions {
    fn default() -> Self {
        PorianOptions { noise_nats: 0.002, draws: 1000, level: 0.95, seed: 0 }
    }
}

/// One power law of C.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeightedLaw {
    /// Exponent; the point is the line through the medians.
    pub exponent: Estimate,
    /// ln of the coefficient, at C = 1 FLOP.
    pub log_coefficient: f64,
    /// Slices that vote.
    pub slices: usize,
}

/// N*(C) and D*(C).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PorianFit {
    /// N*(C).
    pub params: WeightedLaw,
    /// D*(C).
    pub tokens: WeightedLaw,
}

/// Runs the recipe.
///
/// # Errors
/// [`FitError::TooFewMinima`] when fewer than three slices vote, [`FitError::BadOption`] for bad options.
pub fn porian_recipe(table: &Table, options: &PorianOptions) -> Result<PorianFit, FitError> {
    let bad = |option: &str, value: f64, range: &str| FitError::BadOption {
        option: option.into(),
        value: value.to_string(),
        range: range.into(),
        hint: "the defaults are the authors' own".into(),
    };
    if !(options.level > 0.0 && options.level < 1.0) {
        return Err(bad("level", options.level, "(0, 1)"));
    }
    if !(options.noise_nats > 0.0 && options.noise_nats.is_finite()) {
        return Err(bad("noise", options.noise_nats, "(0, inf)"));
    }
    if options.draws < 20 {
        return Err(bad("draws", options.draws as f64, "20 or more"));
    }
    let mut random = ChaCha8Rng::seed_from_u64(options.seed ^ 0x9071_a11d);
    let (mut params, mut tokens) = (Vec::new(), Vec::new());
    let groups = group_slices(table);
    for group in &groups {
        // The least loss of each size, ascending in N.
        let mut best: Vec<(f64, f64, f64)> = Vec::new();
        for row in group.rows.iter().map(|&i| &table.rows()[i]) {
            let run = (row.params.ln(), row.tokens.ln(), row.loss_nats);
            match best.last_mut() {
                Some(last) if (last.0 - run.0).abs() < 1e-9 => {
                    if run.2 < last.2 {
                        *last = run;
                    }
                }
                _ => best.push(run),
            }
        }
        if best.len() < 3 {
            continue;
        }
        let loss: Vec<f64> = best.iter().map(|b| b.2).collect();
        let sizes: Vec<f64> = best.iter().map(|b| b.0).collect();
        params.extend(votes(group.flops, &sizes, &loss, options, &mut random));
        let (mut lengths, mut back): (Vec<f64>, Vec<f64>) = best.iter().map(|b| (b.1, b.2)).unzip();
        lengths.reverse();
        back.reverse();
        if lengths.windows(2).all(|w| w[1] - w[0] > 1e-9) {
            tokens.extend(votes(group.flops, &lengths, &back, options, &mut random));
        }
    }
    Ok(PorianFit {
        params: law(&params, groups.len(), options.level)?,
        tokens: law(&tokens, groups.len(), options.level)?,
    })
}

/// A slice's minima.
struct Vote {
    log_flops: f64,
    median: f64,
    weight: f64,
    drawn: Vec<f64>,
}

fn votes(
    flops: f64,
    x: &[f64],
    loss: &[f64],
    options: &PorianOptions,
    random: &mut ChaCha8Rng,
) -> Option<Vote> {
    let points = FINENESS * (x.len() - 1);
    let step = (x[x.len() - 1] - x[0]) / (points - 1) as f64;
    let grid: Vec<f64> = (0..points).map(|k| x[0] + step * k as f64).collect();
    let lowest = |loss: &[f64]| -> Option<f64> {
        // Noise may not reach zero loss; a draw that does is refused.
        if !loss.iter().all(|l| *l > 0.0) {
            return None;
        }
        let logs: Vec<f64> = loss.iter().map(|l| l.ln()).collect();
        let values = interpolate(x, &logs, &grid);
        let mut least = 0;
        for k in 1..points {
            if values[k] < values[least] {
                least = k;
            }
        }
        (least > 0 && least + 1 < points).then(|| grid[least])
    };
    lowest(loss)?;
    let mut noisy = loss.to_vec();
    let mut drawn = Vec::with_capacity(options.draws);
    for _ in 0..options.draws {
        for (n, l) in noisy.iter_mut().zip(loss) {
            *n = l + options.noise_nats * normal(random);
        }
        drawn.extend(lowest(&noisy));
    }
    if drawn.len() * 2 < options.draws {
        return None;
    }
    let spread = standard_deviation(&drawn).max(LEAST_SPREAD * FINENESS as f64 * step)
        * options.draws as f64
        / drawn.len() as f64;
    let median = median(&mut drawn.clone());
    Some(Vote { log_flops: flops.ln(), median, weight: 1.0 / (spread * spread), drawn })
}

fn law(votes: &[Vote], slices: usize, level: f64) -> Result<WeightedLaw, FitError> {
    if votes.len() < LEAST_SLICES {
        return Err(FitError::TooFewMinima {
            bracketed: votes.len(),
            slices,
            needed: LEAST_SLICES,
            unit: bracketed(slices),
            hint: "bracket more minima: add smaller and larger models to each budget".into(),
        });
    }
    let line = |value: &dyn Fn(&Vote) -> f64| {
        let total: f64 = votes.iter().map(|v| v.weight).sum();
        let mx = votes.iter().map(|v| v.weight * v.log_flops).sum::<f64>() / total;
        let my = votes.iter().map(|v| v.weight * value(v)).sum::<f64>() / total;
        let xx: f64 = votes.iter().map(|v| v.weight * (v.log_flops - mx).powi(2)).sum();
        let xy: f64 = votes.iter().map(|v| v.weight * (v.log_flops - mx) * (value(v) - my)).sum();
        (my - xy / xx * mx, xy / xx)
    };
    let (log_coefficient, point) = line(&|v| v.median);
    // Draws that every slice has; a slice with refused draws shortens all.
    let common = votes.iter().map(|v| v.drawn.len()).min().unwrap_or(0);
    let mut slopes: Vec<f64> = (0..common).map(|k| line(&|v| v.drawn[k]).1).collect();
    Ok(WeightedLaw {
        exponent: Estimate::from_draws(point, &mut slopes, level),
        log_coefficient,
        slices: votes.len(),
    })
}
