//! Approach 2: the minimum of each slice, and power laws through the minima.
//!
//! Ways of finding a minimum: [`Method::Parabola`] (Hoffmann et al. 2022), [`Method::Akima`] (the interpolant of Porian et al. 2024),
//! [`Method::Porian`] (their whole recipe) and [`Method::Corrected`], which gives the slices one common, lopsided
//! shape and so has none of the parabola's bias. A slice whose minimum is not bracketed is refused
//! by name and does not vote.

mod akima;
mod bootstrap;
mod corrected;
mod minima;
mod noise;
mod options;
mod other_shape;
mod parabola;
mod porian;
mod power;
mod slice_fit;
mod slices;
mod spoiled;
mod thin;

pub(crate) use minima::{Curve, Found, FoundAll};
pub use noise::Noise;
pub use options::{IsoflopOptions, Method, SpoiledRuns, Unbracketed};
pub use power::PowerLaw;
pub use slice_fit::{Minimum, SliceFit, SliceRefusal, SliceRuns};
pub use slices::Group;
pub(crate) use slices::{NEIGHBOURS, group_slices};
pub(crate) use spoiled::{LEAST_OFF, POWER, limit, together};
pub use spoiled::{Spoiled, SpoiledColumn};

use serde::Serialize;

use crate::compute::check_flops;
use crate::error::FitError;
use crate::intervals::too_few_draws;
use crate::parametric::{Allocation, too_few_clusters};
use crate::table::Table;
use crate::words::{bracketed, counted};
use noise::SharedNoise;
use slices::{Slice, by_chance};

/// Approach 2 on one table.
#[derive(Debug, Clone, Serialize)]
pub struct IsoflopFit {
    pub method: Method,
    /// Every slice, refused ones included, ascending in budget.
    pub slices: Vec<SliceFit>,
    /// Runs that share their budget with too few others, by name.
    pub outside: Vec<String>,
    /// Runs that no curve was fitted to, each far off what the rest of its slice says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spoiled: Vec<Spoiled>,
    pub bracketed: usize,
    /// N*(C).
    pub params: PowerLaw,
    /// D*(C), fitted apart from N*(C).
    pub tokens: PowerLaw,
    /// L*(C) as a power law without a floor; its exponent is negative.
    pub loss: PowerLaw,
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
        let x = check_flops(flops)?.ln();
        let (params, tokens) = (self.params.log_at(x), self.tokens.log_at(x));
        let ratio = self.tokens.log_ratio_at(&self.params, x);
        Allocation::of_logs(flops, [params, tokens, ratio], self.largest_flops)
    }

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
/// three slices have a bracketed minimum, [`FitError::NoResult`] for [`Noise::Seeds`] without repeated seeds.
pub fn fit_isoflop(table: &Table, options: &IsoflopOptions) -> Result<IsoflopFit, FitError> {
    options.check()?;
    if options.method == Method::Porian {
        return porian::fit(table, options);
    }
    let Sliced { all, found, voting, slices, outside, spoiled } = sliced(table, options)?;
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
    let noise_sd = noise::standard_deviation(table, &used, &found, &voting, options)?;
    let shared = SharedNoise::new(table, &used, &found, &voting);
    let asked = options.draws;
    // The noise that clusters share is known from as many of them as there are.
    let few = too_few_clusters(table).filter(|_| asked > 0);
    let few = few.or_else(|| too_few_draws(asked, options.level));
    let options = &IsoflopOptions { draws: if few.is_some() { 0 } else { asked }, ..*options };
    let shape = other_shape::shape_errors(&used, &found, &voting, options);
    let boot = bootstrap::bootstrap(&used, &found, &voting, noise_sd, &shared, &shape, options);
    let failed_draws = options.draws - boot.draws.len();
    let failed = (10 * failed_draws > options.draws).then(|| {
        format!(
            "no intervals: {failed_draws} of {} draws had fewer than {LEAST_SLICES} minima",
            options.draws
        )
    });
    let power::PowerLaws { params, tokens, loss, scatter } =
        power::fit(&logs, &points, &boot, options);
    let mut fit = IsoflopFit {
        method: options.method,
        slices,
        outside,
        spoiled,
        bracketed: voting.len(),
        params,
        tokens,
        loss,
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
    options.check()?;
    if options.method == Method::Porian {
        return porian::minima(table, options);
    }
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
    spoiled: Vec<Spoiled>,
}

fn sliced(table: &Table, options: &IsoflopOptions) -> Result<Sliced, FitError> {
    options.check()?;
    let all = group_slices(table);
    if by_chance(table, &all) {
        let detail = format!(
            "the C of {} is spread out, and what is within {:.0}% of each other is so by chance",
            counted(table.len(), "run"),
            100.0 * (NEIGHBOURS - 1.0)
        );
        return Err(FitError::NoSlices { detail });
    }
    let (groups, lone): (Vec<Group>, Vec<Group>) = all.into_iter().partition(|g| g.rows.len() > 1);
    let name = |i: &usize| table.rows()[*i].run.clone();
    let outside: Vec<String> = lone.iter().flat_map(|g| g.rows.iter().map(name)).collect();
    if groups.is_empty() {
        let detail =
            format!("{} for {}", counted(lone.len(), "budget"), counted(table.len(), "run"));
        return Err(FitError::NoSlices { detail });
    }
    let local = options.method == Method::Corrected;
    let slice = |g: &Group| if local { Slice::local(table, g) } else { Slice::new(table, g) };
    let spoiled = match options.spoiled {
        SpoiledRuns::LeaveOut => spoiled::find(table, &groups),
        SpoiledRuns::Keep => Vec::new(),
    };
    let all: Vec<Slice> = groups.iter().map(|g| slice(&spoiled::without(g, &spoiled))).collect();
    let mut refusals: Vec<Option<SliceRefusal>> =
        all.iter().map(|s| s.refusal(options.unbracketed)).collect();
    let found = minima::find(&all, &mut refusals, options);
    let voting: Vec<usize> = (0..all.len()).filter(|&i| found.minima[i].is_some()).collect();
    let slices: Vec<SliceFit> = groups
        .iter()
        .enumerate()
        .map(|(i, g)| {
            all[i].report(g, table, found.minima[i], refusals[i].clone(), &found.curves[i])
        })
        .collect();
    Ok(Sliced { all, found, voting, slices, outside, spoiled })
}
