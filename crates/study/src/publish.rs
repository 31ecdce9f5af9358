//! ledger -> fit -> report: everything that is made from records alone.

mod files;
mod next;
mod table;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use isoflop_fit::envelope::EnvelopeOptions;
use isoflop_fit::intervals::IntervalOptions;
use isoflop_fit::isoflop::IsoflopOptions;
use isoflop_fit::parametric::FitOptions;
use isoflop_fit::study::{Study, StudyOptions, run};
use isoflop_fit::{Counting, FitError, Table};
use isoflop_ledger::{Contents, PASSPORT_FILE, Spending, Status, Tariff};
use isoflop_plan::{Config, Grid};
use isoflop_report::{Document, Fitted, Notice, Page, PublishedLaw, ShapeComparison};

use crate::diverged::diverged;
use crate::error::StudyError;
use crate::events::Observer;
use crate::facts::StudyData;
use crate::{observations, sensitivity, shapes};

pub use next::NextStep;
pub use table::{FittedTable, publish_table};

/// A study with its results, ready to be shown.
pub struct Results<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// What was planned.
    pub grid: &'a Grid,
    /// What it was trained on.
    pub data: &'a StudyData,
    /// What the folder holds.
    pub contents: &'a Contents,
    /// Where fit, page and plots are written.
    pub folder: &'a Path,
    /// Commands that make the results again, one in a line, as typed in that folder; empty where it has no configuration.
    pub command: &'a str,
}

/// What was made of the records and written to the folder.
pub struct Published {
    /// The page.
    pub document: Document,
    /// All of it for programs: the study's name, its folder and page, counts of cells, what they took, the fit or its refusal.
    pub json: serde_json::Value,
    /// What the cells took in energy, money and CO2.
    pub spending: Spending,
    /// Where the page is.
    pub report: PathBuf,
    pub next: Option<NextStep>,
}

/// Fits the records, and writes fit, page and plots.
///
/// # Errors
/// [`StudyError::Io`], [`StudyError::Ledger`] and [`StudyError::Plot`]; a refused fit is no error, the page says it.
pub fn publish(results: &Results, observer: &mut dyn Observer) -> Result<Published, StudyError> {
    let passports = &results.contents.passports;
    let unknown = results
        .contents
        .records
        .iter()
        .filter(|r| !passports.contains_key(&r.run.passport))
        .count();
    if unknown > 0 {
        observer.warn(format!(
            "{unknown} records name a passport that {} does not hold: the machine that trained them is not known",
            results.folder.join(PASSPORT_FILE).display()
        ));
    }

    // fit
    let table = observations::table(results.contents, results.grid);
    let study = table.as_ref().map_err(Clone::clone).and_then(|table| fit(table, results.config));
    if let Err(refused) = &study {
        observer.warn(format!("no fit: {refused}"));
    }

    // report
    let refusal = study.as_ref().err().map(FitError::to_string).unwrap_or_default();
    let fitted = match (&table, &study) {
        (Ok(table), Ok(study)) => Fitted::Study(study, table),
        _ => Fitted::Refused(&refusal),
    };
    let shapes =
        shapes::comparison(results.contents, results.grid, results.config, study.as_ref().ok());
    let document = page(results, fitted, shapes.clone());
    let mut fit_json = serde_json::json!({
        "schema": 1,
        "study": results.config.study.name,
        "fit": study.as_ref().ok(),
        "refused": study.as_ref().err(),
    });
    if let Some(shapes) = &shapes {
        fit_json["shapes"] = serde_json::json!(shapes);
    }
    let report = files::write(&document, &fit_json, results.folder)?;
    let tariff = Tariff::of(&results.config.device);
    let spending = Spending::of(results.contents.current().into_values(), &tariff);
    let json = serde_json::json!({
        "schema": 1,
        "study": results.config.study.name,
        "results": results.folder,
        "report": report,
        "cells": counts(results),
        "spending": spending,
        "fit": fit_json,
    });
    let ended = results.contents.current();
    let complete = results.grid.cells.iter().all(|p| ended.contains_key(&p.cell.id));
    let next = NextStep::of(study.as_ref().ok().filter(|_| complete));
    Ok(Published { document, json, spending, report, next })
}

/// Approach 1 is given finished runs, not training curves: what a run loses before its learning rate has decayed is no final loss.
fn fit(table: &Table, config: &Config) -> Result<Study, FitError> {
    let (draws, level, seed) = (config.fit.bootstrap, config.fit.confidence, config.fit.seed);
    let options = StudyOptions {
        convention: Counting::By(config.fit.convention),
        fit: FitOptions {
            intervals: IntervalOptions { draws, level, seed, ..IntervalOptions::default() },
            ..FitOptions::default()
        },
        isoflop: isoflop_options(config),
        envelope: EnvelopeOptions { draws, level, seed },
        ..StudyOptions::default()
    };
    run(table, &[], &options)
}

/// How approach 2 is run.
pub(crate) fn isoflop_options(config: &Config) -> IsoflopOptions {
    let (draws, level, seed) = (config.fit.bootstrap, config.fit.confidence, config.fit.seed);
    IsoflopOptions { draws, level, seed, ..IsoflopOptions::default() }
}

fn page(results: &Results, fitted: Fitted, shapes: Option<ShapeComparison>) -> Document {
    let Results { config, grid, data, contents, command, .. } = results;
    let family = match config.model.family {
        isoflop_plan::Family::Llama => "Llama-style",
        isoflop_plan::Family::Gpt2 => "GPT-2-style",
    };
    let about = format!(
        "{family} models with a context of {} tokens, trained on {}.",
        config.model.context, data.source
    );
    let ended = contents.records.iter().map(|record| record.run.ended_utc.as_str()).max();
    let footer = match ended {
        Some(ended) => {
            format!("isoflop {}; the last cell ended {ended}", env!("CARGO_PKG_VERSION"))
        }
        None => format!("isoflop {}", env!("CARGO_PKG_VERSION")),
    };
    let notice = |note: &String| Notice { text: note.as_str().into(), advice: "".into() };
    let page = Page {
        about: &about,
        records: contents.repeats().into_values().flatten().collect(),
        passports: contents.passports.values().collect(),
        tariff: Tariff::of(&config.device),
        machines: contents.machine_names(),
        grid: Some(grid),
        published: orientation(contents),
        sensitivities: sensitivity::experiments(contents, grid),
        shapes,
        notices: diverged(contents).into_iter().chain(data.notes.iter().map(notice)).collect(),
        data: data.figures.clone(),
        command,
        footer: &footer,
        ..Page::new(&config.study.name, fitted)
    };
    page.document()
}

/// Published laws over the range of the study.
fn orientation(contents: &Contents) -> Vec<PublishedLaw> {
    files::orientation(contents.records.iter().map(|record| record.result.flops.exact))
}

/// Cells by how they stand.
fn counts(results: &Results) -> serde_json::Value {
    let number = |is: fn(&Status) -> bool| results.contents.number(is);
    serde_json::json!({
        "planned": results.grid.cells.len(),
        "finished": number(|status| matches!(status, Status::Finished)),
        "diverged": number(|status| matches!(status, Status::Diverged { .. })),
        "failed": number(|status| matches!(status, Status::Failed { .. })),
    })
}
