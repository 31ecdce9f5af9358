//! `sweep predict`: planning from a published law, or from one fitted to runs.

mod predicted;
mod questions;
mod register;
mod score;
mod show;
mod show_score;

use anyhow::bail;
use isoflop_fit::forecast::Forecaster;
use isoflop_fit::isoflop::{IsoflopFit, fit_isoflop};
use isoflop_fit::law::LawKind;
use isoflop_fit::parametric::{Allocation, LawFrontier, fit_law};
use isoflop_fit::plan::{LeastBudget, Overtraining};
use isoflop_fit::published::{Form, PUBLISHED, Published, published, reconcile};
use isoflop_fit::study::{Sifted, check_law, law_warnings, sift, spoiled_warnings};
use isoflop_fit::{Estimate, FitError, MachineEffects, Warning};
use isoflop_report::number::scientific;

use super::fit::SCHEMA;
use crate::cli::{PredictArgs, SourceArgs};
use crate::failure::Misuse;
use crate::progress::FitProgress;
use crate::{print, runs};
use predicted::{At, Budget, Doubts, Predicted, Target, Tuned};
use questions::Questions;
use register::Basis;

/// Answers planning questions.
pub fn run(args: PredictArgs) -> anyhow::Result<()> {
    score::check(&args)?;
    if let Some(path) = &args.score {
        let report = score::score(path, &args)?;
        return match args.output.json {
            true => print::json(&report),
            false => print::text(&show_score::report(&report)),
        };
    }
    if args.list {
        let list = serde_json::json!({ "schema": SCHEMA, "laws": PUBLISHED });
        return match args.output.json {
            true => print::json(&list),
            false => print::text(&show::library()),
        };
    }
    let by_name = PUBLISHED.iter().find(|p| p.key == args.model.law);
    let predicted = match (&args.published, by_name) {
        (Some(key), _) => library(published(key)?, &args)?,
        (None, Some(law)) => library(law, &args)?,
        (None, None) => fitted(&args)?,
    };
    match args.output.json {
        true => print::json(&predicted),
        false => print::text(&show::predicted(&predicted)),
    }
}

/// What answers: a law of the loss, the power laws of slice minima, or published ones of the best split.
enum Planner<'a> {
    Law(&'a LawFrontier),
    Slices(&'a IsoflopFit),
    Lines(&'static Published),
}

impl Planner<'_> {
    fn at(&self, flops: f64) -> Result<Allocation, FitError> {
        match self {
            Planner::Law(law) => law.at(flops),
            Planner::Slices(slices) => slices.at(flops),
            Planner::Lines(lines) => lines.at(flops),
        }
    }

    fn params_for_tokens(&self, tokens: f64) -> Result<(Estimate, Estimate), FitError> {
        match self {
            Planner::Law(law) => law.params_for_tokens(tokens),
            Planner::Slices(_) => Err(no_law("N for a number of tokens")),
            Planner::Lines(lines) => lines.params_for_tokens(tokens),
        }
    }

    fn tokens_for_params(&self, params: f64) -> Result<(Estimate, Estimate), FitError> {
        match self {
            Planner::Law(law) => law.tokens_for_params(params),
            Planner::Slices(_) => Err(no_law("D for a number of parameters")),
            Planner::Lines(lines) => lines.tokens_for_params(params),
        }
    }
}

fn no_law(what: &str) -> FitError {
    FitError::NoResult {
        what: what.into(),
        why: "the law has no result, and slice minima tell the best split of a budget alone".into(),
        hint: "ask for `--flops`".into(),
    }
}

fn library(law: &'static Published, args: &PredictArgs) -> anyhow::Result<Predicted> {
    args.refuse_options_of_fits(law.key)?;
    let asked = args.questions_to_a_published_law(law.key)?;
    let both = asked.params.zip(asked.tokens);
    let mut out = match law.frontier() {
        Ok(frontier) => {
            let frontier = frontier.at_level(args.model.level)?;
            answers(law.title, &Planner::Law(&frontier), &asked, args)?
        }
        Err(_) if law.form == Form::TuningOnly => {
            if both.is_none() || !asked.flops.is_empty() || asked.loss.is_some() {
                bail!(
                    "`{}` answers what learning rate and batch suit a size and a length\nhint: give both --params and --tokens",
                    law.key
                );
            }
            Predicted::empty(law.title)
        }
        Err(no_loss) => {
            if asked.loss.is_some() {
                return Err(no_loss.into());
            }
            answers(law.title, &Planner::Lines(law), &asked, args)?
        }
    };
    if let Some(tuning) = law.tuning {
        let splits =
            out.budgets.iter().map(|b| (b.best.params.point, b.best.tokens.point, b.best.flops));
        let here = both.map(|(n, d)| (n, d, 6.0 * n * d));
        let tuned = |(params, tokens, flops)| Tuned {
            params,
            tokens,
            learning_rate: tuning.learning_rate.at(params, tokens, flops),
            batch_tokens: tuning.batch_tokens.at(params, tokens, flops),
        };
        out.tuning = splits.chain(here).map(tuned).collect();
    }
    if out.level().is_none() && law.covariance.is_none() && law.form != Form::TuningOnly {
        out.no_interval =
            Some("no intervals: no covariance of its parameters was published".into());
    }
    out.warnings = out.far(law.valid_flops.map_or(f64::NAN, |v| v.1), true);
    out.as_kaplan_counts = reconcile(&law.form).ok();
    out.published = Some(law);
    Ok(out)
}

fn fitted(args: &PredictArgs) -> anyhow::Result<Predicted> {
    let asked = args.questions()?;
    let no_runs =
        args.source.results.is_empty() && args.source.csv.is_none() && args.source.jsonl.is_none();
    if no_runs && args.model.law != "auto" && LawKind::parse(&args.model.law).is_err() {
        bail!(Misuse(no_such_law(&args.model.law)));
    }
    let options = args.model.resolve()?;
    if let Some(path) = &args.register {
        register::check(path, &asked)?;
    }
    let (table, origin) = runs::read(&args.source.with_flops(&args.flops_column))?;
    let table = match args.up_to {
        Some(flops) => table.up_to(flops)?,
        None => table,
    };
    let table = table.under(options.convention)?;
    refuse_far(&asked, table.largest_flops(), &args.source, args.far_extrapolation)?;
    let progress = FitProgress::new(&args.output);
    progress.tell("the slice minima");
    let slices = fit_isoflop(&table, &options.isoflop);
    let Sifted { law, choice, table, spoiled } = sift(&table, slices.as_ref().ok(), &options)?;
    progress.tell("the law and its bootstrap");
    let law = law.law();
    let fit = fit_law(&table, law.as_ref(), &options.fit)?;
    let runs_of = match args.up_to {
        Some(flops) => {
            format!("{} runs of {} up to {} FLOPs", fit.rows, origin.path, scientific(flops, 3))
        }
        None => format!("{} runs of {}", fit.rows, origin.path),
    };
    let frontier = fit.result().and_then(|result| result.frontier_of(&fit.law));
    let (planner, title) = match (&frontier, &slices) {
        (Ok(frontier), _) => {
            let (formula, objective) = (&fit.formula, fit.objective.name());
            let title = format!("{formula} fitted to {runs_of} ({objective})");
            (Planner::Law(frontier), title)
        }
        (Err(_), Ok(slices)) if asked.only_budgets() => {
            let minima = slices.slices.iter().filter(|s| s.minimum.is_some()).count();
            let title = format!("power laws through {minima} slice minima of {runs_of}");
            (Planner::Slices(slices), title)
        }
        (Err(why), _) => return Err(why.clone().into()),
    };
    let checks =
        check_law(&table, law.as_ref(), Some(&fit), &options.fit, &mut |what| progress.tell(what));
    let mut predicted = answers(&title, &planner, &asked, args)?;
    progress.tell("the forecast by slices and law");
    let minima = slices.as_ref().ok();
    let forecast = Forecaster::new(&table, law.as_ref(), Some(&fit), minima, &options.fit)?;
    expected(&mut predicted, &forecast)?;
    let mut warnings = law_warnings(&table, &fit, &checks);
    warnings.extend(spoiled_warnings(minima.map_or(&[], |fit| &fit.spoiled), &spoiled));
    let machines = MachineEffects::of(&table, options.fit.intervals.level);
    warnings.extend(machines.iter().flat_map(MachineEffects::warnings));
    warnings.extend(frontier.as_ref().err().map(|why| Warning::no_result("3 (law)", why)));
    warnings.extend(forecast.law_off_top_minimum());
    warnings.extend(predicted.far(table.largest_flops(), forecast.passed()));
    predicted.fit = Some(Doubts {
        source: origin.clone(),
        rows: fit.rows,
        left_out: table.left_out().to_vec(),
        law_choice: choice,
        outcome: fit.outcome.clone(),
        draws: fit.result.as_ref().map_or(options.isoflop.draws, |r| r.draws),
        failed_draws: fit.result.as_ref().map_or(0, |r| r.failed_draws),
        no_interval: match (&fit.result, minima) {
            (Some(result), _) => result.no_interval.clone(),
            (None, slices) => slices.and_then(|s| s.no_interval.clone()),
        },
        warnings,
        held_out: checks.held_out,
        forecast,
    });
    if let Some(path) = &args.register {
        let basis = Basis { table, source: origin, fit, slices };
        predicted.registered = Some(register::register(path, &predicted, &basis, args)?);
    }
    Ok(predicted)
}

/// How many times the largest run a budget may be.
const FARTHEST: f64 = 1e4;

/// Refuses budgets so far beyond the runs that another unit is likelier than the question.
fn refuse_far(
    asked: &Questions,
    largest: f64,
    source: &SourceArgs,
    wanted: bool,
) -> anyhow::Result<()> {
    let far = asked.flops.iter().copied().find(|flops| *flops > FARTHEST * largest);
    let Some(flops) = far.filter(|_| !wanted) else { return Ok(()) };
    let unit = match source.csv.is_some() || source.jsonl.is_some() {
        true => " (and the unit of C in the table: --flops-unit)",
        false => "",
    };
    bail!(Misuse(format!(
        "--flops {} is {} times the largest run ({} FLOPs), and no law of it reaches so far\nhint: check that the budget is in FLOPs{unit}; --far-extrapolation answers all the same",
        scientific(flops, 3),
        scientific(flops / largest, 3),
        scientific(largest, 3)
    )))
}

/// A law that is neither published nor fitted, with those of a like name.
fn no_such_law(name: &str) -> String {
    let of = |p: &&Published| {
        let (key, title) = (p.key.to_lowercase(), p.title.to_lowercase());
        let name = name.to_lowercase();
        let is_chinchilla = name == "chinchilla" && key.starts_with("hoffmann");
        is_chinchilla || title.contains(&name) || key.contains(&name)
    };
    let like: Vec<&str> = PUBLISHED.iter().filter(of).map(|p| p.key).take(6).collect();
    let meant =
        if like.is_empty() { String::new() } else { format!(", {} for instance", like.join(", ")) };
    format!(
        "`{}` is no published law, and there are no runs to fit\nhint: `sweep predict --list` names the published ones{meant}; to fit one give a results folder, --csv or --jsonl",
        name.chars().take(40).collect::<String>()
    )
}

/// Puts what law and slice minima expect together in the place of what the law says alone.
fn expected(predicted: &mut Predicted, forecast: &Forecaster) -> anyhow::Result<()> {
    for budget in &mut predicted.budgets {
        let split = forecast.split(budget.best.flops)?;
        (budget.best, budget.by_slices, budget.by_law) =
            (split.best, split.by_slices, split.by_law);
    }
    if let Some(at) = &mut predicted.at
        && let Some(found) = forecast.at_split(at.params, at.tokens)
    {
        at.law_nats = Some(at.loss_nats);
        (at.loss_nats, at.new_run_nats) = (found.loss_nats, Some(found.new_run_nats));
    }
    if let Some(target) = &mut predicted.target {
        target.expected_flops = forecast.budget_for(target.loss_nats);
    }
    Ok(())
}

fn answers(
    title: &str,
    planner: &Planner,
    asked: &Questions,
    args: &PredictArgs,
) -> anyhow::Result<Predicted> {
    let mut out = Predicted::empty(title);
    for flops in &asked.flops {
        let sizes = match planner {
            Planner::Lines(_) | Planner::Slices(_) => Vec::new(),
            Planner::Law(law) => {
                let within = |t: f64| law.sizes_within(*flops, t);
                args.model.tolerances().into_iter().map(within).collect::<Result<_, _>>()?
            }
        };
        out.budgets.push(Budget {
            best: planner.at(*flops)?,
            by_slices: None,
            by_law: None,
            sizes,
        });
    }
    out.for_tokens = asked.tokens.map(|d| planner.params_for_tokens(d)).transpose()?;
    out.for_params = asked.params.map(|n| planner.tokens_for_params(n)).transpose()?;
    let Planner::Law(law) = planner else {
        out.check_range()?;
        return Ok(out);
    };
    if let Some((params, tokens)) = asked.params.zip(asked.tokens) {
        let (loss_nats, new_run_nats) = law.loss_at(params, tokens);
        let flops = law.compute().log_flops(params.ln(), tokens.ln()).exp();
        out.at = Some(At { params, tokens, flops, loss_nats, law_nats: None, new_run_nats });
    }
    out.check_range()?;
    out.target = asked.loss.map(|loss| target(law, loss, asked)).transpose()?;
    Ok(out)
}

fn target(law: &LawFrontier, loss: f64, asked: &Questions) -> anyhow::Result<Target> {
    let LeastBudget { flops, best, no_interval } = law.budget_for(loss)?;
    let served = asked.inference_tokens;
    let mut other: Vec<Overtraining> = Vec::new();
    if let Some(params) = asked.params {
        other.push(law.overtraining(loss, params, served)?);
    }
    // A model too small to reach the loss at all is no answer.
    let smaller = [0.5, 0.25, 0.125].map(|s| law.overtraining(loss, s * best.params.point, served));
    other.extend(smaller.into_iter().flatten());
    let lifetime = if served > 0.0 { Some(law.best_for_lifetime(loss, served)?) } else { None };
    let inference_tokens = served;
    let expected_flops = None;
    Ok(Target {
        loss_nats: loss,
        flops,
        expected_flops,
        best,
        no_interval,
        inference_tokens,
        other,
        lifetime,
    })
}
