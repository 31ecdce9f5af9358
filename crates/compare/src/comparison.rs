//! Everything at once.

use std::collections::BTreeMap;

use isoflop_fit::isoflop::{IsoflopFit, IsoflopOptions, fit_isoflop};
use isoflop_fit::parametric::{FitOptions, LawFrontier, Starts, choose_law, fit_law};
use isoflop_fit::{Estimate, FitError, Observation, Table};
use isoflop_record::{Spending, Tariff};
use rayon::prelude::*;
use serde::Serialize;

use crate::error::CompareError;
use crate::exponents::{FittedPair, fitted_pairs};
use crate::frontier::{Frontiers, Resource, frontiers};
use crate::gain::{Frontier, Gain, gain};
use crate::losses::{LossOptions, Losses, losses};
use crate::pairs::{PARTED, Pairs, pair};
use crate::side::Side;
use crate::speed::{SpeedRow, StudyTime, speeds, study_time};

/// A side with its runs as a fit reads them.
#[derive(Debug, Clone)]
pub struct Compared {
    pub side: Side,
    /// `None` where nothing can be fitted.
    pub table: Option<Table>,
}

/// What is asked of the sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The same cells on other machines: do losses agree, which is faster?
    Machines,
    /// Other recipes: how much compute does one save?
    Recipes,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CompareOptions {
    /// `None` takes machines where at least half of the runs of the smaller side have a pair.
    pub mode: Option<Mode>,
    pub losses: LossOptions,
    pub draws: usize,
    pub seed: u64,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self { mode: None, losses: LossOptions::default(), draws: 1000, seed: 0 }
    }
}

/// A fact that is not the same everywhere.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Differing {
    pub what: String,
    /// By side; `None` where a side does not tell.
    pub values: Vec<Option<String>>,
}

/// One side beside the first.
#[derive(Debug, Clone, Serialize)]
pub struct Versus {
    /// Number of the side.
    pub side: usize,
    pub mode: Mode,
    pub pairs: Pairs,
    /// `None` where no pair finished on both sides.
    pub losses: Option<Losses>,
    pub parting: Parting,
    /// What is fitted to the shared cells; empty where they have no slices.
    pub fitted: Vec<FittedPair>,
    /// Of recipes.
    pub gain: Option<Gain>,
    /// Why there is no gain, where one was looked for.
    pub no_gain: Option<String>,
}

/// Where training curves part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Parting {
    /// Pairs whose curves have steps in common.
    pub compared: usize,
    pub parted: usize,
    /// Median step of those that part.
    pub median_step: Option<f64>,
    /// Relative difference of the training loss that counts.
    pub threshold: f64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    pub sides: Vec<String>,
    pub differing: Vec<Differing>,
    /// Every further side against the first.
    pub versus: Vec<Versus>,
    pub speeds: Vec<SpeedRow>,
    pub times: Vec<Option<StudyTime>>,
    pub spending: Vec<Option<Spending>>,
    #[serde(skip)]
    pub tariffs: Vec<Tariff>,
    /// Noise of ln L about the slices of the first side.
    pub residual_noise: Option<f64>,
    /// By side, the minima of its slices: (C, N*, L*).
    pub by_flops: Vec<Vec<(f64, Estimate, Estimate)>>,
    pub frontiers: Vec<Frontiers>,
}

/// Compares every side with the first. `seconds` reads a time in RFC 3339.
///
/// # Errors
/// [`CompareError`]: fewer than two sides, nothing in common.
pub fn compare(
    all: &[Compared],
    options: &CompareOptions,
    seconds: impl Fn(&str) -> Option<f64>,
) -> Result<Comparison, CompareError> {
    let [first, others @ ..] = all else { return Err(CompareError::OneSide) };
    if others.is_empty() {
        return Err(CompareError::OneSide);
    }
    let candidates = LossOptions { candidates: others.len(), ..options.losses };
    let options = &CompareOptions { losses: candidates, ..*options };
    let isoflop = IsoflopOptions {
        draws: options.draws,
        level: options.losses.level,
        seed: options.seed,
        ..IsoflopOptions::default()
    };
    let fits: Vec<Option<Result<IsoflopFit, FitError>>> = all
        .par_iter()
        .map(|of| of.table.as_ref().map(|table| fit_isoflop(table, &isoflop)))
        .collect();
    let fitted = |k: usize| fits[k].as_ref().and_then(|fit| fit.as_ref().ok());
    let own_fit = fitted(0);
    let residual_noise = own_fit.map(|fit| fit.noise_sd);
    let mut versus = Vec::new();
    for (k, other) in others.iter().enumerate() {
        let pairs = pair(&first.side, &other.side);
        let fewer = first.side.runs.len().min(other.side.runs.len());
        let mode = options.mode.unwrap_or(match 2 * pairs.pairs.len() >= fewer {
            true => Mode::Machines,
            false => Mode::Recipes,
        });
        if mode == Mode::Machines && pairs.pairs.is_empty() {
            return Err(CompareError::NothingInCommon {
                first: first.side.name.clone(),
                second: other.side.name.clone(),
            });
        }
        let (gain, no_gain) = match mode {
            Mode::Machines => (None, None),
            Mode::Recipes => {
                match recipe_gain(own_fit, fits[k + 1].as_ref(), first, other, options) {
                    Ok(gain) => (Some(gain), None),
                    Err(why) => (None, Some(why)),
                }
            }
        };
        if mode == Mode::Recipes && gain.is_none() && pairs.pairs.is_empty() {
            let why = no_gain.unwrap_or_default();
            return Err(CompareError::NoGain { second: other.side.name.clone(), why });
        }
        versus.push(Versus {
            side: k + 1,
            mode,
            losses: losses(
                &pairs.pairs,
                [&first.side, &other.side],
                residual_noise,
                &options.losses,
            ),
            parting: parting(&pairs),
            fitted: first
                .table
                .as_ref()
                .map_or_else(Vec::new, |t| shared(t, other, &pairs, options)),
            pairs,
            gain,
            no_gain,
        });
    }
    let sides: Vec<&Side> = all.iter().map(|c| &c.side).collect();
    let law = |of: &Compared| of.table.as_ref().and_then(|table| surface(table, options));
    let own_law = law(first);
    // Machines are held against one law; a recipe has its own.
    let recipes = std::iter::once(false).chain(versus.iter().map(|v| v.mode == Mode::Recipes));
    let laws: Vec<Option<LawFrontier>> = recipes
        .zip(all)
        .map(|(recipe, of)| if recipe { law(of) } else { own_law.clone() })
        .collect();
    let resources = [Resource::Time, Resource::Energy, Resource::Money];
    Ok(Comparison {
        sides: sides.iter().map(|side| side.name.clone()).collect(),
        differing: differing(&sides),
        versus,
        speeds: speeds(&sides),
        times: sides.iter().map(|side| study_time(side, &seconds)).collect(),
        spending: sides.iter().map(|side| side.spending.clone()).collect(),
        tariffs: sides.iter().map(|side| side.tariff).collect(),
        residual_noise,
        by_flops: (0..all.len()).map(|k| fitted(k).map_or_else(Vec::new, minima)).collect(),
        frontiers: resources.iter().filter_map(|r| frontiers(&sides, &laws, *r)).collect(),
    })
}

fn minima(fit: &IsoflopFit) -> Vec<(f64, Estimate, Estimate)> {
    let one = |slice: &isoflop_fit::isoflop::SliceFit| {
        slice.minimum.map(|minimum| (slice.flops, minimum.params, minimum.loss_nats))
    };
    fit.slices.iter().filter_map(one).collect()
}

/// The law of the first side, as a surface over N and D.
fn surface(table: &Table, options: &CompareOptions) -> Option<LawFrontier> {
    let law = choose_law(table, Starts::default()).chosen;
    let mut fit = FitOptions::default();
    fit.intervals.draws = options.draws;
    fit.intervals.level = options.losses.level;
    fit.intervals.seed = options.seed;
    fit_law(table, &*law.law(), &fit).ok()?.result?.frontier
}

fn recipe_gain(
    own: Option<&IsoflopFit>,
    theirs: Option<&Result<IsoflopFit, FitError>>,
    first: &Compared,
    second: &Compared,
    options: &CompareOptions,
) -> Result<Gain, String> {
    let none = || "its runs make no table".to_string();
    let theirs = theirs.ok_or_else(none)?.as_ref().map_err(|e| e.to_string())?;
    let own = own.ok_or_else(|| format!("{} has no slice minima", first.side.name))?;
    let (level, candidates) = (options.losses.level, options.losses.candidates);
    let mut found = gain(&Frontier::of(own), &Frontier::of(theirs), level, candidates).ok_or(
        "fewer than three slices have a minimum with an error, or losses do not fall with compute",
    )?;
    found.in_time =
        time_factor(&first.side, &second.side).map(|factor| found.pooled.map(|g| g * factor));
    Ok(found)
}

/// FLOPs per second of the second over the first, at the median run.
fn time_factor(first: &Side, second: &Side) -> Option<f64> {
    let rate = |side: &Side| {
        let rates: Vec<f64> = side
            .runs
            .iter()
            .filter_map(|run| run.pace.as_ref())
            .map(|p| p.flops_per_second)
            .collect();
        (!rates.is_empty()).then(|| crate::speed::Spread::of(rates).median)
    };
    Some(rate(second)? / rate(first)?)
}

/// The fits of both sides' losses at the cells that they share.
fn shared(
    table: &Table,
    other: &Compared,
    pairs: &Pairs,
    options: &CompareOptions,
) -> Vec<FittedPair> {
    let theirs: BTreeMap<&str, f64> =
        pairs.pairs.iter().filter_map(|p| Some((p.runs.0.as_str(), p.losses_nats.1?))).collect();
    let kept = other.table.as_ref().map(|t| {
        t.rows().iter().map(|row| row.run.as_str()).collect::<std::collections::BTreeSet<_>>()
    });
    let of_second: BTreeMap<&str, &str> =
        pairs.pairs.iter().map(|p| (p.runs.0.as_str(), p.runs.1.as_str())).collect();
    let (rows, losses): (Vec<Observation>, Vec<f64>) = table
        .rows()
        .iter()
        .filter(|row| {
            let name = of_second.get(row.run.as_str());
            kept.as_ref().is_some_and(|kept| name.is_some_and(|name| kept.contains(name)))
        })
        .filter_map(|row| Some((row.clone(), *theirs.get(row.run.as_str())?)))
        .unzip();
    if rows.is_empty() {
        return Vec::new();
    }
    fitted_pairs(&rows, &losses, options.losses.level, options.seed)
}

fn parting(pairs: &Pairs) -> Parting {
    let compared = pairs.pairs.iter().filter(|p| p.curve_points > 0).count();
    let steps: Vec<f64> =
        pairs.pairs.iter().filter_map(|p| p.parted_at).map(|step| step as f64).collect();
    Parting {
        compared,
        parted: steps.len(),
        median_step: (!steps.is_empty()).then(|| crate::speed::Spread::of(steps).median),
        threshold: PARTED,
    }
}

/// Facts in the order of the first side that tells them.
fn differing(sides: &[&Side]) -> Vec<Differing> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in sides.iter().flat_map(|side| &side.facts) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let value = |side: &Side, name: &str| {
        side.facts.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
    };
    names
        .into_iter()
        .map(|name| Differing {
            what: name.into(),
            values: sides.iter().map(|side| value(side, name)).collect(),
        })
        .filter(|d| d.values.iter().any(|v| *v != d.values[0]))
        .collect()
}
