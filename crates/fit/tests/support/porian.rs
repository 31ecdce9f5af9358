//! Approach 2 exactly as Porian et al. 2024 ("Resolving Discrepancies in Compute-Optimal Scaling of Language Models",
//! arXiv:2406.19146) do it, to compare with their figures; `fit_isoflop` is the better estimate.
//!
//! In every slice: the least loss of each size; Akima's curve of ln L in ln N; its lowest point on a grid of 25 points
//! per size, refused at the ends. The same after adding noise to every loss, many times: N* is the median of the
//! noisy minima, and its weight `1/s^2` their spread `s`, at least a third of the spacing of the sizes and wider by the
//! share of draws that were refused. D* likewise, on a grid of its own in ln D. A slice with half of its draws
//! refused does not vote. The exponent is the slope of the weighted line, its interval that of the lines through
//! single draws.

use isoflop_fit::isoflop::{IsoflopOptions, Method, slice_minima};
use isoflop_fit::{Estimate, Table};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::akima::akima;

/// Grid points per size.
const FINENESS: usize = 25;
/// The spread of the minima is at least this share of the spacing of the sizes.
const LEAST_SPREAD: f64 = 0.33;
/// Standard deviation of the noise, nats. Their code draws .002 on RefinedWeb whatever the loss: its rise towards high
/// losses is keyed to ln L where L is meant, and never sets in.
const NOISE_NATS: f64 = 0.002;
const DRAWS: usize = 1000;

/// N* ~ C^exponent, with the weight of every slice.
pub struct WeightedLaw {
    /// The point is the line through the medians.
    pub exponent: Estimate,
    /// At C = 1 FLOP.
    pub log_coefficient: f64,
}

/// N*(C) and D*(C).
pub fn porian_recipe(table: &Table) -> [WeightedLaw; 2] {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let (mut params, mut tokens) = (Vec::new(), Vec::new());
    let options = IsoflopOptions { method: Method::Parabola, draws: 0, ..Default::default() };
    for slice in slice_minima(table, &options).unwrap() {
        // The least loss of each size, ascending in N.
        let mut best: Vec<(f64, f64, f64)> = Vec::new();
        for row in slice.runs.iter() {
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
        let column = |f: fn(&(f64, f64, f64)) -> f64| best.iter().map(f).collect::<Vec<f64>>();
        let (sizes, lengths, loss) = (column(|b| b.0), column(|b| b.1), column(|b| b.2));
        params.extend(vote(slice.flops, &sizes, &loss, &mut random));
        let [lengths, loss] = [lengths, loss].map(|v| v.into_iter().rev().collect::<Vec<f64>>());
        tokens.extend(vote(slice.flops, &lengths, &loss, &mut random));
    }
    [law(&params), law(&tokens)]
}

/// A slice's minima.
struct Vote {
    log_flops: f64,
    median: f64,
    weight: f64,
    drawn: Vec<f64>,
}

fn vote(flops: f64, x: &[f64], loss: &[f64], random: &mut ChaCha8Rng) -> Option<Vote> {
    let points = FINENESS * (x.len() - 1);
    let step = (x[x.len() - 1] - x[0]) / (points - 1) as f64;
    let grid: Vec<f64> = (0..points).map(|k| x[0] + step * k as f64).collect();
    let lowest = |loss: &[f64]| -> Option<f64> {
        let logs: Vec<f64> = loss.iter().map(|l| l.ln()).collect();
        let values = akima(x, &logs, &grid);
        let least = (0..points).fold(0, |b, k| if values[k] < values[b] { k } else { b });
        (least > 0 && least + 1 < points).then(|| grid[least])
    };
    lowest(loss)?;
    let noisy = |_: usize| {
        let mut noise = || NOISE_NATS * random.sample::<f64, _>(StandardNormal);
        lowest(&loss.iter().map(|l| l + noise()).collect::<Vec<f64>>())
    };
    let drawn: Vec<f64> = (0..DRAWS).filter_map(noisy).collect();
    if drawn.len() * 2 < DRAWS {
        return None;
    }
    let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
    let squares: f64 = drawn.iter().map(|d| (d - mean).powi(2)).sum();
    let spread = (squares / (drawn.len() as f64 - 1.0)).sqrt();
    let spread =
        spread.max(LEAST_SPREAD * FINENESS as f64 * step) * DRAWS as f64 / drawn.len() as f64;
    let mut sorted = drawn.clone();
    sorted.sort_by(f64::total_cmp);
    let median = 0.5 * (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]);
    Some(Vote { log_flops: flops.ln(), median, weight: 1.0 / (spread * spread), drawn })
}

fn law(votes: &[Vote]) -> WeightedLaw {
    assert!(votes.len() >= 3, "{} slices vote", votes.len());
    let line = |value: &dyn Fn(&Vote) -> f64| {
        let sum = |f: &dyn Fn(&Vote) -> f64| votes.iter().map(|v| v.weight * f(v)).sum::<f64>();
        let total = sum(&|_| 1.0);
        let (mx, my) = (sum(&|v| v.log_flops) / total, sum(value) / total);
        let xx = sum(&|v| (v.log_flops - mx).powi(2));
        let slope = sum(&|v| (v.log_flops - mx) * (value(v) - my)) / xx;
        (my - slope * mx, slope)
    };
    let (log_coefficient, point) = line(&|v| v.median);
    // Draws that every slice has; a slice with refused draws shortens all.
    let common = votes.iter().map(|v| v.drawn.len()).min().unwrap();
    let mut slopes: Vec<f64> = (0..common).map(|k| line(&|v| v.drawn[k]).1).collect();
    WeightedLaw { exponent: Estimate::from_draws(point, &mut slopes, 0.95), log_coefficient }
}
