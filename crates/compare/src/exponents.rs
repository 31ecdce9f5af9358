//! What the difference of two machines' losses does to what is fitted to them.
//!
//! Both sides are fitted, on the cells that they share. The interval of a difference knows only of what differs: the second side's
//! losses are made anew from the first's and the trend of the differences, with each remaining difference drawn with
//! either sign (the wild bootstrap, Liu 1988; signs as Rademacher), and fitted again.

use isoflop_fit::isoflop::{IsoflopOptions, fit_isoflop};
use isoflop_fit::law::LawKind;
use isoflop_fit::parametric::{FitOptions, Starts, choose_law, fit_law};
use isoflop_fit::{Estimate, Observation, Table};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

/// One fitted quantity on both sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FittedPair {
    pub what: Quantity,
    pub first: f64,
    pub second: f64,
    /// Second less first; of N* the ratio. With the interval of the paired difference.
    pub difference: Estimate,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Quantity {
    /// Exponent of N*(C), by the slices.
    Exponent,
    /// N* of the largest budget, by the slices.
    OptimalParams { flops: f64 },
    /// Least loss at the largest budget, nats, by its slice.
    LeastLoss { flops: f64 },
    /// E of Hoffmann's law, nats.
    Floor,
}

const DRAWS: usize = 400;

/// Fits both sides' losses at the same cells: `rows` of the first side, and the second's losses in their order.
/// Empty where the slices have no power law.
pub fn fitted_pairs(
    rows: &[Observation],
    second: &[f64],
    level: f64,
    seed: u64,
) -> Vec<FittedPair> {
    let Some(law) = with_floor(rows) else { return Vec::new() };
    let first: Vec<f64> = rows.iter().map(|r| r.loss_nats).collect();
    let (Some(a), Some(b)) = (quantities(rows, &first, law), quantities(rows, second, law)) else {
        return Vec::new();
    };
    let logs: Vec<f64> = first.iter().zip(second).map(|(a, b)| (b / a).ln()).collect();
    let trend = smooth(rows, &logs);
    let rest: Vec<f64> = logs.iter().zip(&trend).map(|(d, t)| d - t).collect();
    // A plane takes three degrees of freedom out of what is left.
    let inflate = (rows.len() as f64 / (rows.len() as f64 - 3.0).max(1.0)).sqrt();
    let drawn: Vec<Vec<Option<f64>>> = (0..DRAWS)
        .into_par_iter()
        .filter_map(|draw| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(draw as u64);
            let losses: Vec<f64> = (0..rows.len())
                .map(|i| {
                    let sign = if random.random::<bool>() { inflate } else { -inflate };
                    first[i] * (trend[i] + sign * rest[i]).exp()
                })
                .collect();
            quantities(rows, &losses, law)
        })
        .collect();
    let flops = rows.iter().filter_map(|r| r.budget_flops).fold(0.0, f64::max);
    let whats = [
        Quantity::Exponent,
        Quantity::OptimalParams { flops },
        Quantity::LeastLoss { flops },
        Quantity::Floor,
    ];
    let mut found = Vec::new();
    for (k, what) in whats.into_iter().enumerate() {
        let (Some(first), Some(second)) = (a[k], b[k]) else { continue };
        let ratio = matches!(what, Quantity::OptimalParams { .. });
        let difference = |x: f64| if ratio { x / first } else { x - first };
        // The draws lie about the fit to the smoothed differences; their spread is put about the point.
        let mut values: Vec<f64> = drawn.iter().filter_map(|d| d[k]).collect();
        if values.len() * 10 < DRAWS * 9 {
            let difference = Estimate::bare(difference(second));
            found.push(FittedPair { what, first, second, difference });
            continue;
        }
        let middle = values.iter().sum::<f64>() / values.len() as f64;
        values
            .iter_mut()
            .for_each(|v| *v = difference(second) + difference(*v) - difference(middle));
        let difference = Estimate::from_draws(difference(second), &mut values, level);
        found.push(FittedPair { what, first, second, difference });
    }
    found
}

/// Hoffmann's law where the runs speak for a law with a floor.
fn with_floor(rows: &[Observation]) -> Option<bool> {
    let table = Table::new(rows.to_vec()).ok()?;
    Some(choose_law(&table, Starts::default()).chosen == LawKind::Hoffmann)
}

fn quantities(rows: &[Observation], losses: &[f64], law: bool) -> Option<Vec<Option<f64>>> {
    let rows: Vec<Observation> = rows
        .iter()
        .zip(losses)
        .map(|(row, loss)| Observation { loss_nats: *loss, ..row.clone() })
        .collect();
    let table = Table::new(rows).ok()?;
    let fit =
        fit_isoflop(&table, &IsoflopOptions { draws: 0, ..IsoflopOptions::default() }).ok()?;
    let top = fit.slices.last();
    let floor = || {
        let mut options = FitOptions::default();
        options.intervals.draws = 0;
        let fit = fit_law(&table, &isoflop_fit::law::Hoffmann, &options).ok()?;
        fit.result().ok()?.parameter("E").map(|e| e.point)
    };
    Some(vec![
        Some(fit.params.exponent.point),
        top.and_then(|top| fit.at(top.flops).ok()).map(|split| split.params.point),
        top.and_then(|top| top.minimum).map(|minimum| minimum.loss_nats.point),
        if law { floor() } else { None },
    ])
}

/// The plane through the differences over ln N and ln D; their mean where there is none.
fn smooth(rows: &[Observation], logs: &[f64]) -> Vec<f64> {
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    let design: Vec<Vec<f64>> =
        rows.iter().map(|r| vec![1.0, r.params.ln() - 10.0, r.tokens.ln() - 14.0]).collect();
    match crate::least_squares::fit(&design, logs, &vec![1.0; logs.len()]) {
        Some(fit) => design
            .iter()
            .map(|row| row.iter().zip(&fit.coefficients).map(|(x, c)| x * c).sum())
            .collect(),
        None => vec![mean; logs.len()],
    }
}
