//! `sweep fit`: table -> fit -> table for people, or JSON.

use isoflop_fit::Table;
use isoflop_fit::bayes::{Posterior, PosteriorOptions, Prior, posterior};
use isoflop_fit::effects::{Effects, effects};
use isoflop_fit::intervals::{Profile, Target, profile};
use isoflop_fit::parametric::Allocation;
use isoflop_fit::plan::{NextRun, SizeRange, next_runs};
use isoflop_fit::published::published;
use isoflop_fit::study::{Answer, Study, run};
use isoflop_fit::{FitError, Warning};
use serde::Serialize;

use super::args::{FitArgs, ModelArgs, SourceArgs};
use super::source::Origin;
use super::{show, source};
use crate::print;

/// Version of the JSON.
pub const SCHEMA: u32 = 1;

/// Everything that the command prints.
#[derive(Debug, Serialize)]
pub struct Fitted {
    /// Version of this shape.
    pub schema: u32,
    /// Where the runs came from.
    pub source: Origin,
    /// The study.
    pub study: Study,
    /// Forecasts of budgets.
    pub forecasts: Vec<Forecast>,
    /// Effects, where asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effects: Option<Answer<Effects>>,
    /// Profiles, where asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<Answer<Profile>>,
    /// Posterior, where asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posterior: Option<Answer<Posterior>>,
    /// Next runs, where asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_runs: Option<Answer<Vec<NextRun>>>,
}

/// The best split of one budget by every approach that has one.
#[derive(Debug, Serialize)]
pub struct Forecast {
    /// FLOPs.
    pub flops: f64,
    /// By the envelope.
    pub envelope: Option<Allocation>,
    /// By the slices.
    pub slices: Option<Allocation>,
    /// By the law.
    pub law: Option<Allocation>,
    /// Sizes within a tolerance of the best loss, by the law.
    pub sizes: Vec<SizeRange>,
    /// By the posterior.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posterior: Option<Allocation>,
}

/// Fits runs and prints what they say.
pub fn run_fit(args: FitArgs) -> anyhow::Result<()> {
    let options = args.model.resolve()?;
    let source = SourceArgs { flops_column: args.flops.clone(), ..args.source.clone() };
    let (table, origin) = source::read(&source)?;
    let mut study = run(&table, &[], &options)?;
    let counted = options.law.prepare(&table.under(options.convention)?)?;
    let posterior = match &args.bayes {
        None => None,
        Some(name) => Some(sample(&counted, name, &args.model)?.into()),
    };
    let forecasts = forecasts(&study, posterior.as_ref(), &args)?;
    for f in &forecasts {
        let factor = f.flops / study.largest_flops;
        // The default budgets stop at 100 times; those asked for may go on.
        if factor > 100.5 {
            study.warnings.push(Warning::FarExtrapolation { factor });
        }
    }
    let fitted = Fitted {
        schema: SCHEMA,
        source: origin,
        effects: args.effects.then(|| {
            effects(&counted, options.fit.intervals.draws, args.model.level, args.model.seed).into()
        }),
        profiles: if args.profile { profiles(&study, &counted) } else { Vec::new() },
        next_runs: args.next.then(|| next(&study, &counted).into()),
        posterior,
        forecasts,
        study,
    };
    if args.output.json { print::json(&fitted) } else { print::text(&show::fitted(&fitted)) }
}

fn sample(
    table: &Table,
    prior: &str,
    model: &ModelArgs,
) -> anyhow::Result<Result<Posterior, FitError>> {
    let prior = match prior {
        "weak" => Prior::Weak,
        // Twice the published errors: other data, another tokenizer.
        key => Prior::published(published(key)?, 2.0)?,
    };
    let options =
        PosteriorOptions { prior, level: model.level, seed: model.seed, ..Default::default() };
    Ok(posterior(table, &options))
}

fn forecasts(
    study: &Study,
    posterior: Option<&Answer<Posterior>>,
    args: &FitArgs,
) -> anyhow::Result<Vec<Forecast>> {
    let largest = study.largest_flops;
    let mut budgets = vec![largest, 10.0 * largest, 100.0 * largest];
    budgets.extend(&args.at);
    let frontier = study.law().and_then(|l| l.frontier.as_ref());
    let one = |flops: f64| -> anyhow::Result<Forecast> {
        let sizes = |tolerance: f64| frontier.map(|f| f.sizes_within(flops, tolerance));
        Ok(Forecast {
            flops,
            envelope: study.approach1.given().map(|e| e.at(flops)).transpose()?,
            slices: study.isoflop().map(|i| i.at(flops)).transpose()?,
            law: frontier.map(|f| f.at(flops)).transpose()?,
            sizes: args
                .model
                .tolerances()
                .into_iter()
                .filter_map(sizes)
                .collect::<Result<_, FitError>>()?,
            posterior: posterior.and_then(|p| p.given()).map(|p| p.at(flops)).transpose()?,
        })
    };
    budgets.into_iter().map(one).collect()
}

fn profiles(study: &Study, table: &Table) -> Vec<Answer<Profile>> {
    let law = study.options.law.law();
    let Some(result) = study.law() else { return Vec::new() };
    let mut targets: Vec<Target> = ["E", "alpha", "beta"]
        .iter()
        .filter(|n| law.parameters().contains(n))
        .map(|n| Target::Parameter { name: (*n).into() })
        .collect();
    if result.exponents.is_some() {
        targets.push(Target::Exponent);
        targets.push(Target::Params { flops: study.largest_flops });
    }
    let one =
        |target: &Target| profile(table, law.as_ref(), result, &study.options.fit, target).into();
    targets.iter().map(one).collect()
}

fn next(study: &Study, table: &Table) -> Result<Vec<NextRun>, FitError> {
    let law = study.options.law.law();
    match study.law() {
        Some(result) => next_runs(table, law.as_ref(), result, 8),
        None => Err(FitError::NoResult {
            what: "the value of the next run".into(),
            why: "the law did not converge".into(),
            hint: "see the outcome of the law above".into(),
        }),
    }
}
