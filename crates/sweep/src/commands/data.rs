//! `sweep data`: what there is to train on.

use isoflop_plan::Config;

use crate::cli::DataArgs;
use crate::print;
use crate::progress::Progress;

/// Prints an assessment of the data.
pub fn run(args: &DataArgs) -> anyhow::Result<()> {
    let mut progress = Progress::new(&args.output);
    let config = Config::load(&args.config)?;
    let (_, assessment) = isoflop_data::assess(&config.data, &mut progress.data())?;
    progress.clear();
    if args.output.json {
        print::json(&assessment)?;
    } else {
        print::text(&assessment.to_string())?;
    }
    Ok(())
}
