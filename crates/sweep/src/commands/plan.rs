//! `sweep plan`: the grid, without training it.

use isoflop_device::DeviceError;
use isoflop_plan::{Precision, render_plan};

use crate::cli::PlanArgs;
use crate::facts::StudyData;
use crate::measure::{Effort, measure};
use crate::print;
use crate::progress::Progress;
use crate::{study, widths};

/// Prints the grid, with a time estimate from a short measurement.
pub fn run(args: &PlanArgs) -> anyhow::Result<()> {
    let mut progress = Progress::new(&args.output);
    let mut config = study::load(&args.study)?;
    let device = match study::open_device_for(&args.study, &mut config, &mut progress) {
        Ok(device) => Some(device),
        // The machine that trains may be another one.
        Err(error) if args.no_measure && error.is::<DeviceError>() => {
            let precision = config.train.precision.known().unwrap_or(Precision::F32);
            config.check_early("any device", &[precision])?;
            progress.warn(format!("planned without a device: {error}"));
            if config.train.precision.known().is_none() {
                progress.note("precision: auto is decided when the device is opened; cells are listed as in f32");
            }
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
            Some(measure(&config, &grid, &corpus, device, Effort::Estimate, &mut progress)?)
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
