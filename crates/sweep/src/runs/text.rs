//! From a table of text to checked runs.

use std::path::Path;

use anyhow::{Context, bail};
use isoflop::registration::SourceKind;
use isoflop_fit::repeated_rows::{ReadRow, count_renamed_once, keep_last_of_histories, leave_out};
use isoflop_fit::units::{Doubt, Levels, budgets_are_flops, mixed, off_rule};
use isoflop_fit::{FitError, LeftOutReason, Observation, Table};

use super::columns::Columns;
use super::table_file::TextTable;
use super::{RunsSource, clip};
use crate::cli::SourceArgs;
use crate::failure::Misuse;

/// The runs of a file.
pub fn table(
    kind: SourceKind,
    path: &Path,
    args: &SourceArgs,
) -> anyhow::Result<(Table, RunsSource)> {
    let (file, note) = TextTable::read(path, kind == SourceKind::Jsonl)?;
    let in_file = || format!("cannot use {}", path.display());
    if file.rows.is_empty() {
        return Err(FitError::Empty).with_context(in_file);
    }
    let mut columns = Columns::new(&file, args).with_context(in_file)?;
    // A ledger's counts are the program's own.
    let trusted = args.units.trust_units || note.is_some();
    let mut rows = in_plain_units(&file, &mut columns, args, trusted).with_context(in_file)?;
    let mut notes: Vec<String> = note.into_iter().chain(columns.notes()).collect();
    notes.extend(sifted(&mut rows, &columns, trusted).with_context(in_file)?);
    let origin = RunsSource {
        path: path.display().to_string(),
        flops: columns.flops_in_words(),
        notes,
        kind,
        sha256: file.sha256,
        provenance: None,
    };
    Ok((Table::read(rows)?, origin))
}

/// Every row, in units that its levels do not speak against.
fn in_plain_units(
    file: &TextTable,
    columns: &mut Columns,
    args: &SourceArgs,
    trusted: bool,
) -> anyhow::Result<Vec<ReadRow>> {
    let rows = rows(file, columns, args)?;
    if trusted {
        return Ok(rows);
    }
    let Some(Doubt { why, hint }) = doubt(&rows, columns) else { return Ok(rows) };
    // A header such as `params_m` need not mean millions.
    let mut plain = Columns::new(file, args)?;
    let mut by_header = false;
    for column in [&mut plain.params, &mut plain.tokens, &mut plain.flops].into_iter().flatten() {
        by_header |= column.goes_by_header();
        column.believed = false;
    }
    if by_header {
        let rows = self::rows(file, &mut plain, args)?;
        if doubt(&rows, &plain).is_none() {
            *columns = plain;
            return Ok(rows);
        }
    }
    bail!(Misuse(format!("{why}\nhint: {hint}")))
}

fn doubt(rows: &[ReadRow], columns: &Columns) -> Option<Doubt> {
    let runs = runs(rows);
    Levels::of(&runs)?.doubt(columns.given()).or_else(|| mixed(&runs))
}

fn runs(rows: &[ReadRow]) -> Vec<&Observation> {
    rows.iter().filter_map(|row| row.as_ref().ok()).collect()
}

fn rows(
    file: &TextTable,
    columns: &mut Columns,
    args: &SourceArgs,
) -> anyhow::Result<Vec<ReadRow>> {
    let skips = skips(file, args)?;
    let mut rows = Vec::with_capacity(file.rows.len());
    for (k, cells) in file.rows.iter().enumerate() {
        let skip = skips.iter().find(|(column, value, _)| &cells[*column] == value);
        rows.push(match skip {
            Some((.., text)) => {
                let why = format!("left out by --skip {text}");
                Err((columns.run(cells, k), LeftOutReason::Asked { why }))
            }
            None => columns.observation(cells, k).with_context(|| format!("row {}", k + 1))?,
        });
    }
    Ok(rows)
}

/// Leaves out rows that are no runs of their own, and budgets that are none; says what.
fn sifted(rows: &mut [ReadRow], columns: &Columns, trusted: bool) -> anyhow::Result<Vec<String>> {
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
            bail!(Misuse(format!(
                "the budgets in column `{name}` are no FLOPs: they do not follow C\nhint: leave --budget out to group runs by C, or give a column of FLOPs; --trust-units takes it as it stands"
            )));
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
    Ok(notes)
}

/// (column, value, as typed) of every --skip.
fn skips<'a>(
    file: &TextTable,
    args: &'a SourceArgs,
) -> anyhow::Result<Vec<(usize, String, &'a str)>> {
    let one = |text: &'a String| {
        let Some((column, value)) = text.split_once('=') else {
            bail!("--skip {text} is not COLUMN=VALUE\nhint: for instance --skip outlier=1")
        };
        let at = file.column(column, "--skip")?;
        if !file.rows.iter().any(|cells| cells[at] == value) {
            let there: std::collections::BTreeSet<&str> =
                file.rows.iter().map(|cells| cells[at].as_str()).take(1000).collect();
            let some: Vec<_> = there.iter().copied().take(6).map(|cell| clip(cell, 40)).collect();
            let more = if there.len() > some.len() { ", ..." } else { "" };
            bail!(
                "--skip {text} matches no row\nhint: the column `{column}` holds {}{more}",
                some.join(", ")
            )
        }
        Ok((at, value.to_string(), text.as_str()))
    };
    args.skip.iter().map(one).collect()
}
