//! `sweep report`: ledger -> fit -> report, without training.

use anyhow::bail;
use isoflop_ledger::read;
use isoflop_plan::Grid;

use crate::cli::ReportArgs;
use crate::facts::StudyData;
use crate::progress::Progress;
use crate::publish::{Results, publish};
use crate::study;

/// Fits what a results folder holds and writes its report anew.
pub fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let mut progress = Progress::new(&args.output);
    let folder = &args.results;
    if !folder.is_dir() {
        bail!(
            "{} is not a folder\nhint: give the results folder of a study, such as runs/quickstart",
            folder.display()
        );
    }
    let contents = read(folder)?;
    let config = study::config_of(folder, &contents)?;
    if contents.unfinished_line {
        progress.note("the ledger ends in part of a line: a run is at work, or was killed");
    }
    let data = StudyData::read(folder)?;
    let grid = Grid::build(&config, &data.facts())?;
    let results =
        Results { config: &config, grid: &grid, data: &data, contents: &contents, folder };
    publish(&results, &args.output, &mut progress)
}
