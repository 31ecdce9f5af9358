//! `sweep plan`: the grid, without training it.

use isoflop::{PlannedStudy, StudyError, open_study_device};
use isoflop_plan::{Precision, render_plan};

use crate::cli::PlanArgs;
use crate::{print, progress, terminal};

/// Prints the grid, with a time estimate from a short measurement.
pub fn run(args: &PlanArgs) -> anyhow::Result<()> {
    let mut observer = progress::observer(&args.output);
    let mut config = args.study.load()?;
    let device = match open_study_device(&mut config, &mut *observer) {
        Ok(device) => Some(device),
        // The machine that trains may be another one.
        Err(StudyError::Device { source, .. }) if args.no_measure => {
            let precision = config.train.precision.known().unwrap_or(Precision::F32);
            config.check_early("any device", &[precision])?;
            observer.warn(format!("planned without a device: {source}"));
            if config.train.precision.known().is_none() {
                observer.note("precision: auto is decided when the device is opened; cells are listed as in f32");
            }
            None
        }
        Err(error) => return Err(args.study.explain(error).into()),
    };
    let PlannedStudy { grid, rates } =
        isoflop::plan(&config, device.as_ref(), !args.no_measure, &mut *observer)?;
    observer.clear();
    let expected = rates.as_ref().and_then(|rates| rates.time(&grid));
    if args.output.json {
        print::json(&serde_json::json!({
            "schema": 1,
            "grid": grid,
            "throughput": rates,
            "seconds": expected.map(|expected| expected.seconds),
        }))
    } else {
        print::text(&render_plan(&grid, expected.as_ref(), terminal::width()))
    }
}
