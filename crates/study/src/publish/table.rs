//! The report of a table of runs: the same page and files as a study's, without what a table has not.

use std::path::Path;

use isoflop_fit::Table;
use isoflop_fit::study::Study;
use isoflop_ledger::{Spending, Tariff};
use isoflop_report::{Fitted, Notice, Page};
use isoflop_text::counted;

use super::{NextStep, Published, files};
use crate::error::StudyError;

/// A table of runs with its fit, ready to be shown.
pub struct FittedTable<'a> {
    /// What the page is called.
    pub name: &'a str,
    /// Where the table came from, in words.
    pub path: &'a str,
    /// What was doubtful about its cells.
    pub notes: &'a [String],
    pub table: &'a Table,
    pub study: &'a Study,
    /// Where fit, page and plots are written; it is there.
    pub folder: &'a Path,
}

/// Writes fit, page and plots of a table.
///
/// # Errors
/// [`StudyError::Io`] and [`StudyError::Plot`].
pub fn publish_table(fitted: &FittedTable) -> Result<Published, StudyError> {
    let FittedTable { name, path, notes, table, study, folder } = fitted;
    let about = format!(
        "{} of {path}; {}; {}.",
        counted(study.rows, "run"),
        study.options.convention.describe(),
        study.compute.describe()
    );
    let notice = |note: &String| Notice { text: note.as_str().into(), advice: "".into() };
    let footer = format!("isoflop {}", env!("CARGO_PKG_VERSION"));
    let page = Page {
        kicker: "Table of runs",
        about: &about,
        published: files::orientation(table.rows().iter().map(|row| row.flops)),
        notices: notes.iter().map(notice).collect(),
        footer: &footer,
        ..Page::new(name, Fitted::Study(study, table))
    };
    let document = page.document();
    let fit = serde_json::json!({
        "schema": 1,
        "study": name,
        "source": path,
        "fit": study,
    });
    let report = files::write(&document, &fit, folder)?;
    let json = serde_json::json!({
        "schema": 1,
        "study": name,
        "results": folder,
        "report": report,
        "fit": fit,
    });
    let spending = Spending::of(std::iter::empty(), &Tariff::default());
    let next = NextStep::of(Some(study));
    Ok(Published { document, json, spending, report, next })
}
