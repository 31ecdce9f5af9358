//! Approach 2: the minimum of each slice, and power laws through the minima.
//!
//! Three ways of finding a minimum: [`Method::Parabola`] (Hoffmann et al. 2022), [`Method::Akima`]
//! (Porian et al. 2024) and [`Method::Corrected`], which gives the slices one common, lopsided
//! shape and so has none of the parabola's bias. A slice whose minimum is not bracketed is refused
//! by name and does not vote.

mod akima;
mod corrected;
mod noise;
mod parabola;
mod porian;
mod power;
mod slices;
mod thin;

pub use noise::Noise;
pub(crate) use noise::normal;
pub use porian::{PorianFit, PorianOptions, WeightedLaw, porian_recipe};
pub use power::PowerLaw;
pub use slices::Group;
pub(crate) use slices::group_slices;

use serde::{Deserialize, Serialize};

use crate::compute::check_flops;
use crate::error::FitError;
use crate::estimate::{Estimate, check_level};
use crate::intervals::too_few_draws;
use crate::parametric::{Allocation, too_few_clusters};
use crate::table::Table;
use crate::words::{bracketed, counted};
use slices::Slice;

/// How the minimum of a slice is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A parabola in ln N through L (Hoffmann et al. 2022, approach 2). Biased for wide or
    /// off-centre slices.
    Parabola,
    /// An Akima interpolant of ln L in ln N (Porian et al. 2024).
    Akima,
    /// `L = c + u N^-alpha + v D^-beta` in each slice, with one alpha and beta for all slices.
    Corrected,
}

impl Method {
    /// All, in the order of the tables.
    pub const ALL: [Method; 3] = [Method::Corrected, Method::Parabola, Method::Akima];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Method::Parabola => "parabola",
            Method::Akima => "akima",
            Method::Corrected => "corrected",
        }
    }
}

/// Why a slice has no minimum.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SliceRefusal {
    /// Too few different sizes.
    TooFewSizes {
        /// Different N in the slice.
        sizes: usize,
        /// How many it takes.
        needed: usize,
    },
    /// The lowest loss is at the smallest N.
    FallsTowardsSmall,
    /// The lowest loss is at the largest N.
    FallsTowardsLarge,
    /// The curve bends the wrong way.
    NotConvex,
    /// The fitted minimum lies outside the sizes that were run.
    OutsideSizes {
        /// Where it would be, N.
        params: f64,
    },
}

impl std::fmt::Display for SliceRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SliceRefusal::TooFewSizes { sizes, needed } => {
                write!(f, "{}, {needed} needed", counted(*sizes, "size"))
            }
            SliceRefusal::FallsTowardsSmall => {
                write!(f, "not bracketed: the smallest N is best; add smaller models")
            }
            SliceRefusal::FallsTowardsLarge => {
                write!(f, "not bracketed: the largest N is best; add larger models")
            }
            SliceRefusal::NotConvex => write!(f, "the losses do not bend upwards"),
            SliceRefusal::OutsideSizes { params } => {
                write!(
                    f,
                    "not bracketed: the minimum would be at N = {params:.3e}, outside the sizes run"
                )
            }
        }
    }
}

/// The minimum of one slice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Minimum {
    /// N*.
    pub params: Estimate,
    /// D*.
    pub tokens: Estimate,
    /// Loss there, nats.
    pub loss_nats: Estimate,
    /// Second derivative of ln L by ln N: how sharp the minimum is.
    pub curvature: f64,
}

/// One slice and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SliceFit {
    /// Budget, FLOPs.
    pub flops: f64,
    /// Runs in the slice.
    pub runs: Vec<String>,
    /// Different N that the curve was fitted to.
    pub sizes: usize,
    /// Runs that the curve was fitted to: all but for [`Method::Corrected`], which looks around the minimum.
    pub used: usize,
    /// Runs of the slice that the curve was not fitted to, by name.
    pub unused: Vec<String>,
    /// N of each run, ascending.
    pub params: Vec<f64>,
    /// Loss of each run, nats.
    pub loss_nats: Vec<f64>,
    /// The minimum, where there is one.
    pub minimum: Option<Minimum>,
    /// Why there is none.
    pub refusal: Option<SliceRefusal>,
    /// Why the minimum has no interval, where one was asked for.
    pub no_interval: Option<String>,
    /// The fitted curve as (N, loss in nats), for plots; empty where refused.
    pub curve: Vec<(f64, f64)>,
    /// Root mean square of the residuals of ln L about the curve.
    pub residual_rms: Option<f64>,
}

/// Whether a slice needs a bracketed minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unbracketed {
    /// Refuse such slices: they do not vote.
    Refuse,
    /// Extrapolate to a minimum outside the sizes run. For studies of bias only.
    Extrapolate,
}

/// Options of approach 2.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IsoflopOptions {
    /// How minima are found.
    pub method: Method,
    /// What happens to slices without a bracket.
    pub unbracketed: Unbracketed,
    /// Noise of the bootstrap.
    pub noise: Noise,
    /// Draws; 0 for no intervals.
    pub draws: usize,
    /// Level of the intervals.
    pub level: f64,
    /// Seed.
    pub seed: u64,
}

impl Default for IsoflopOptions {
    fn default() -> Self {
        IsoflopOptions {
            method: Method::Corrected,
            unbracketed: Unbracketed::Refuse,
            noise: Noise::Residual,
            draws: 1000,
            level: 0.95,
            seed: 0,
        }
    }
}

impl IsoflopOptions {
    /// Refuses options outside their range.
    ///
    /// # Errors
    /// [`FitError::BadOption`] that names the option: a level outside (0, 1), a noise that is negative or no number.
    pub fn check(&self) -> Result<(), FitError> {
        check_level(self.level)?;
        match self.noise {
            Noise::Given { sd } if !(sd >= 0.0 && sd.is_finite()) => Err(FitError::BadOption {
                option: "noise".into(),
                value: sd.to_string(),
                range: "[0, inf)".into(),
                hint: "a standard deviation of ln L, e.g. 0.005".into(),
            }),
            _ => Ok(()),
        }
    }
}

/// Approach 2 on one table.
#[derive(Debug, Clone, Serialize)]
pub struct IsoflopFit {
    /// How minima were found.
    pub method: Method,
    /// Every slice, refused ones included, ascending in budget.
    pub slices: Vec<SliceFit>,
    /// Runs that share their budget with too few others, by name.
    pub outside: Vec<String>,
    /// Slices with a minimum.
    pub bracketed: usize,
    /// N*(C).
    pub params: PowerLaw,
    /// D*(C), fitted apart from N*(C).
    pub tokens: PowerLaw,
    /// Exponents shared by all slices, for [`Method::Corrected`]: (alpha, beta).
    pub shape: Option<(f64, f64)>,
    /// Standard deviation of ln L that the bootstrap drew.
    pub noise_sd: f64,
    /// Correlation of the noise between runs of one cluster, that the bootstrap drew; 0 without clusters.
    pub cluster_correlation: f64,
    /// How much wider the minima scatter about the power law than the noise explains; intervals
    /// are widened by it. 1 when the noise explains all.
    pub scatter: f64,
    /// Draws in which the set of minima could not be found again.
    pub failed_draws: usize,
    /// Draws asked for.
    pub draws: usize,
    /// Why the power laws have no intervals, where they were asked for and withheld.
    pub no_interval: Option<String>,
    largest_flops: f64,
}

impl IsoflopFit {
    /// N* and D* of a budget by the power laws.
    ///
    /// # Errors
    /// [`FitError::BadOption`] unless `flops` is positive and finite.
    pub fn at(&self, flops: f64) -> Result<Allocation, FitError> {
        let log_flops = check_flops(flops)?.ln();
        let params = self.params.log_at(log_flops);
        let tokens = self.tokens.log_at(log_flops);
        let ratio = self.tokens.log_ratio_at(&self.params, log_flops);
        Allocation {
            flops,
            params: params.map(f64::exp),
            tokens: tokens.map(f64::exp),
            tokens_per_param: ratio.map(f64::exp),
            loss_nats: None,
            new_run_nats: None,
            extrapolation: flops / self.largest_flops,
        }
        .checked()
    }

    /// Slices without a minimum.
    pub fn refused(&self) -> impl Iterator<Item = &SliceFit> {
        self.slices.iter().filter(|s| s.minimum.is_none())
    }
}

/// Fewest different sizes in a slice.
pub const LEAST_SIZES: usize = 4;
/// Fewest minima for a power law with an interval.
pub const LEAST_SLICES: usize = 3;

/// Finds the minimum of every slice and fits `N* ~ C^a` and `D* ~ C^b`.
///
/// # Errors
/// [`FitError::NoSlices`] when no budgets are shared, [`FitError::TooFewMinima`] when fewer than
/// three slices have a bracketed minimum.
pub fn fit_isoflop(table: &Table, options: &IsoflopOptions) -> Result<IsoflopFit, FitError> {
    let Sliced { all, found, voting, slices, outside } = sliced(table, options)?;
    if voting.len() < LEAST_SLICES {
        let first = slices.iter().find_map(|s| {
            s.refusal.as_ref().map(|r| format!("the slice at {:.3e} FLOPs: {r}", s.flops))
        });
        return Err(FitError::TooFewMinima {
            bracketed: voting.len(),
            slices: all.len(),
            needed: LEAST_SLICES,
            unit: bracketed(all.len()),
            hint: first.unwrap_or_else(|| "run more budgets".into()),
        });
    }
    let points: Vec<_> = voting.iter().filter_map(|&i| found.minima[i]).collect();
    let logs: Vec<f64> = voting.iter().map(|&i| all[i].flops.ln()).collect();
    let used: Vec<&Slice> = voting.iter().map(|&i| &all[i]).collect();
    let noise_sd = noise::standard_deviation(table, &used, &found, &voting, options);
    let shared = noise::Shared::new(table, &used, &found, &voting);
    let asked = options.draws;
    // The noise that clusters share is known from as many of them as there are.
    let few = too_few_clusters(table).filter(|_| asked > 0);
    let few = few.or_else(|| too_few_draws(asked, options.level));
    let options = &IsoflopOptions { draws: if few.is_some() { 0 } else { asked }, ..*options };
    let boot = noise::bootstrap(&used, &found, &voting, noise_sd, &shared, options);
    let failed_draws = options.draws - boot.draws.len();
    let failed = (10 * failed_draws > options.draws).then(|| {
        format!(
            "no intervals: {failed_draws} of {} draws had fewer than {LEAST_SLICES} minima",
            options.draws
        )
    });
    let (params, tokens, scatter) = power::fit(&logs, &points, &boot, options);
    let mut fit = IsoflopFit {
        method: options.method,
        slices,
        outside,
        bracketed: voting.len(),
        params,
        tokens,
        shape: found.shape.map(|s| (s.0, s.1)),
        noise_sd: noise_sd.value,
        cluster_correlation: shared.correlation,
        scatter,
        failed_draws,
        draws: asked,
        no_interval: few.clone().or(failed),
        largest_flops: table.largest_flops(),
    };
    for (k, &i) in voting.iter().enumerate() {
        boot.fill_minimum(k, &mut fit.slices[i], options.level);
        if few.is_some() {
            fit.slices[i].no_interval.clone_from(&few);
        }
    }
    Ok(fit)
}

/// Every slice with its minimum or why it has none, as [`fit_isoflop`] finds them, for tables that have too few for a power
/// law. The minima have no intervals.
///
/// # Errors
/// [`FitError::NoSlices`] when no budgets are shared.
pub fn slice_minima(table: &Table, options: &IsoflopOptions) -> Result<Vec<SliceFit>, FitError> {
    sliced(table, options).map(|s| s.slices)
}

/// The slices of a table, and what was found in them.
struct Sliced {
    all: Vec<Slice>,
    found: FoundAll,
    /// Slices with a minimum, by number.
    voting: Vec<usize>,
    slices: Vec<SliceFit>,
    /// Runs that share their budget with too few others, by name.
    outside: Vec<String>,
}

fn sliced(table: &Table, options: &IsoflopOptions) -> Result<Sliced, FitError> {
    options.check()?;
    let (groups, lone): (Vec<Group>, Vec<Group>) =
        group_slices(table).into_iter().partition(|g| g.rows.len() > 1);
    let name = |i: &usize| table.rows()[*i].run.clone();
    let outside: Vec<String> = lone.iter().flat_map(|g| g.rows.iter().map(name)).collect();
    if groups.is_empty() {
        let detail =
            format!("{} for {}", counted(lone.len(), "budget"), counted(table.len(), "run"));
        return Err(FitError::NoSlices { detail });
    }
    let local = options.method == Method::Corrected;
    let slice = |g: &Group| if local { Slice::local(table, g) } else { Slice::new(table, g) };
    let all: Vec<Slice> = groups.iter().map(slice).collect();
    let mut refusals: Vec<Option<SliceRefusal>> =
        all.iter().map(|s| s.refusal(options.unbracketed)).collect();
    let found = find(&all, &mut refusals, options);
    let voting: Vec<usize> = (0..all.len()).filter(|&i| found.minima[i].is_some()).collect();
    let slices: Vec<SliceFit> = groups
        .iter()
        .enumerate()
        .map(|(i, g)| {
            all[i].report(g, table, found.minima[i], refusals[i].clone(), &found.curves[i])
        })
        .collect();
    Ok(Sliced { all, found, voting, slices, outside })
}

/// A minimum in centred coordinates of its slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    /// ln N*, not centred.
    pub log_params: f64,
    /// ln D*.
    pub log_tokens: f64,
    /// Loss, nats.
    pub loss: f64,
    /// Second derivative of ln L by ln N.
    pub curvature: f64,
}

/// What a method found over all slices.
pub(crate) struct FoundAll {
    pub minima: Vec<Option<Found>>,
    /// The fitted curve's loss at each run of the slice; empty where refused.
    pub curves: Vec<Curve>,
    /// Shared exponents, and the variance that their prior was weighed by.
    pub shape: Option<(f64, f64, f64)>,
    /// Parameters spent, over all slices.
    pub spent: usize,
}

/// A fitted slice curve.
#[derive(Debug, Clone, Default)]
pub(crate) struct Curve {
    /// Loss at each run.
    pub at_runs: Vec<f64>,
    /// (N, loss) for plots.
    pub plot: Vec<(f64, f64)>,
}

fn find(
    slices: &[Slice],
    refusals: &mut [Option<SliceRefusal>],
    options: &IsoflopOptions,
) -> FoundAll {
    let mut found = FoundAll {
        minima: vec![None; slices.len()],
        curves: vec![Curve::default(); slices.len()],
        shape: None,
        spent: 0,
    };
    if options.method == Method::Corrected {
        corrected::find(slices, refusals, options.unbracketed, &mut found);
        return found;
    }
    for (i, slice) in slices.iter().enumerate() {
        if refusals[i].is_some() {
            continue;
        }
        let end = match options.method {
            Method::Parabola => parabola::minimum(slice, &slice.loss, options.unbracketed),
            _ => akima::minimum(slice, &slice.loss),
        };
        match end {
            Ok((minimum, curve)) => {
                found.minima[i] = Some(minimum);
                found.spent += if options.method == Method::Parabola { 3 } else { 0 };
                found.curves[i] = curve;
            }
            Err(refusal) => refusals[i] = Some(refusal),
        }
    }
    found
}
