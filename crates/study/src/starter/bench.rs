//! The device and the text, on which grids are tried.

use isoflop_data::Corpus;
use isoflop_device::TrainDevice;
use isoflop_plan::{Config, Grid, OptimumRule};
use isoflop_speed::{Effort, Rates};

use super::{Draft, EPOCHS, StarterLimit};
use crate::error::StudyError;
use crate::events::Observer;
use crate::facts::StudyData;
use crate::limits::{refuse_too_large, stack_limits};
use crate::open::build_grid;
use crate::widths::Measurer;

/// What is tried, and where.
pub(super) struct Bench<'a> {
    pub(super) draft: &'a Draft<'a>,
    pub(super) corpus: &'a Corpus,
    pub(super) device: &'a TrainDevice,
}

/// What was measured.
pub(super) struct Speeds {
    widths: Option<Rates>,
    pub(super) rates: Rates,
}

impl Bench<'_> {
    pub(super) fn grid(&self, index: usize) -> Result<(Config, Grid), StudyError> {
        let config = self.draft.config(index)?;
        let limits = stack_limits(&config, self.device);
        let grid = build_grid(&config, self.corpus, &StudyData::of(self.corpus), Some(limits))?;
        refuse_too_large(&grid, limits, &self.device.info.label())?;
        Ok((config, grid))
    }

    fn measurer<'a>(&'a self, config: &'a Config) -> Measurer<'a> {
        Measurer { config, device: self.device, limits: stack_limits(config, self.device) }
    }

    pub(super) fn measure(
        &self,
        config: &Config,
        mut grid: Grid,
        observer: &mut dyn Observer,
    ) -> Result<Speeds, StudyError> {
        let measurer = self.measurer(config);
        let widths = measurer.widths_for_plan(&grid, observer)?;
        measurer.restack(&mut grid, widths.as_ref());
        let rates = measurer.planned(&grid, Effort::Estimate, observer)?;
        Ok(Speeds { widths, rates })
    }

    /// The grid in the stacks that pay, and the seconds that it takes.
    pub(super) fn time(
        &self,
        config: &Config,
        mut grid: Grid,
        speeds: &Speeds,
    ) -> Option<(Grid, f64)> {
        self.measurer(config).restack(&mut grid, speeds.widths.as_ref());
        let seconds = speeds.rates.time(&grid)?.seconds;
        Some((grid, seconds))
    }

    /// The largest that fits, and what a larger one does not fit.
    pub(super) fn largest(&self, speeds: &Speeds) -> (usize, StarterLimit) {
        for index in 0..self.draft.grids.len() {
            let Ok((config, grid)) = self.grid(index) else {
                return (index.saturating_sub(1), StarterLimit::Device);
            };
            let fed = self.is_fed(&grid);
            let seconds = self.time(&config, grid, speeds).map_or(f64::INFINITY, |(_, s)| s);
            if seconds > self.draft.wishes.seconds {
                let limit = if index == 0 { StarterLimit::Smallest } else { StarterLimit::Time };
                return (index.saturating_sub(1), limit);
            }
            if !fed {
                return (index.saturating_sub(1), StarterLimit::Text);
            }
        }
        (self.draft.grids.len() - 1, StarterLimit::Device)
    }

    /// Whether no run passes over the text too often, and the expected best ones pass over it once at most.
    fn is_fed(&self, grid: &Grid) -> bool {
        let largest = grid.cells.iter().filter_map(|c| c.cell.budget_flops).fold(0.0, f64::max);
        let there = self.corpus.train_tokens().map_or(f64::INFINITY, |tokens| tokens as f64);
        grid.most_epochs().unwrap_or(0.0) <= EPOCHS && OptimumRule::DEFAULT.tokens(largest) <= there
    }
}
