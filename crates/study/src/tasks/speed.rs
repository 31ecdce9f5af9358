//! How long stacks take, for dealing them out evenly.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use isoflop_ledger::{Contents, Record};
use isoflop_plan::{Config, Evaluation, Grid, Stack};
use isoflop_speed::{Effort, Rates, Sample};

use crate::error::StudyError;
use crate::events::{Observer, total_flops};
use crate::folder::Folder;
use crate::limits::stack_limits;
use crate::open::open_study_device;
use crate::widths::Measurer;

/// Where the time of tasks is taken from.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum TaskSpeed {
    /// The speeds at which the study's own cells have trained; before there are any, FLOPs stand for time.
    #[default]
    Own,
    /// FLOP/s of every stack.
    Given(f64),
    /// The speeds at which the cells of this results folder have trained.
    Of(PathBuf),
    /// As measured now on the configuration's device.
    Here,
}

/// What stacks cost.
pub(super) struct Costs {
    /// `None` where FLOPs stand for time.
    known: Option<StackTimes>,
    evaluation: Evaluation,
    /// By what they are told, in words.
    pub by: String,
}

/// How long stacks take on a device.
#[derive(Debug, Clone, PartialEq)]
pub struct StackTimes {
    rates: Rates,
    /// Seconds that a stack takes before its first step is done.
    start_seconds: f64,
}

impl Costs {
    /// # Errors
    /// What keeps the folder from being read or the device from being measured; [`StudyError::Misuse`] where a folder has no cells.
    pub(super) fn new(
        speed: &TaskSpeed,
        config: &mut Config,
        grid: &Grid,
        contents: &Contents,
        observer: &mut dyn Observer,
    ) -> Result<Self, StudyError> {
        let (known, by) = match speed {
            TaskSpeed::Own => match StackTimes::of(contents) {
                Some(known) => (Some(known), "the speed of its cells so far".to_owned()),
                None => (None, "FLOPs".to_owned()),
            },
            TaskSpeed::Given(rate) => (Some(StackTimes::given(*rate)), "FLOPs".to_owned()),
            TaskSpeed::Of(folder) => {
                (Some(of_folder(folder)?), format!("the speed of {}", folder.display()))
            }
            TaskSpeed::Here => {
                let known = measured(config, grid, observer)?;
                let by = format!("the speed of {}", known.rates.device);
                (Some(known), by)
            }
        };
        Ok(Self { known, evaluation: grid.evaluation, by })
    }

    /// Seconds of the device, or FLOPs where these stand for them.
    pub(super) fn of(&self, stack: &Stack) -> f64 {
        match &self.known {
            Some(known) => known.seconds(stack, self.evaluation).unwrap_or_default(),
            None => stack.cost_flops(),
        }
    }

    /// What a cost is in seconds, where that is known.
    pub(super) fn seconds(&self, cost: f64) -> Option<f64> {
        self.known.as_ref().map(|_| cost)
    }
}

impl StackTimes {
    /// As cells have trained: the median of each size. `None` where none has told.
    pub fn of(contents: &Contents) -> Option<Self> {
        let current = contents.current();
        let mut sizes: BTreeMap<u64, Vec<&Record>> = BTreeMap::new();
        for record in current.values().filter(|record| record.run.flops_per_second.is_some()) {
            sizes.entry(record.result.cell.step_flops().to_bits()).or_default().push(record);
        }
        let sample = |records: &Vec<&Record>| {
            let rates = records.iter().filter_map(|record| record.run.flops_per_second);
            let width = records[0].run.stack_width;
            Some(Sample::of(&records[0].result.cell, width, median(rates)?))
        };
        let samples: Vec<Sample> = sizes.values().filter_map(sample).collect();
        let all = || sizes.values().flatten().map(|record| &record.run);
        let share = median(all().map(|run| run.device_share))?;
        let starts = median(all().filter_map(|run| run.first_step_seconds));
        Some(Self {
            rates: Rates {
                device: String::new(),
                stacks_at_once: (1.0 / share).round().max(1.0) as usize,
                samples,
            },
            start_seconds: starts.unwrap_or(0.0),
        })
    }

    fn given(flops_per_second: f64) -> Self {
        let sample =
            Sample { width: 0, step_flops: 1.0, replicas: 1, speedup: None, flops_per_second };
        let rates = Rates { device: String::new(), stacks_at_once: 1, samples: vec![sample] };
        Self { rates, start_seconds: 0.0 }
    }

    /// Seconds of the whole device that a stack takes, its start and its evaluations among it. `None` where nothing is known of its
    /// size.
    pub fn seconds(&self, stack: &Stack, evaluation: Evaluation) -> Option<f64> {
        let rate = self.rates.of(stack)?.flops_per_second;
        let seconds = total_flops(stack, evaluation) / rate + self.start_seconds;
        Some(seconds / self.rates.stacks_at_once as f64)
    }
}

fn of_folder(folder: &Path) -> Result<StackTimes, StudyError> {
    let contents = Folder::read(folder)?.contents;
    StackTimes::of(&contents).ok_or_else(|| {
        StudyError::Misuse(format!(
            "{} has no cell that says how fast it trained\nhint: give the results folder of a study that trained on such devices",
            folder.display()
        ))
    })
}

/// A few models, timed on the configuration's device.
fn measured(
    config: &mut Config,
    grid: &Grid,
    observer: &mut dyn Observer,
) -> Result<StackTimes, StudyError> {
    let device = open_study_device(config, observer)?;
    let limits = stack_limits(config, &device);
    let rates =
        Measurer { config, device: &device, limits }.planned(grid, Effort::Estimate, observer)?;
    device.wait();
    Ok(StackTimes { rates, start_seconds: 0.0 })
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use isoflop_ledger::{RunInfo, RunResult, Status};
    use isoflop_plan::DataFacts;

    use super::*;

    fn grid() -> Grid {
        let text = "[model]\ncontext = 64\n[grid]\nbudgets = [1e10, 2e10]\nsizes = 3\n";
        let facts = DataFacts {
            vocab: 64,
            train_tokens: None,
            data_sha256: "00".repeat(32),
            bytes_per_token: None,
        };
        Grid::build(&Config::parse(text, "a.toml").unwrap(), &facts).unwrap()
    }

    #[test]
    fn cells_that_have_trained_say_how_long_others_take() {
        let grid = grid();
        let contents = |rate: &dyn Fn(f64) -> Option<f64>| Contents {
            records: grid
                .cells
                .iter()
                .map(|planned| {
                    let run = RunInfo {
                        flops_per_second: rate(planned.cell.step_flops()),
                        device_share: 0.5,
                        first_step_seconds: Some(3.0),
                        ..RunInfo::default()
                    };
                    let cell = planned.cell.clone();
                    Record::new(RunResult::new("", "", cell, Status::Finished), run)
                })
                .collect(),
            ..Contents::default()
        };
        assert!(StackTimes::of(&contents(&|_| None)).is_none());
        // Twice the speed for steps of twice the size: a stack takes as long as its steps, by half of the device.
        let known = StackTimes::of(&contents(&|step| Some(step * 10.0))).unwrap();
        for stack in &grid.stacks {
            let steps = total_flops(stack, grid.evaluation) / stack.cells[0].step_flops();
            let seconds = known.seconds(stack, grid.evaluation).unwrap();
            assert!((seconds - (steps / 10.0 + 3.0) / 2.0).abs() < 1e-6 * seconds, "{seconds}");
        }
        let given = StackTimes::given(1e9);
        let stack = &grid.stacks[0];
        let flops = total_flops(stack, grid.evaluation);
        let seconds = given.seconds(stack, grid.evaluation).unwrap();
        assert!((seconds - flops / 1e9).abs() < 1e-9 * seconds, "{seconds}");
    }
}
