//! From what the user names to a checked table.

mod columns;
mod table_file;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use isoflop::registration::{Provenance, SourceKind};
use isoflop::{Folder, Merged, merge, read_folders};
use isoflop_fit::{FitError, LeftOutReason, Table};

use crate::cli::SourceArgs;
use columns::Columns;
use table_file::TextTable;

/// Where runs came from, for headings and JSON.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RunsSource {
    pub path: String,
    /// How C was had.
    pub flops: String,
    /// What was doubtful about the cells, where something was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(skip)]
    pub kind: SourceKind,
    /// SHA-256 of the ledger or the table's file, as it was read.
    #[serde(skip)]
    pub sha256: String,
    /// Of a results folder.
    #[serde(skip)]
    pub provenance: Option<Provenance>,
}

pub fn read(args: &SourceArgs) -> anyhow::Result<(Table, RunsSource)> {
    let (table, origin) = match (&args.results[..], &args.csv, &args.jsonl) {
        (paths @ [_, ..], _, _) => results(paths)?,
        (_, Some(path), _) => text(&TextTable::read_csv(path)?, SourceKind::Csv, path, args)?,
        (_, _, Some(path)) => text(&TextTable::read_jsonl(path)?, SourceKind::Jsonl, path, args)?,
        _ => {
            bail!("no runs are given\nhint: name a results folder, or --csv FILE, or --jsonl FILE")
        }
    };
    for run in &args.exclude {
        if !table.rows().iter().any(|r| &r.run == run) {
            bail!(
                "--exclude {run}: there is no such run\nhint: runs go by the names in the run column"
            );
        }
    }
    let table = table.filter("left out by --exclude", |r| !args.exclude.contains(&r.run))?;
    Ok((table, origin))
}

/// One results folder, or several as one study, with what is to be known about them.
pub fn folders(paths: &[PathBuf]) -> anyhow::Result<(Folder, Vec<String>)> {
    if let [path] = paths {
        let folder = Folder::read(path)?;
        let notes = folder.state().into_iter().collect();
        return Ok((folder, notes));
    }
    let Merged { folder, repeats, notes, .. } = merge(read_folders(paths)?)?;
    let mut all = vec![match repeats.len() {
        0 => format!("{} folders are read as one study; no cell is in two of them", paths.len()),
        cells => format!(
            "{} folders are read as one study; {cells} of its cells are repeats",
            paths.len()
        ),
    }];
    all.extend(notes);
    Ok((folder, all))
}

fn results(paths: &[PathBuf]) -> anyhow::Result<(Table, RunsSource)> {
    if let Some(path) = paths.iter().find(|path| !path.is_dir()) {
        bail!(
            "{} is not a folder\nhint: give the results folder of a study, such as runs/quickstart, or --csv FILE",
            path.display()
        );
    }
    let (study, notes) = folders(paths)?;
    let table = isoflop::table(&study.contents, &study.grid)?;
    let source = RunsSource {
        path: study.path.display().to_string(),
        flops: "exact matrix-product FLOPs".into(),
        notes: if paths.len() > 1 { notes } else { Vec::new() },
        kind: SourceKind::Folder,
        sha256: study.ledger_sha256.clone(),
        provenance: Some(Provenance::of(&study)),
    };
    Ok((table, source))
}

fn text(
    file: &TextTable,
    kind: SourceKind,
    path: &Path,
    args: &SourceArgs,
) -> anyhow::Result<(Table, RunsSource)> {
    if file.rows.is_empty() {
        return Err(FitError::Empty).with_context(|| format!("cannot use {}", path.display()));
    }
    let in_file = || format!("cannot use {}", path.display());
    let mut columns = Columns::new(file, args).with_context(in_file)?;
    let skips = skips(file, args)?;
    let mut rows = Vec::with_capacity(file.rows.len());
    for (k, cells) in file.rows.iter().enumerate() {
        let skip = skips.iter().find(|(column, value, _)| &cells[*column] == value);
        rows.push(match skip {
            Some((.., text)) => {
                let why = format!("left out by --skip {text}");
                Err((columns.run(cells, k), LeftOutReason::Asked { why }))
            }
            None => columns
                .observation(cells, k, args)
                .with_context(|| format!("cannot use row {} of {}", k + 1, path.display()))?,
        });
    }
    let origin = RunsSource {
        path: path.display().to_string(),
        flops: columns.flops_in_words(),
        notes: columns.notes(),
        kind,
        sha256: file.sha256.clone(),
        provenance: None,
    };
    Ok((Table::read(rows)?, origin))
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
            let some: Vec<&str> = there.iter().copied().take(6).collect();
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
