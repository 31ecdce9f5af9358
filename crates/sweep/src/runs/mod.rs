//! From what the user names to a checked table.

use std::path::{Path, PathBuf};

use isoflop::registration::{Provenance, SourceKind};
use isoflop::{Folder, Merged, merge, read_folders};
use isoflop_fit::Table;
use isoflop_tables::Form;

use crate::cli::{ColumnArgs, SourceArgs};
use crate::failure::misuse;

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
        (_, Some(path), _) => table(SourceKind::Csv, path, &args.columns)?,
        (_, _, Some(path)) => table(SourceKind::Jsonl, path, &args.columns)?,
        _ => misuse!(
            "no runs are given\nhint: name a results folder, or --csv FILE, or --jsonl FILE"
        ),
    };
    for run in &args.exclude {
        if !table.rows().iter().any(|r| &r.run == run) {
            misuse!(
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
        let notes = folder.state().into_iter().chain(folder.notes()).collect();
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
        misuse!(
            "{} is not a folder\nhint: give the results folder of a study, such as runs/quickstart, or --csv FILE",
            path.display()
        );
    }
    let (study, notes) = folders(paths)?;
    let table = isoflop::table(&study.contents, &study.grid);
    let table = match (table, study.state()) {
        (Err(why), Some(state)) => return Err(anyhow::Error::from(why).context(state)),
        (table, _) => table?,
    };
    let source = RunsSource {
        path: study.path.display().to_string(),
        flops: "exact matrix-product FLOPs".into(),
        notes,
        kind: SourceKind::Folder,
        sha256: study.ledger_sha256.clone(),
        provenance: Some(Provenance::of(&study)),
    };
    Ok((table, source))
}

fn table(
    kind: SourceKind,
    path: &Path,
    columns: &ColumnArgs,
) -> anyhow::Result<(Table, RunsSource)> {
    let form = if kind == SourceKind::Jsonl { Form::Json } else { Form::Any };
    let read = isoflop_tables::read(path, form, &columns.resolve()?)?;
    let source = RunsSource {
        path: path.display().to_string(),
        flops: read.source.flops,
        notes: read.source.notes,
        kind,
        sha256: read.source.sha256,
        provenance: None,
    };
    Ok((read.table, source))
}
