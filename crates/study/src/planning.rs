//! A study without its training: the grid, the time it would take; the report of what there is.

use std::path::Path;

use isoflop_device::TrainDevice;
use isoflop_ledger::Contents;
use isoflop_plan::{Config, Grid};
use isoflop_speed::{Effort, Rates};

use crate::error::StudyError;
use crate::events::Observer;
use crate::facts::StudyData;
use crate::limits::{refuse_too_large, stack_limits};
use crate::open::{build_grid, config_of, prepare_data};
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
        refuse_too_large(&grid, limits, device)?;
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

/// What a results folder holds.
pub struct Folder {
    /// The configuration it was made with.
    pub config: Config,
    /// What was planned.
    pub grid: Grid,
    /// What it was trained on.
    pub data: StudyData,
    /// Its records and passports.
    pub contents: Contents,
    /// SHA-256 of its ledger as it was read, in hex.
    pub ledger_sha256: String,
}

impl Folder {
    /// Reads a results folder, also one that another process is at work in.
    ///
    /// # Errors
    /// [`StudyError::Misuse`] where it is none; else what the file at fault is refused for.
    pub fn read(folder: &Path) -> Result<Self, StudyError> {
        if !folder.is_dir() {
            return Err(StudyError::Misuse(format!(
                "{} is not a folder\nhint: give the results folder of a study, such as runs/quickstart",
                folder.display()
            )));
        }
        let (contents, ledger_sha256) = isoflop_ledger::read_with_hash(folder)?;
        let config = config_of(folder, &contents)?;
        let data = StudyData::read(folder)?;
        let grid = Grid::build(&config, &data.facts())?;
        Ok(Self { config, grid, data, contents, ledger_sha256 })
    }
}
