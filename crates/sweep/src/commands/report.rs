//! `sweep report`: ledgers or a table -> fit -> report, without training.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::bail;
use isoflop::{FittedTable, Folder, Results, publish, publish_table};
use isoflop_fit::study::run_telling;
use isoflop_ledger::has_ledger;

use crate::cli::ReportArgs;
use crate::failure::Misuse;
use crate::progress::FitProgress;
use crate::{print, progress, runs, shell};

/// Fits what a table or results folders hold, and writes the report.
pub fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let tables = [&args.source.csv, &args.source.jsonl];
    if let Some(path) = tables.into_iter().flatten().next() {
        return table(args, path);
    }
    let folders = &args.source.results;
    if !folders.is_empty() && args.has_options_of_tables() {
        bail!(Misuse(
            "options of tables (columns, units, --law and the like) are given with a results folder, whose report is fitted as its configuration says\nhint: leave them out; `sweep fit FOLDER` takes them".into()
        ));
    }
    if folders.is_empty() {
        bail!(Misuse(
            "no runs are given\nhint: name a results folder, or --csv FILE, or --jsonl FILE".into()
        ));
    }
    let mut observer = progress::observer(&args.output);
    let (study, notes) = runs::folders(folders)?;
    for note in notes {
        observer.note(note);
    }
    let command = study.command();
    let (folder, command) = match (&args.out, &folders[..]) {
        (Some(out), _) => {
            check_out(out)?;
            (out.as_path(), "")
        }
        (None, [folder]) => (folder.as_path(), command.as_str()),
        (None, _) => bail!(Misuse(
            "several results folders are given, and no place for their report\nhint: name it, `--out FOLDER`, or merge the folders first with `sweep merge`".into()
        )),
    };
    let Folder { config, grid, data, contents, .. } = &study;
    let results = Results { config, grid, data, contents, folder, command };
    let published = publish(&results, &mut *observer)?;
    observer.clear();
    let source: Vec<String> = folders.iter().map(|folder| shell::quoted(folder)).collect();
    print::published(&published, args.output.json, &source.join(" "))
}

/// The report of a table.
fn table(args: &ReportArgs, path: &Path) -> anyhow::Result<()> {
    let options = args.model.resolve()?;
    let mut observer = progress::observer(&args.output);
    let told = FitProgress::new(&args.output);
    let (table, origin) = runs::read(&args.source.with_flops(&args.flops))?;
    for note in &origin.notes {
        observer.note(note);
    }
    let name = stem(path);
    let out = args.out.clone();
    let folder = out.unwrap_or_else(|| path.with_file_name(format!("{name}-report")));
    let study = run_telling(&table, &[], &options, &mut |what| told.tell(what))?;
    check_out(&folder)?;
    let published = publish_table(&FittedTable {
        name: &name,
        path: &origin.path,
        notes: &origin.notes,
        table: &table,
        study: &study,
        folder: &folder,
    })?;
    observer.clear();
    let form = if args.source.csv.is_some() { "--csv" } else { "--jsonl" };
    let source = format!("{form} {}", shell::quoted(path));
    print::published(&published, args.output.json, &source)
}

/// The name of a table's file without what says its form: `runs` of `runs.csv.gz`.
fn stem(path: &Path) -> String {
    let mut name = PathBuf::from(path.file_name().unwrap_or(OsStr::new("table")));
    for form in ["gz", "csv", "tsv", "txt", "jsonl", "ndjson", "json"] {
        if name.extension() == Some(OsStr::new(form)) {
            name.set_extension("");
        }
    }
    name.to_string_lossy().into_owned()
}

/// The report of one study may not take the place of another's.
fn check_out(out: &Path) -> anyhow::Result<()> {
    if has_ledger(out) {
        bail!(Misuse(format!(
            "--out {} is a results folder, whose own report would be lost\nhint: name another folder",
            out.display()
        )));
    }
    if let Err(error) = std::fs::create_dir_all(out) {
        return Err(anyhow::Error::from(error).context(format!(
            "cannot create {}\nhint: check that you may write there and that it is no file",
            out.display()
        )));
    }
    Ok(())
}
