//! A study without its training: the grid, and the time it would take.

use isoflop_device::TrainDevice;
use isoflop_plan::{Config, Grid};
use isoflop_speed::{Effort, Rates};

use crate::error::StudyError;
use crate::events::Observer;
use crate::facts::StudyData;
use crate::limits::{refuse_too_large, stack_limits};
use crate::open::{build_grid, prepare_data};
use crate::widths::Measurer;

/// A grid as it would be trained.
pub struct PlannedStudy {
    /// The cells, in stacks.
    pub grid: Grid,
    /// Rates that were measured; `None` where none were asked for.
    pub rates: Option<Rates>,
}

/// Prepares the data and lays out the grid, for a device where there is one, and measures its rates where they are wanted.
///
/// # Errors
/// [`StudyError`].
pub fn plan(
    config: &Config,
    device: Option<&TrainDevice>,
    measure: bool,
    observer: &mut dyn Observer,
) -> Result<PlannedStudy, StudyError> {
    let corpus = prepare_data(config, observer)?;
    let limits = device.map(|device| stack_limits(config, device));
    let mut grid = build_grid(config, &corpus, &StudyData::of(&corpus), limits)?;
    let mut rates = None;
    if let (Some(device), Some(limits), true) = (device, limits, measure) {
        refuse_too_large(&grid, limits, &device.info.label())?;
        let measurer = Measurer { config, device, limits };
        let widths = measurer.widths_for_plan(&grid, observer)?;
        measurer.restack(&mut grid, widths.as_ref());
        rates = Some(measurer.planned(&grid, Effort::Estimate, observer)?);
    }
    if let Some(device) = device {
        device.wait();
    }
    Ok(PlannedStudy { grid, rates })
}
