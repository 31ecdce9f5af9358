//! `sweep predict --score`: a registered forecast beside the runs that came after it.

use std::path::Path;

use anyhow::bail;
use isoflop::registration::{Registration, Seal, SourceKind, Standing};
use isoflop_fit::score::{Question, Scored, Scorer};
use isoflop_fit::{LeftOut, Observation, Table};
use serde::Serialize;

use crate::cli::{PredictArgs, SourceArgs};
use crate::commands::fit::SCHEMA;
use crate::failure::Misuse;
use crate::runs::{self, RunsSource};

/// Everything that the command prints.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of this shape.
    pub schema: u32,
    pub seal: Seal,
    pub registered_utc: String,
    /// What forecast, in words.
    pub law: String,
    /// Where the runs that answer came from.
    pub source: RunsSource,
    /// SHA-256 of that ledger or table.
    pub sha256: String,
    /// Whether it is, byte for byte, the one that the forecast was made from.
    pub same_source: bool,
    /// How many of its runs the forecast was made from.
    pub forecast_from: usize,
    pub forecasts: Vec<Answered>,
    pub unanswered: Vec<Unanswered>,
    /// Refusals that --nonetheless passed over.
    pub passed_over: Vec<String>,
    #[serde(skip)]
    pub left_out: Vec<LeftOut>,
}

/// A forecast with its score, and whether it was one.
#[derive(Debug, Serialize)]
pub struct Answered {
    #[serde(flatten)]
    pub scored: Scored,
    pub standing: Standing,
    /// Runs among those that answer which the forecast was made from, by name.
    pub own: Vec<String>,
}

/// A forecast that no run answers yet.
#[derive(Debug, Serialize)]
pub struct Unanswered {
    pub question: Question,
    pub why: String,
}

/// Scores a registration.
pub fn score(path: &Path, args: &PredictArgs) -> anyhow::Result<Report> {
    let (registration, seal) = Registration::read(path)?;
    let mut passed_over = Vec::new();
    let mut refuse = |refusal: anyhow::Error| match args.nonetheless {
        true => {
            let text = refusal.to_string();
            passed_over.push(text.lines().next().unwrap_or_default().to_owned());
            Ok(())
        }
        false => Err(refusal),
    };
    if let Seal::Broken { sha256, found } = &seal {
        refuse(edited(path, sha256, found).into())?;
    }
    let mut model = args.model.clone();
    model.convention.clone_from(&registration.source.convention);
    let options = model.resolve()?;
    let (table, source) = runs::read(&source_of(&registration, args))?;
    let table = table.under(options.convention)?;
    let facts = registration.source.study.as_ref();
    if let Some((runs, forecast)) = source.provenance.as_ref().zip(facts) {
        runs.refuse_other_data(forecast)?;
    }

    let scorer = Scorer::new(&table, &options.isoflop);
    let (mut forecasts, mut unanswered) = (Vec::new(), Vec::new());
    let mut first = None;
    for claim in &registration.claims {
        match scorer.score(claim) {
            Ok(scored) => forecasts.push(answered(scored, &table, &registration, &source)),
            Err(why) => {
                unanswered.push(Unanswered { question: claim.question, why: why.to_string() });
                first.get_or_insert(why);
            }
        }
    }
    if forecasts.is_empty()
        && let Some(why) = first
    {
        return Err(why.into());
    }
    let answering: Vec<Observation> = {
        let answers = |run: &String| forecasts.iter().any(|f| f.scored.answered_by.contains(run));
        table.rows().iter().filter(|r| answers(&r.run)).cloned().collect()
    };
    if let Some((runs, forecast)) = source.provenance.as_ref().zip(facts)
        && let Err(refusal) = runs.refuse_other_numerics(forecast, &answering)
    {
        refuse(refusal.into())?;
    }
    let rests_on = |row: &&Observation| registration.rests_on(row, source.kind);
    Ok(Report {
        schema: SCHEMA,
        same_source: source.sha256 == registration.source.sha256,
        forecast_from: table.rows().iter().filter(rests_on).count(),
        seal,
        registered_utc: registration.registered_utc,
        law: registration.law.title,
        sha256: source.sha256.clone(),
        source,
        forecasts,
        unanswered,
        passed_over,
        left_out: table.left_out().to_vec(),
    })
}

fn edited(path: &Path, sha256: &str, found: &str) -> Misuse {
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    Misuse(format!(
        "{} was edited after it was registered: its hash is {}..., and what it holds now has {}...\nhint: restore the file as it was written, or give --nonetheless to score it as it stands",
        path.display(),
        short(sha256),
        short(found)
    ))
}

fn answered(
    scored: Scored,
    table: &Table,
    registration: &Registration,
    source: &RunsSource,
) -> Answered {
    let runs = &scored.answered_by;
    let standing = source
        .provenance
        .as_ref()
        .map_or(Standing::Unknown, |provenance| provenance.standing(registration, runs));
    let own =
        |row: &&Observation| runs.contains(&row.run) && registration.rests_on(row, source.kind);
    let own = table.rows().iter().filter(own).map(|row| row.run.clone()).collect();
    Answered { scored, standing, own }
}

/// The runs that were named, else where those of the forecast came from, which may hold more by now.
fn source_of(registration: &Registration, args: &PredictArgs) -> SourceArgs {
    let given = &args.source;
    let mut source = given.with_flops(&args.flops_column);
    if given.results.is_empty() && given.csv.is_none() && given.jsonl.is_none() {
        let path = Some(registration.source.path.clone());
        match registration.source.kind {
            SourceKind::Folder => source.results = path.into_iter().collect(),
            SourceKind::Csv => source.csv = path,
            SourceKind::Jsonl => source.jsonl = path,
        }
    }
    source
}

/// Refuses options of scoring without `--score`, and questions beside it.
pub fn check(args: &PredictArgs) -> anyhow::Result<()> {
    if args.score.is_none() && args.nonetheless {
        bail!(Misuse(
            "--nonetheless scores a registration that would be refused\nhint: give --score FILE too"
                .into()
        ));
    }
    let asked = [
        ("--flops", !args.flops.is_empty()),
        ("--target-loss", args.target_loss.is_some()),
        ("--for-tokens", args.for_tokens.is_some()),
        ("--for-params", args.for_params.is_some()),
        ("--up-to", args.up_to.is_some()),
        ("--register", args.register.is_some()),
        ("--published", args.published.is_some()),
        ("--list", args.list),
    ];
    let other = asked.iter().find(|flag| args.score.is_some() && flag.1);
    if let Some((flag, _)) = other {
        bail!(Misuse(format!(
            "{flag} asks, and --score answers what was asked when the forecast was registered\nhint: leave {flag} out"
        )));
    }
    Ok(())
}
