//! `sweep report`: ledger -> fit -> report, without training.

use isoflop::{Folder, Results, publish};

use crate::cli::ReportArgs;
use crate::{print, progress};

/// Fits what a results folder holds and writes its report anew.
pub fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let mut observer = progress::observer(&args.output);
    let folder = args.results.as_path();
    let Folder { config, grid, data, contents, .. } = &Folder::read(folder)?;
    if contents.unfinished_line {
        observer.note("the ledger ends in part of a line: a run is at work, or was killed");
    }
    let published = publish(&Results { config, grid, data, contents, folder }, &mut *observer)?;
    observer.clear();
    print::published(&published, args.output.json, &mut *observer)
}
