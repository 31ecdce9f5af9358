//! `sweep predict --register`: a forecast written down before the runs that answer it.

use std::path::{Path, PathBuf};

use anyhow::bail;
use isoflop::registration::{Law, Registration, Source, refuse_existing, used};
use isoflop_fit::isoflop::IsoflopFit;
use isoflop_fit::parametric::LawFit;
use isoflop_fit::score::{Claim, Question};
use isoflop_fit::{Estimate, FitError, Table};
use serde::Serialize;

use super::predicted::Predicted;
use super::questions::Questions;
use crate::cli::PredictArgs;
use crate::failure::Misuse;
use crate::runs::RunsSource;

/// What a forecast was made of, beside what is told of it.
pub struct Basis {
    pub table: Table,
    pub source: RunsSource,
    pub fit: LawFit,
    pub slices: Result<IsoflopFit, FitError>,
}

/// Where a forecast was registered.
#[derive(Debug, Serialize)]
pub struct Registered {
    pub file: PathBuf,
    pub sha256: String,
    pub forecasts: usize,
}

/// Refuses what cannot be registered before anything is fitted.
pub fn check(path: &Path, asked: &Questions) -> anyhow::Result<()> {
    refuse_existing(path)?;
    let half = asked.params.is_some() != asked.tokens.is_some();
    if asked.loss.is_some() || half {
        bail!(Misuse(
            "--register takes what a run can answer: the best loss of a budget, or the loss of an N and a D\nhint: ask by --flops, or by --for-params and --for-tokens together"
                .into()
        ));
    }
    Ok(())
}

/// Writes the forecast down.
pub fn register(
    path: &Path,
    predicted: &Predicted,
    basis: &Basis,
    args: &PredictArgs,
) -> anyhow::Result<Registered> {
    let claims = claims(predicted)?;
    let forecasts = claims.len();
    let doubts = predicted.fit.as_ref();
    let choice = doubts.and_then(|fit| fit.law_choice.as_ref()).map(|choice| choice.sentence());
    let minima = basis.slices.as_ref().ok().map(|s| {
        serde_json::json!({
            "method": s.method, "params": s.params, "tokens": s.tokens,
            "noise_sd": s.noise_sd, "slices": s.bracketed,
        })
    });
    let law = Law {
        title: predicted.law.clone(),
        choice,
        fit: serde_json::to_value(&basis.fit)?,
        forecast: serde_json::json!({
            "mixture": doubts.map(|fit| &fit.forecast), "slice_minima": minima,
        }),
    };
    let (budgets, runs) = used(&basis.table);
    let origin = &basis.source;
    let source = Source {
        kind: origin.kind,
        path: origin.path.clone().into(),
        sha256: origin.sha256.clone(),
        study: origin.provenance.as_ref().map(|p| p.facts(basis.table.rows())),
        convention: args.model.convention.clone(),
        up_to_flops: args.up_to,
        budgets,
        runs,
    };
    let sha256 = Registration::new(claims, law, source).write(path)?;
    Ok(Registered { file: path.to_owned(), sha256, forecasts })
}

/// What a run can be held against, all of it with intervals.
fn claims(predicted: &Predicted) -> anyhow::Result<Vec<Claim>> {
    let budgets = predicted.budgets.iter().map(|budget| {
        let best = &budget.best;
        let question = Question::Budget { flops: best.flops };
        (question, best.loss_nats, best.new_run_nats, Some(best.params), Some(best.tokens))
    });
    let at = predicted.at.iter().map(|at| {
        let question = Question::Split { params: at.params, tokens: at.tokens, flops: at.flops };
        (question, Some(at.loss_nats), at.new_run_nats, None, None)
    });
    let bounded = |e: Option<Estimate>| e.filter(|e| e.interval.is_some());
    let claim = |(question, loss, new_run, params, tokens)| match (bounded(loss), bounded(new_run))
    {
        (Some(loss_nats), Some(new_run_nats)) => {
            Ok(Claim { question, loss_nats, new_run_nats, params, tokens })
        }
        _ => bail!(
            "this forecast of a loss has no interval, and without one nobody can be held to it\nhint: leave --draws at its default; what the answer says of intervals tells what else is missing"
        ),
    };
    budgets.chain(at).map(claim).collect()
}
