//! `sweep predict`: planning from a published law, or from one fitted to runs.

use anyhow::bail;
use isoflop_fit::Estimate;
use isoflop_fit::parametric::{Allocation, fit_law};
use isoflop_fit::plan::{Overtraining, SizeRange};
use isoflop_fit::published::{PUBLISHED, Published};
use serde::Serialize;

use super::args::{PredictArgs, SourceArgs};
use super::{show, source};

/// Everything that the command prints.
#[derive(Debug, Serialize)]
pub struct Predicted {
    /// Version of this shape.
    pub schema: u32,
    /// The law, in words.
    pub law: String,
    /// Its source, for a published one.
    pub published: Option<&'static Published>,
    /// Splits of budgets.
    pub budgets: Vec<Budget>,
    /// Answer to --target-loss.
    pub target: Option<Target>,
    /// Answer to --for-tokens: (N, budget).
    pub for_tokens: Option<(Estimate, Estimate)>,
    /// Answer to --for-params: (D, budget).
    pub for_params: Option<(Estimate, Estimate)>,
}

/// One budget.
#[derive(Debug, Serialize)]
pub struct Budget {
    /// The best split.
    pub best: Allocation,
    /// Sizes within a tolerance.
    pub sizes: Vec<SizeRange>,
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
    /// Smaller models trained longer, to the same loss: half, a quarter and an eighth of N*.
    pub smaller: Vec<Overtraining>,
    /// The best for training and inference together, where inference is counted.
    pub lifetime: Option<Overtraining>,
}

/// Answers planning questions.
pub fn run_predict(args: PredictArgs) -> anyhow::Result<()> {
    if args.list {
        if args.output.json {
            let list = serde_json::json!({ "schema": super::fit::SCHEMA, "laws": PUBLISHED });
            println!("{}", serde_json::to_string_pretty(&list)?);
        } else {
            print!("{}", show::library());
        }
        return Ok(());
    }
    let asked = args.flops.len()
        + usize::from(args.target_loss.is_some())
        + usize::from(args.for_tokens.is_some())
        + usize::from(args.for_params.is_some());
    if asked == 0 {
        bail!(
            "nothing is asked\nhint: give --flops, --target-loss, --for-tokens or --for-params, or --list"
        );
    }
    let by_name = PUBLISHED.iter().find(|p| p.key == args.model.law);
    let predicted = match (&args.published, by_name) {
        (Some(key), _) => library(isoflop_fit::published::published(key)?, &args)?,
        (None, Some(law)) => library(law, &args)?,
        (None, None) => fitted(&args)?,
    };
    if args.output.json {
        println!("{}", serde_json::to_string_pretty(&predicted)?);
    } else {
        print!("{}", show::predicted(&predicted));
    }
    Ok(())
}

fn library(law: &'static Published, args: &PredictArgs) -> anyhow::Result<Predicted> {
    let other = args.target_loss.or(args.for_tokens).or(args.for_params);
    if other.is_some() {
        bail!(
            "`{}` answers --flops only\nhint: give your own runs (a results folder or --csv) for the other questions",
            law.key
        );
    }
    let budgets = args
        .flops
        .iter()
        .map(|c| Ok(Budget { best: law.at(*c)?, sizes: Vec::new() }))
        .collect::<anyhow::Result<_>>()?;
    Ok(Predicted {
        schema: super::fit::SCHEMA,
        law: law.title.into(),
        published: Some(law),
        budgets,
        target: None,
        for_tokens: None,
        for_params: None,
    })
}

fn fitted(args: &PredictArgs) -> anyhow::Result<Predicted> {
    let options = args.model.resolve()?;
    let source = SourceArgs { flops_column: args.flops_column.clone(), ..args.source.clone() };
    let (table, origin) = source::read(&source)?;
    let table = options.law.prepare(&table.under(options.convention)?)?;
    let law = options.law.law();
    let fit = fit_law(&table, law.as_ref(), &options.fit)?;
    let result = fit.result()?;
    let Some(frontier) = &result.frontier else {
        bail!("`{}` has no N*(C)\nhint: fit a law of N and D, such as hoffmann", fit.law)
    };
    let budgets = args
        .flops
        .iter()
        .map(|c| {
            let within = |t: f64| frontier.sizes_within(*c, t);
            let sizes = args.model.tolerances().into_iter().map(within);
            Ok(Budget { best: frontier.at(*c)?, sizes: sizes.collect::<Result<_, _>>()? })
        })
        .collect::<anyhow::Result<_>>()?;
    let target = args
        .target_loss
        .map(|loss| -> anyhow::Result<Target> {
            let (flops, best) = frontier.budget_for(loss)?;
            let served = args.inference_tokens;
            let smaller = [0.5, 0.25, 0.125]
                .iter()
                // A model too small to reach the loss at all is no answer.
                .filter_map(|s| frontier.overtraining(loss, s * best.params.point, served).ok())
                .collect();
            let lifetime =
                if served > 0.0 { Some(frontier.best_for_lifetime(loss, served)?) } else { None };
            Ok(Target { loss_nats: loss, flops, best, smaller, lifetime })
        })
        .transpose()?;
    Ok(Predicted {
        schema: super::fit::SCHEMA,
        law: format!(
            "{} fitted to {} runs of {} ({})",
            fit.formula,
            fit.rows,
            origin.path,
            fit.objective.name()
        ),
        published: None,
        budgets,
        target,
        for_tokens: args.for_tokens.map(|d| frontier.params_for_tokens(d)).transpose()?,
        for_params: args.for_params.map(|n| frontier.tokens_for_params(n)).transpose()?,
    })
}
