//! `sweep plan`: the grid, without training it.

use isoflop_plan::render_plan;
use isoflop_train::device::DeviceError;

use crate::cli::PlanArgs;
use crate::facts::StudyData;
use crate::measure::{Effort, measure};
use crate::print;
use crate::progress::Progress;
use crate::{study, widths};

/// Prints the grid, with a time estimate from a short measurement.
pub fn run(args: &PlanArgs) -> anyhow::Result<()> {
    let mut progress = Progress::new(&args.output);
    let config = study::load(&args.study)?;
    let device = match study::open_device_for(&args.study, &config, &mut progress) {
        Ok(device) => Some(device),
        // The machine that trains may be another one.
        Err(error) if args.no_measure && error.is::<DeviceError>() => {
            config.check_early("any device", &[config.train.precision])?;
            progress.warn(format!("planned without a device: {error}"));
            None
        }
        Err(error) => return Err(error),
    };
    let corpus = study::prepare_data(&config, &mut progress)?;
    let mut grid = study::build_grid(&config, &corpus, &StudyData::of(&corpus), device.as_ref())?;
    let throughput = match &device {
        Some(device) if !args.no_measure => {
            study::refuse_too_large(&config, &grid, device)?;
            let found = widths::for_plan(&config, &grid, device, &mut progress)?;
            grid.restack(study::stack_limits(&config, device), found.as_ref());
            progress.note("measuring the speed of a few models");
            Some(measure(&config, &grid, &corpus, device, Effort::Estimate)?)
        }
        _ => None,
    };
    if let Some(device) = &device {
        device.wait();
    }
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
