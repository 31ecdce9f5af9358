//! `sweep report`: ledgers -> fit -> report, without training.

use std::path::Path;

use anyhow::bail;
use isoflop::{Folder, Results, publish};
use isoflop_ledger::LEDGER_FILE;

use crate::cli::ReportArgs;
use crate::failure::Misuse;
use crate::{print, progress, runs};

/// Fits what results folders hold and writes the report anew.
pub fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let mut observer = progress::observer(&args.output);
    let (study, notes) = runs::folders(&args.results)?;
    for note in notes {
        observer.note(note);
    }
    let command = study.command();
    let (folder, command) = match (&args.out, &args.results[..]) {
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
    print::published(&published, args.output.json, &mut *observer)
}

/// The report of one study may not take the place of another's.
fn check_out(out: &Path) -> anyhow::Result<()> {
    if out.join(LEDGER_FILE).exists() {
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
