//! `sweep predict`: planning from a published law, or from one fitted to runs.

use anyhow::bail;
use isoflop_fit::parametric::{Allocation, LawFrontier, fit_law};
use isoflop_fit::plan::{Overtraining, SizeRange};
use isoflop_fit::published::{Form, PUBLISHED, Published, Reconciled, published, reconcile};
use isoflop_fit::study::{Answer, check_law, law_warnings};
use isoflop_fit::validate::HeldOut;
use isoflop_fit::{Estimate, FitError, LeftOut, Outcome, Warning};
use serde::Serialize;

use super::args::{PredictArgs, SourceArgs};
use super::progress::Progress;
use super::questions::Questions;
use super::source::Origin;
use super::{show_predict, source};
use crate::print;

/// Everything that the command prints.
#[derive(Debug, Serialize)]
pub struct Predicted {
    /// Version of this shape.
    pub schema: u32,
    /// The law, in words.
    pub law: String,
    /// Its source, for a published one.
    pub published: Option<&'static Published>,
    /// What studies that count as Kaplan et al. did would have found under a published law.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_kaplan_counts: Option<Reconciled>,
    /// The fit to runs, what is doubtful about it included; `None` for a published law.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<Doubts>,
    /// Splits of budgets.
    pub budgets: Vec<Budget>,
    /// Learning rate and batch, where published: of every split, and of the N and D asked about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tuning: Vec<Tuned>,
    /// The loss of the N and D asked about, where both are given.
    pub at: Option<At>,
    /// Answer to --target-loss.
    pub target: Option<Target>,
    /// Answer to --for-tokens: (N, budget).
    pub for_tokens: Option<(Estimate, Estimate)>,
    /// Answer to --for-params: (D, budget).
    pub for_params: Option<(Estimate, Estimate)>,
}

/// How the law that answers was fitted to runs, and what to know before trusting it.
#[derive(Debug, Serialize)]
pub struct Doubts {
    /// Where the runs came from.
    pub source: Origin,
    /// Runs used.
    pub rows: usize,
    /// Rows that the fit did not see.
    pub left_out: Vec<LeftOut>,
    /// How it ended.
    pub outcome: Outcome,
    /// Bootstrap refits.
    pub draws: usize,
    /// Those that did not converge.
    pub failed_draws: usize,
    /// Why there are no intervals, where they were asked for and withheld.
    pub no_interval: Option<String>,
    /// Forecasts of the largest budgets from the rest.
    pub held_out: Vec<Answer<HeldOut>>,
    /// Doubts.
    pub warnings: Vec<Warning>,
}

/// One budget.
#[derive(Debug, Serialize)]
pub struct Budget {
    /// The best split.
    pub best: Allocation,
    /// Sizes within a tolerance.
    pub sizes: Vec<SizeRange>,
}

/// Best learning rate and batch.
#[derive(Debug, Serialize)]
pub struct Tuned {
    /// N.
    pub params: f64,
    /// D.
    pub tokens: f64,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Batch, tokens per step.
    pub batch_tokens: f64,
}

/// The loss of one N and D.
#[derive(Debug, Serialize)]
pub struct At {
    /// N.
    pub params: f64,
    /// D.
    pub tokens: f64,
    /// The FLOPs that this takes.
    pub flops: f64,
    /// The law's loss, with the interval of the law.
    pub loss_nats: Estimate,
    /// With the interval of a new run, where the law was fitted to runs.
    pub new_run_nats: Option<Estimate>,
}

/// The least budget for a loss.
#[derive(Debug, Serialize)]
pub struct Target {
    /// Loss, nats.
    pub loss_nats: f64,
    /// Budget.
    pub flops: Estimate,
    /// Its split.
    pub best: Allocation,
    /// Other models trained to the same loss: that of --for-params, and half, a quarter and an eighth of N*.
    pub other: Vec<Overtraining>,
    /// The best for training and inference together, where inference is counted.
    pub lifetime: Option<Overtraining>,
}

/// Answers planning questions.
pub fn run_predict(args: PredictArgs) -> anyhow::Result<()> {
    if args.list {
        let list = serde_json::json!({ "schema": super::fit::SCHEMA, "laws": PUBLISHED });
        return match args.output.json {
            true => print::json(&list),
            false => print::text(&show_predict::library()),
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
        false => print::text(&show_predict::predicted(&predicted)),
    }
}

impl Predicted {
    /// Level of the intervals, where there is one.
    pub fn level(&self) -> Option<f64> {
        let budgets = self.budgets.iter().map(|b| b.best.params);
        let pairs = self.for_tokens.iter().chain(&self.for_params).map(|p| p.0);
        let at = self.at.iter().map(|a| a.loss_nats);
        let target = self.target.iter().map(|t| t.flops);
        budgets.chain(pairs).chain(at).chain(target).find_map(|e| e.interval.map(|i| i.level))
    }

    /// Refuses answers beyond double precision.
    fn check_range(&self) -> anyhow::Result<()> {
        let pair = |p: &Option<(Estimate, Estimate)>| p.map(|(a, b)| [a.point, b.point]);
        let pairs = [pair(&self.for_tokens), pair(&self.for_params)];
        let all = pairs.into_iter().flatten().flatten().chain(self.at.as_ref().map(|a| a.flops));
        for value in all {
            if !value.is_finite() {
                bail!(
                    "the answer is beyond double precision\nhint: ask for an N and a D nearer to the runs of the law"
                );
            }
        }
        Ok(())
    }
}

/// What answers: a law of the loss, or published power laws of the best split.
enum Planner<'a> {
    Law(&'a LawFrontier),
    Lines(&'static Published),
}

impl Planner<'_> {
    fn at(&self, flops: f64) -> Result<Allocation, FitError> {
        match self {
            Planner::Law(law) => law.at(flops),
            Planner::Lines(lines) => lines.at(flops),
        }
    }

    fn params_for_tokens(&self, tokens: f64) -> Result<(Estimate, Estimate), FitError> {
        match self {
            Planner::Law(law) => law.params_for_tokens(tokens),
            Planner::Lines(lines) => lines.params_for_tokens(tokens),
        }
    }

    fn tokens_for_params(&self, params: f64) -> Result<(Estimate, Estimate), FitError> {
        match self {
            Planner::Law(law) => law.tokens_for_params(params),
            Planner::Lines(lines) => lines.tokens_for_params(params),
        }
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
            empty(law.title)
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
    out.as_kaplan_counts = reconcile(&law.form).ok();
    out.published = Some(law);
    Ok(out)
}

fn fitted(args: &PredictArgs) -> anyhow::Result<Predicted> {
    let asked = args.questions()?;
    let options = args.model.resolve()?;
    let source = SourceArgs { flops_column: args.flops_column.clone(), ..args.source.clone() };
    let (table, origin) = source::read(&source)?;
    let table = options.law.prepare(&table.under(options.convention)?)?;
    let law = options.law.law();
    let progress = Progress::new(&args.output);
    progress.tell("the law and its bootstrap");
    let fit = fit_law(&table, law.as_ref(), &options.fit)?;
    let result = fit.result()?;
    let frontier = result.frontier_of(&fit.law)?;
    let title = format!(
        "{} fitted to {} runs of {} ({})",
        fit.formula,
        fit.rows,
        origin.path,
        fit.objective.name()
    );
    let checks =
        check_law(&table, law.as_ref(), Some(&fit), &options.fit, &mut |what| progress.tell(what));
    let mut predicted = answers(&title, &Planner::Law(frontier), &asked, args)?;
    predicted.fit = Some(Doubts {
        source: origin,
        rows: fit.rows,
        left_out: table.left_out().to_vec(),
        outcome: fit.outcome.clone(),
        draws: result.draws,
        failed_draws: result.failed_draws,
        no_interval: result.no_interval.clone(),
        warnings: law_warnings(&table, &fit, &checks),
        held_out: checks.held_out,
    });
    Ok(predicted)
}

fn empty(title: &str) -> Predicted {
    Predicted {
        schema: super::fit::SCHEMA,
        law: title.into(),
        published: None,
        as_kaplan_counts: None,
        fit: None,
        budgets: Vec::new(),
        tuning: Vec::new(),
        at: None,
        target: None,
        for_tokens: None,
        for_params: None,
    }
}

fn answers(
    title: &str,
    planner: &Planner,
    asked: &Questions,
    args: &PredictArgs,
) -> anyhow::Result<Predicted> {
    let mut out = empty(title);
    for flops in &asked.flops {
        let sizes = match planner {
            Planner::Lines(_) => Vec::new(),
            Planner::Law(law) => {
                let within = |t: f64| law.sizes_within(*flops, t);
                args.model.tolerances().into_iter().map(within).collect::<Result<_, _>>()?
            }
        };
        out.budgets.push(Budget { best: planner.at(*flops)?, sizes });
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
        out.at = Some(At { params, tokens, flops, loss_nats, new_run_nats });
    }
    out.check_range()?;
    out.target = asked.loss.map(|loss| target(law, loss, asked)).transpose()?;
    Ok(out)
}

fn target(law: &LawFrontier, loss: f64, asked: &Questions) -> anyhow::Result<Target> {
    let (flops, best) = law.budget_for(loss)?;
    let served = asked.inference_tokens;
    let mut other: Vec<Overtraining> = Vec::new();
    if let Some(params) = asked.params {
        other.push(law.overtraining(loss, params, served)?);
    }
    // A model too small to reach the loss at all is no answer.
    let smaller = [0.5, 0.25, 0.125].map(|s| law.overtraining(loss, s * best.params.point, served));
    other.extend(smaller.into_iter().flatten());
    let lifetime = if served > 0.0 { Some(law.best_for_lifetime(loss, served)?) } else { None };
    Ok(Target { loss_nats: loss, flops, best, other, lifetime })
}
