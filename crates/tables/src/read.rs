//! From a file or bytes to checked runs.

use std::collections::BTreeSet;
use std::path::Path;

use isoflop_durable::sha256_hex;
use isoflop_fit::repeated_rows::{
    FAR_OFF, ReadRow, Settings, count_renamed_once, keep_best_settings, keep_last_of_histories,
    leave_out,
};
use isoflop_fit::units::{Doubt, Levels, budgets_are_flops, mixed, off_rule};
use isoflop_fit::{FitError, LeftOutReason, Observation, Table};
use isoflop_text::listed;

use crate::columns::Columns;
use crate::error::TableError;
use crate::options::{Form, TableOptions};
use crate::packed;
use crate::table_file::{TextTable, bytes_of};
use isoflop_text::clip;

/// Medians outside are told; those that no study has are refused.
const USUAL_TOKENS_PER_PARAM: std::ops::RangeInclusive<f64> = 1.0..=1e4;

/// Runs, and what is to be known about them.
#[derive(Debug, Clone)]
pub struct RunTable {
    pub table: Table,
    pub source: TableSource,
}

/// What is to be known about a table that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSource {
    /// How C was had, in words.
    pub flops: String,
    /// What was understood of units and names, and what was doubtful about the cells.
    pub notes: Vec<String>,
    /// SHA-256 of the text, in hex.
    pub sha256: String,
}

/// The runs of a file.
///
/// # Errors
/// [`TableError::Io`] where it cannot be read; others name the file ([`TableError::In`]) and what is wrong in it.
pub fn read(path: &Path, form: Form, options: &TableOptions) -> Result<RunTable, TableError> {
    of_bytes(&bytes_of(path, options.most_bytes)?, form, options, Some(path))
}

/// The runs of a file's bytes.
///
/// # Errors
/// As [`read`], without the file's name.
pub fn read_bytes(
    bytes: &[u8],
    form: Form,
    options: &TableOptions,
) -> Result<RunTable, TableError> {
    of_bytes(bytes, form, options, None)
}

fn of_bytes(
    bytes: &[u8],
    form: Form,
    options: &TableOptions,
    path: Option<&Path>,
) -> Result<RunTable, TableError> {
    let text =
        packed::text(bytes, options.most_bytes).map_err(|error| error.in_file("read", path))?;
    runs_of(&text, form, options).map_err(|error| match error {
        // They speak of runs, not of the file.
        TableError::Rows(error) if error != FitError::Empty => error.into(),
        error => error.in_file("use", path),
    })
}

fn runs_of(text: &str, form: Form, options: &TableOptions) -> Result<RunTable, TableError> {
    let (file, note) = TextTable::parse(text, form)?;
    if file.cells.is_empty() {
        return Err(FitError::Empty.into());
    }
    let mut columns = Columns::new(&file, options)?;
    // A ledger's counts are the program's own.
    let trusted = options.trust_units || note.is_some();
    let mut rows = in_plain_units(&file, &mut columns, options, trusted)?;
    let mut notes: Vec<String> = note.into_iter().chain(columns.notes()).collect();
    notes.extend(sifted(&mut rows, &columns, trusted)?);
    if !trusted {
        notes.extend(unusual(&rows));
    }
    let source =
        TableSource { flops: columns.flops_in_words(), notes, sha256: sha256_hex(text.as_bytes()) };
    Ok(RunTable { table: Table::read(rows)?, source })
}

/// Every row, in units that its levels do not speak against.
fn in_plain_units(
    file: &TextTable,
    columns: &mut Columns,
    options: &TableOptions,
    trusted: bool,
) -> Result<Vec<ReadRow>, TableError> {
    let rows = rows(file, columns, options)?;
    if trusted {
        return Ok(rows);
    }
    let Some(Doubt { why, hint }) = doubt(&rows, columns) else { return Ok(rows) };
    // A header such as `params_m` need not mean millions.
    let mut plain = Columns::new(file, options)?;
    let mut by_header = false;
    for column in [&mut plain.params, &mut plain.tokens, &mut plain.flops].into_iter().flatten() {
        by_header |= column.goes_by_header();
        column.believed = false;
    }
    if by_header {
        let rows = self::rows(file, &mut plain, options)?;
        if doubt(&rows, &plain).is_none() {
            *columns = plain;
            return Ok(rows);
        }
    }
    Err(TableError::Units { problem: why, hint })
}

fn doubt(rows: &[ReadRow], columns: &Columns) -> Option<Doubt> {
    let runs = runs(rows);
    Levels::of(&runs)?.doubt(columns.given()).or_else(|| mixed(&runs))
}

/// Tokens per parameter that are possible, and seldom meant.
fn unusual(rows: &[ReadRow]) -> Option<String> {
    let each = Levels::of(&runs(rows))?.tokens_per_param;
    (!USUAL_TOKENS_PER_PARAM.contains(&each)).then(|| {
        format!(
            "D / N is {each:.3e} in the middle of the table, and from 1 to 10,000 in most: see that both are in the units meant"
        )
    })
}

fn runs(rows: &[ReadRow]) -> Vec<&Observation> {
    rows.iter().filter_map(|row| row.as_ref().ok()).collect()
}

fn rows(
    file: &TextTable,
    columns: &mut Columns,
    options: &TableOptions,
) -> Result<Vec<ReadRow>, TableError> {
    let skips = skips(file, options)?;
    let mut rows = Vec::with_capacity(file.cells.len());
    for (k, row) in file.cells.rows().enumerate() {
        let skip = skips.iter().find(|skip| row.cell(skip.column) == skip.value);
        rows.push(match skip {
            Some(skip) => {
                let why = format!("left out by --skip {}", skip.text);
                Err((columns.run(row, k), LeftOutReason::Asked { why }))
            }
            None => columns.observation(row, k).map_err(|error| in_row(k + 1, error))?,
        });
    }
    Ok(rows)
}

fn in_row(number: usize, error: TableError) -> TableError {
    match error {
        TableError::Cell { problem, hint } => {
            TableError::Cell { problem: format!("row {number}: {problem}"), hint }
        }
        error => error,
    }
}

/// Leaves out rows that are no runs of their own, and budgets that are none; says what.
fn sifted(
    rows: &mut [ReadRow],
    columns: &Columns,
    trusted: bool,
) -> Result<Vec<String>, TableError> {
    let mut notes = Vec::new();
    let before = runs(rows).len();
    // Who names clusters wants checkpoints.
    let histories = if columns.clusters_are_asked() { 0 } else { keep_last_of_histories(rows) };
    if histories > 0 {
        let left = before - runs(rows).len();
        notes.push(format!(
            "{histories} {} several rows with rising tokens, a history: the last row of each counts, and {left} earlier rows are left out, as a loss before the schedule's end is no final loss (--cluster with the column of run names keeps them, as checkpoints)",
            if histories == 1 { "run has" } else { "runs have" }
        ));
    }
    count_renamed_once(rows);
    if let Some((name, asked)) =
        columns.budget().filter(|_| !trusted && !budgets_are_flops(&runs(rows)))
    {
        let name = clip(name, 60);
        if asked {
            return Err(TableError::Units {
                problem: format!(
                    "the budgets in column `{name}` are no FLOPs: they do not follow C"
                ),
                hint: "leave --budget out to group runs by C, or give a column of FLOPs; --trust-units takes it as it stands".into(),
            });
        }
        notes.push(format!(
            "column `{name}` is not used: its numbers do not follow C, so they are no budgets in FLOPs; runs are grouped by C"
        ));
        for run in rows.iter_mut().flatten() {
            run.budget_flops = None;
        }
    }
    if !trusted {
        let places: Vec<usize> = (0..rows.len()).filter(|&k| rows[k].is_ok()).collect();
        for k in off_rule(&runs(rows)) {
            leave_out(&mut rows[places[k]], LeftOutReason::OffRule);
        }
    }
    if !columns.clusters_are_asked() {
        notes.extend(keep_best_settings(rows).map(|settings| in_words(&settings)));
    }
    Ok(notes)
}

/// What became of a search over settings.
fn in_words(settings: &Settings) -> String {
    let Settings { pairs, worse, off, far_off } = settings;
    let mut text = format!(
        "{} rows are settings of {pairs} pairs of N and D, whose loss in the middle is {:.1}% above the best of their pair: the best of each pair is fitted, and {worse} rows are left out (--seed-column says that they are seeds, --cluster keeps all)",
        worse + pairs,
        100.0 * off
    );
    if !far_off.is_empty() {
        text += &format!(
            "; {} of them diverged or are far from tuned, at more than {FAR_OFF} times the best: {}",
            far_off.len(),
            listed(far_off)
        );
    }
    text
}

/// One of the rows to be left out.
struct Skip<'a> {
    column: usize,
    value: &'a str,
    /// As typed.
    text: &'a str,
}

fn skips<'a>(file: &TextTable, options: &'a TableOptions) -> Result<Vec<Skip<'a>>, TableError> {
    let one = |text: &'a String| {
        let Some((name, value)) = text.split_once('=') else {
            return Err(TableError::Option {
                problem: format!("--skip {text} is not COLUMN=VALUE"),
                hint: "for instance --skip outlier=1".into(),
            });
        };
        let column = file.column(name, "--skip")?;
        if !file.cells.rows().any(|row| row.cell(column) == value) {
            let there: BTreeSet<&str> =
                file.cells.rows().map(|row| row.cell(column)).take(1000).collect();
            let some: Vec<_> = there.iter().copied().take(6).map(|cell| clip(cell, 40)).collect();
            let more = if there.len() > some.len() { ", ..." } else { "" };
            return Err(TableError::Option {
                problem: format!("--skip {text} matches no row"),
                hint: format!("the column `{name}` holds {}{more}", some.join(", ")),
            });
        }
        Ok(Skip { column, value, text })
    };
    options.skip.iter().map(one).collect()
}
