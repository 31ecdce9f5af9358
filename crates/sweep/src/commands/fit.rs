//! `sweep fit`: table -> fit -> table for people, or JSON.

mod bayes;
mod overlay;
pub(super) mod show;
mod trainable;

use anyhow::{Context, bail};
use isoflop::{AddedWidths, Folder, extension};
use isoflop_fit::Table;
use isoflop_fit::bayes::Posterior;
use isoflop_fit::effects::{Effects, effects};
use isoflop_fit::intervals::{Profile, Target, profile};
use isoflop_fit::law::LawKind;
use isoflop_fit::parametric::Allocation;
use isoflop_fit::plan::{NextRun, SizeRange, next_runs};
use isoflop_fit::published::{Fits, LawTest, Published, published, test_law};
use isoflop_fit::study::{Answer, Study, clusters_ignored, run_telling};
use isoflop_fit::{FitError, Warning};
use serde::Serialize;

use crate::cli::FitArgs;
use crate::print;
use crate::progress::FitProgress;
use crate::runs::{self, RunsSource};
use overlay::Overlay;
use trainable::{Trainable, trainable};

/// Version of the JSON.
pub const SCHEMA: u32 = 1;

/// Everything that the command prints.
#[derive(Debug, Serialize)]
pub struct Fitted {
    /// Version of this shape.
    pub schema: u32,
    /// Where the runs came from.
    pub source: RunsSource,
    pub study: Study,
    /// Forecasts of budgets.
    pub forecasts: Vec<Forecast>,
    /// Why forecasts are missing, each of one approach at one budget.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused_forecasts: Vec<FitError>,
    /// Tests of published laws, where asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub law_tests: Vec<LawTest>,
    /// Effects, where asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effects: Option<Answer<Effects>>,
    /// Profiles, where asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<Answer<Profile>>,
    /// Posterior, where asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posterior: Option<Answer<Posterior>>,
    /// The published law that the prior is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior_law: Option<String>,
    /// Where that prior's standard deviations come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior_basis: Option<String>,
    /// Next runs, where asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_runs: Option<Answer<Vec<NextRun>>>,
    /// The same as cells of a results folder's own family, with repeats near its minima.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trainable: Option<Trainable>,
    /// What slices of a results folder lack that have no bracketed minimum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_slices: Option<OpenSlices>,
}

/// Slices without a bracketed minimum, and what would bracket it.
#[derive(Debug, Serialize)]
pub struct OpenSlices {
    pub slices: Vec<AddedWidths>,
    /// `[grid]` lines that ask for the widths.
    pub toml: String,
    /// All of it for people.
    #[serde(skip)]
    pub told: String,
}

/// The best split of one budget by every approach that has one.
#[derive(Debug, Serialize)]
pub struct Forecast {
    pub flops: f64,
    /// By slice minima and law together: what the headline trusts.
    pub best: Option<Allocation>,
    pub envelope: Option<Allocation>,
    pub slices: Option<Allocation>,
    pub law: Option<Allocation>,
    /// Sizes within a tolerance of the best loss, by the law.
    pub sizes: Vec<SizeRange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posterior: Option<Allocation>,
    /// By published laws, where asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overlay: Vec<Overlay>,
}

/// Fits runs and prints what they say.
pub fn run(args: FitArgs) -> anyhow::Result<()> {
    let mut options = args.model.resolve()?;
    let prior = bayes::resolve(&args, options.law)?;
    if prior.is_some() {
        options.law = Some(LawKind::Hoffmann);
    }
    let laws = overlay::resolve(&args.overlay).context("--overlay")?;
    let to_test = args.test_law.iter().map(|key| published(key));
    let to_test: Vec<&Published> = to_test.collect::<Result<_, _>>().context("--test-law")?;
    for flops in &args.at {
        if !(flops.is_finite() && *flops > 0.0) {
            bail!("--at {flops} is not a positive number\nhint: give budgets in FLOPs, as 1e21");
        }
    }
    let progress = FitProgress::new(&args.output);
    let (table, origin) = runs::read(&args.source.with_flops(&args.flops))?;
    let mut study = run_telling(&table, &[], &options, &mut |what| progress.tell(what))?;
    let counted = study.law_table(&table)?;
    let posterior: Option<Answer<Posterior>> = prior.map(|prior| {
        progress.tell("the posterior");
        bayes::sample(&counted, prior, &args).into()
    });
    progress.tell("forecasts, profiles and effects");
    let (mut forecasts, refused_forecasts) = forecasts(&study, posterior.as_ref(), &args);
    for f in &mut forecasts {
        f.overlay = overlay::at(&laws, f.flops)?;
    }
    let passed = study.forecast.given().is_some_and(|f| f.passed());
    for f in &forecasts {
        // The default budgets are shown for what they are; those asked for are relied on.
        let asked = args.at.contains(&f.flops);
        let far = Warning::far(f.flops, f.flops / study.largest_flops, passed);
        study.warnings.extend(far.filter(|_| asked));
    }
    if args.profile {
        study.warnings.extend(clusters_ignored(&counted, "profiles"));
    }
    if posterior.as_ref().is_some_and(|p| p.given().is_some()) {
        study.warnings.extend(clusters_ignored(&counted, "intervals of the posterior"));
    }
    if !to_test.is_empty() {
        progress.tell("tests of published laws");
    }
    let fits = Fits { slices: study.isoflop(), law: study.law() };
    let one = |law: &&'static Published| test_law(&counted, law, fits, &options.fit);
    let law_tests = to_test.iter().map(one).collect::<Result<_, _>>().context("--test-law")?;
    let next_runs: Option<Answer<Vec<NextRun>>> = args.next.then(|| next(&study, &counted).into());
    let trainable = match (&next_runs, &args.source.results[..]) {
        (Some(Answer::Given(next)), [folder]) => {
            Some(trainable(&Folder::read(folder)?, &study, next))
        }
        _ => None,
    };
    let open_slices = open_slices(&study, &args)?;
    let fitted = Fitted {
        schema: SCHEMA,
        law_tests,
        source: origin,
        effects: args.effects.then(|| {
            effects(&counted, options.fit.intervals.draws, args.model.level, args.model.seed).into()
        }),
        profiles: if args.profile { profiles(&study, &counted) } else { Vec::new() },
        next_runs,
        trainable,
        open_slices,
        prior_basis: bayes::basis(&args),
        prior_law: args.bayes.clone().filter(|name| name != "weak"),
        posterior,
        forecasts,
        refused_forecasts,
        study,
    };
    if args.output.json {
        print::json(&fitted)?;
    } else {
        print::text(&show::fitted(&fitted))?;
    }
    if !fitted.study.has_result() {
        bail!(
            "no approach has a result\nhint: the warnings say what each of them lacks; more sizes in each budget, and more budgets, serve all three"
        );
    }
    Ok(())
}

/// What the slices of a single results folder lack; `None` where nothing can be added to it as it is.
fn open_slices(study: &Study, args: &FitArgs) -> anyhow::Result<Option<OpenSlices>> {
    let first = study.approach2.first();
    let slices = first.map(|row| row.every_slice()).unwrap_or_default();
    let ([path], true) = (&args.source.results[..], slices.iter().any(|s| s.refusal.is_some()))
    else {
        return Ok(None);
    };
    let folder = Folder::read(path)?;
    let (done, all) = folder.progress();
    if done < all {
        return Ok(None); // an open end may close
    }
    let found = match extension(&folder) {
        Err(error) if error.is_misuse() => return Ok(None), // such as a merged folder
        found => found?,
    };
    let (slices, toml) = (found.open.clone(), found.toml());
    let told = super::extend::told(&found, path);
    Ok(Some(OpenSlices { slices, toml, told }).filter(|open| !open.slices.is_empty()))
}

/// Forecasts of 1, 10 and 100 times the largest run and of the budgets asked for, and why some are missing.
fn forecasts(
    study: &Study,
    posterior: Option<&Answer<Posterior>>,
    args: &FitArgs,
) -> (Vec<Forecast>, Vec<FitError>) {
    let largest = study.largest_flops;
    let mut budgets = vec![largest, 10.0 * largest, 100.0 * largest];
    // Beyond double precision there is nothing to plan.
    budgets.retain(|c| c.is_finite());
    budgets.extend(&args.at);
    let frontier = study.law().and_then(|l| l.frontier.as_ref());
    let mut refused = Vec::new();
    let mut one = |flops: f64| {
        let mut keep = |answer: Option<Result<Allocation, FitError>>| match answer {
            Some(Ok(split)) => Some(split),
            Some(Err(why)) => {
                refused.push(why);
                None
            }
            None => None,
        };
        let sizes = |tolerance: f64| frontier.map(|f| f.sizes_within(flops, tolerance));
        let law = keep(frontier.map(|f| f.at(flops)));
        let split = study.forecast.given().and_then(|f| f.split(flops).ok());
        let nats = split.and_then(|s| s.by_slices).and_then(|s| s.loss_nats);
        let slices = keep(study.isoflop().map(|i| i.at(flops)));
        Forecast {
            flops,
            best: split.map(|s| s.best),
            envelope: keep(study.approach1.given().map(|e| e.at(flops))),
            slices: slices.map(|s| Allocation { loss_nats: nats, ..s }),
            sizes: match law {
                Some(_) => {
                    args.model.tolerances().into_iter().filter_map(sizes).flatten().collect()
                }
                None => Vec::new(),
            },
            law,
            posterior: keep(posterior.and_then(|p| p.given()).map(|p| p.at(flops))),
            overlay: Vec::new(),
        }
    };
    let all: Vec<Forecast> = budgets.into_iter().map(&mut one).collect();
    (all, refused)
}

fn profiles(study: &Study, table: &Table) -> Vec<Answer<Profile>> {
    let law = study.law_kind.law();
    let fit = match &study.approach3 {
        Answer::Refused(why) => return vec![Answer::Refused(why.clone())],
        Answer::Given(fit) => fit,
    };
    let result = match fit.result() {
        Ok(result) => result,
        Err(why) => return vec![Answer::Refused(why)],
    };
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
    let law = study.law_kind.law();
    let fit = match &study.approach3 {
        Answer::Given(fit) => fit,
        Answer::Refused(why) => return Err(why.clone()),
    };
    next_runs(table, law.as_ref(), fit.result()?, 8)
}
