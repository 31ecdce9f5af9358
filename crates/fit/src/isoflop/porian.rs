//! Approach 2 as Porian et al. 2024 do it ("Resolving Discrepancies in Compute-Optimal Scaling of Language Models",
//! arXiv:2406.19146), whole: what [`Method::Akima`](super::Method::Akima) takes of it is the interpolant alone.
//!
//! In every slice the least loss of each size, Akima's curve of ln L through them, and its lowest point on a grid of 25 points per
//! size, refused at the ends; the same again with noise on every loss, many times. N* is the median of the noisy minima, and its vote
//! in the power law `1 / s^2` of their spread `s`: at least a third of the spacing of the sizes, and wider by the share of draws that
//! were refused. A slice with half of its draws refused has no vote. D* is found likewise, on a grid in ln D. The interval of an
//! exponent is that of the lines through single draws, with the same weights.
//!
//! Runs far off what the rest of their slice says are left out first; with [`SpoiledRuns::Keep`] the recipe is theirs to the digit.
//! Their noise is .002 nats at every loss, the spread of seeds on their data; [`Noise::Given`] gives another.

mod grid;

use rand::Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::power::PowerLaw;
use super::slices::{Group, Slice, group_slices};
use super::{
    Curve, Found, IsoflopFit, IsoflopOptions, LEAST_SLICES, Noise, SliceFit, SliceRefusal, Spoiled,
    SpoiledRuns, spoiled,
};
use crate::error::FitError;
use crate::estimate::Estimate;
use crate::intervals::{draw_stream, too_few_draws};
use crate::stats::{mean, median, standard_deviation};
use crate::table::Table;
use crate::words::{bracketed, counted};
use grid::Grid;

/// The spread of the minima is at least this share of the spacing of the sizes.
const LEAST_SPREAD: f64 = 0.33;
/// Standard deviation of the noise, nats.
const NOISE_NATS: f64 = 0.002;
/// Draws for medians and weights where no intervals are asked for.
const DRAWS: usize = 1000;

/// Approach 2 by the whole recipe.
pub(super) fn fit(table: &Table, options: &IsoflopOptions) -> Result<IsoflopFit, FitError> {
    let Grouped { groups, kept, outside, spoiled } = grouped(table, options)?;
    let asked = options.draws;
    let few = too_few_draws(asked, options.level);
    let draws = if asked == 0 { DRAWS } else { asked };
    let votes: Vec<Result<Vote, SliceRefusal>> =
        kept.iter().enumerate().map(|(k, kept)| vote(table, kept, options, draws, k)).collect();
    let intervals = (asked > 0 && few.is_none()).then_some(options.level);
    let both = groups.iter().zip(&kept).zip(&votes);
    let slices = both.map(|(groups, vote)| report(table, groups, vote, intervals)).collect();
    let voting: Vec<&Vote> = votes.iter().flatten().collect();
    if voting.len() < LEAST_SLICES {
        let why = |(group, vote): (&Group, &Result<Vote, SliceRefusal>)| {
            vote.as_ref().err().map(|r| format!("the slice at {:.3e} FLOPs: {r}", group.flops))
        };
        let first = groups.iter().zip(&votes).find_map(why);
        return Err(FitError::TooFewMinima {
            bracketed: voting.len(),
            slices: groups.len(),
            needed: LEAST_SLICES,
            unit: bracketed(groups.len()),
            hint: first.unwrap_or_else(|| "run more budgets".into()),
        });
    }
    // Draws that every slice has; noise of different slices has nothing in common.
    let common = voting.iter().map(|v| v.drawn.len()).min().unwrap_or(0);
    let kept = if asked == 0 || few.is_some() { 0 } else { common };
    let logs: Vec<f64> = voting.iter().map(|v| v.flops.ln()).collect();
    let law = |of: fn(&Found) -> f64, weight: fn(&Vote) -> f64| {
        let weights: Vec<f64> = voting.iter().map(|v| weight(v)).collect();
        let point: Vec<f64> = voting.iter().map(|v| of(&v.point)).collect();
        let drawn = (0..kept).map(|k| voting.iter().map(|v| of(&v.drawn[k])).collect::<Vec<f64>>());
        PowerLaw::weighted(&logs, &point, &weights, drawn, options.level)
    };
    let losses: Vec<f64> = table.rows().iter().map(|r| r.loss_nats).collect();
    Ok(IsoflopFit {
        method: options.method,
        slices,
        outside,
        spoiled,
        bracketed: voting.len(),
        params: law(|f| f.log_params, |v| v.weights[0]),
        tokens: law(|f| f.log_tokens, |v| v.weights[1]),
        loss: law(|f| f.loss.ln(), |_| 1.0),
        shape: None,
        noise_sd: noise_nats(options, mean(&losses)) / mean(&losses),
        cluster_correlation: 0.0,
        scatter: 1.0,
        failed_draws: if asked == 0 { 0 } else { draws - common },
        draws: asked,
        no_interval: few,
        largest_flops: table.largest_flops(),
    })
}

/// Every slice with its minimum, or why it has none.
pub(super) fn minima(table: &Table, options: &IsoflopOptions) -> Result<Vec<SliceFit>, FitError> {
    let Grouped { groups, kept, .. } = grouped(table, options)?;
    let one = |(k, (group, kept)): (usize, (&Group, &Group))| {
        let vote = vote(table, kept, options, DRAWS, k);
        report(table, (group, kept), &vote, None)
    };
    Ok(groups.iter().zip(&kept).enumerate().map(one).collect())
}

/// The slices of a table.
struct Grouped {
    groups: Vec<Group>,
    /// Each without its spoiled runs.
    kept: Vec<Group>,
    /// Runs that share their budget with no other, by name.
    outside: Vec<String>,
    spoiled: Vec<Spoiled>,
}

fn grouped(table: &Table, options: &IsoflopOptions) -> Result<Grouped, FitError> {
    let (groups, lone): (Vec<Group>, Vec<Group>) =
        group_slices(table).into_iter().partition(|g| g.rows.len() > 1);
    if groups.is_empty() {
        let detail =
            format!("{} for {}", counted(lone.len(), "budget"), counted(table.len(), "run"));
        return Err(FitError::NoSlices { detail });
    }
    let name = |i: &usize| table.rows()[*i].run.clone();
    let outside = lone.iter().flat_map(|g| g.rows.iter().map(name)).collect();
    let spoiled = match options.spoiled {
        SpoiledRuns::LeaveOut => spoiled::find(table, &groups),
        SpoiledRuns::Keep => Vec::new(),
    };
    let kept = groups.iter().map(|group| spoiled::without(group, &spoiled)).collect();
    Ok(Grouped { groups, kept, outside, spoiled })
}

/// What a slice says.
struct Vote {
    flops: f64,
    /// Medians of the draws.
    point: Found,
    /// Of ln N* and of ln D*.
    weights: [f64; 2],
    drawn: Vec<Found>,
    curve: Curve,
}

fn vote(
    table: &Table,
    group: &Group,
    options: &IsoflopOptions,
    draws: usize,
    number: usize,
) -> Result<Vote, SliceRefusal> {
    if let Some(refusal) = Slice::new(table, group).refusal(options.unbracketed) {
        return Err(refusal);
    }
    let best = least_of_each_size(table, group);
    let column = |f: fn(&Run) -> f64| best.iter().map(f).collect::<Vec<f64>>();
    let (sizes, lengths, loss) = (column(|r| r.0), column(|r| r.1), column(|r| r.2));
    let backwards = |v: &[f64]| v.iter().rev().copied().collect::<Vec<f64>>();
    let by_size = Grid::new(sizes);
    let by_length = Grid::new(backwards(&lengths));
    let lowest = |loss: &[f64]| -> Result<Found, SliceRefusal> {
        let (log_params, log_loss) = by_size.lowest(loss)?;
        let (log_tokens, _) = by_length.lowest(&backwards(loss)).map_err(|end| match end {
            SliceRefusal::FallsTowardsSmall => SliceRefusal::FallsTowardsLarge,
            _ => SliceRefusal::FallsTowardsSmall,
        })?;
        Ok(Found { log_params, log_tokens, loss: log_loss.exp(), curvature: f64::NAN })
    };
    lowest(&loss)?;
    let one = |k: usize| {
        let mut random = draw_stream(options.seed ^ (0x9071_0000 + number as u64), k);
        let noisy = |l: &f64| l + noise_nats(options, *l) * random.sample::<f64, _>(StandardNormal);
        lowest(&loss.iter().map(noisy).collect::<Vec<f64>>()).ok()
    };
    let drawn: Vec<Found> = (0..draws).into_par_iter().filter_map(one).collect();
    if 2 * drawn.len() < draws {
        return Err(SliceRefusal::Unsteady { refused: draws - drawn.len(), draws });
    }
    let kept = drawn.len() as f64 / draws as f64;
    let of = |f: fn(&Found) -> f64| drawn.iter().map(f).collect::<Vec<f64>>();
    let weight = |values: &[f64], grid: &Grid| {
        let spread = standard_deviation(values).max(LEAST_SPREAD * grid.spacing()) / kept;
        1.0 / (spread * spread)
    };
    let (mut params, mut tokens) = (of(|f| f.log_params), of(|f| f.log_tokens));
    let weights = [weight(&params, &by_size), weight(&tokens, &by_length)];
    let point = Found {
        log_params: median(&mut params),
        log_tokens: median(&mut tokens),
        loss: median(&mut of(|f| f.loss)),
        curvature: by_size.bend(&loss),
    };
    let plot = by_size.plot(&loss);
    Ok(Vote {
        flops: group.flops,
        point,
        weights,
        drawn,
        curve: Curve { at_runs: Vec::new(), plot },
    })
}

fn noise_nats(options: &IsoflopOptions, loss: f64) -> f64 {
    match options.noise {
        Noise::Given { sd } => sd * loss,
        Noise::Residual | Noise::Seeds => NOISE_NATS,
    }
}

/// ln N, ln D and loss.
type Run = (f64, f64, f64);

/// The run of least loss of each size, ascending in N.
fn least_of_each_size(table: &Table, group: &Group) -> Vec<Run> {
    let mut best: Vec<Run> = Vec::new();
    for &i in &group.rows {
        let row = &table.rows()[i];
        let run = (row.params.ln(), row.tokens.ln(), row.loss_nats);
        match best.last_mut() {
            Some(last) if run.0 - last.0 < 1e-9 => {
                if run.2 < last.2 {
                    *last = run;
                }
            }
            _ => best.push(run),
        }
    }
    best
}

fn report(
    table: &Table,
    (group, kept): (&Group, &Group),
    vote: &Result<Vote, SliceRefusal>,
    intervals: Option<f64>,
) -> SliceFit {
    let slice = Slice::new(table, kept);
    let found = vote.as_ref().ok().map(|v| v.point);
    let refusal = vote.as_ref().err().cloned();
    let none = Curve::default();
    let curve = vote.as_ref().map_or(&none, |v| &v.curve);
    let mut out = slice.report(group, table, found, refusal, curve);
    if let (Ok(vote), Some(minimum), Some(level)) = (vote, &mut out.minimum, intervals) {
        let estimate = |f: fn(&Found) -> f64| {
            let mut values: Vec<f64> = vote.drawn.iter().map(f).collect();
            Estimate::from_draws(f(&vote.point), &mut values, level)
        };
        minimum.params = estimate(|f| f.log_params).map(f64::exp);
        minimum.tokens = estimate(|f| f.log_tokens).map(f64::exp);
        minimum.loss_nats = estimate(|f| f.loss);
    }
    out
}
