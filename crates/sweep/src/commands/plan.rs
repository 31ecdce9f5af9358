//! `sweep plan`: the grid, without training it.

use isoflop_plan::render_plan;

use crate::cli::PlanArgs;
use crate::facts::StudyData;
use crate::measure::{Effort, measure};
use crate::print;
use crate::progress::Progress;
use crate::study;

/// Prints the grid, with a time estimate from a short measurement.
pub fn run(args: &PlanArgs) -> anyhow::Result<()> {
    let mut progress = Progress::new(&args.output);
    let config = study::load(&args.study)?;
    let device = study::open_device_for(&config, &mut progress)?;
    let corpus = study::prepare_data(&config, &mut progress)?;
    let grid = study::build_grid(&config, &corpus, &StudyData::of(&corpus), &device)?;
    let throughput = match args.no_measure {
        true => None,
        false => {
            progress.note("measuring the speed of a few models");
            Some(measure(&config, &grid, &corpus, &device, Effort::Estimate)?)
        }
    };
    progress.clear();
    if args.output.json {
        let seconds = throughput.as_ref().and_then(|throughput| grid.seconds(throughput));
        let json = serde_json::json!({
            "schema": 1,
            "grid": grid,
            "throughput": throughput,
            "seconds": seconds,
        });
        print::json(&json)?;
    } else {
        print::text(&render_plan(&grid, throughput.as_ref()))?;
    }
    Ok(())
}
