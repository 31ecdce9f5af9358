//! How fast a grid's stacks train as they are planned.

use std::collections::BTreeMap;

use isoflop_plan::{Grid, Stack};

use crate::rates::{Rates, Sample};
use crate::trials::{News, Trials, spread};

/// How long trials may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Enough for an estimate that is asked for.
    Estimate,
    /// Each no more than this share of what the grid will take, for training that waits for it.
    OneIn(u32),
}

/// Bounds of a trial, seconds.
const SHORTEST: f64 = 0.2;
const LONGEST: f64 = 1.5;

impl Effort {
    /// Models that are tried, from the narrowest to the widest.
    fn models(self) -> usize {
        match self {
            Self::Estimate => 4,
            Self::OneIn(_) => 3,
        }
    }

    /// Seconds of a trial, where the grid is expected to take `whole`; `None` before anything is known of it.
    fn seconds(self, whole: Option<f64>) -> f64 {
        match (self, whole) {
            (Self::Estimate, _) => LONGEST,
            (Self::OneIn(_), None) => SHORTEST,
            (Self::OneIn(n), Some(whole)) => (whole / f64::from(n)).clamp(SHORTEST, LONGEST),
        }
    }
}

/// Times stacks of a few widths of the grid, each with the replicas it starts with.
pub fn measure_planned(
    trials: &Trials,
    grid: &Grid,
    effort: Effort,
    tell: &mut dyn FnMut(News),
) -> Rates {
    let mut by_width: BTreeMap<usize, &Stack> = BTreeMap::new();
    for stack in &grid.stacks {
        if let Some(first) = stack.cells.first() {
            by_width.entry(first.shape.width).or_insert(stack);
        }
    }
    let stacks: Vec<&Stack> = by_width.into_values().collect();
    let workers = trials.workers.count();
    let mut samples: Vec<Sample> = Vec::new();
    for index in spread(stacks.len(), effort.models()) {
        let fastest = samples.iter().map(|s| s.flops_per_second).reduce(f64::max);
        let whole = fastest.map(|rate| grid.train_flops() / (rate * workers as f64));
        let (cell, replicas) = (&stacks[index].cells[0], stacks[index].replicas(|_| true).len());
        if let Some(speed) = trials.time(cell, replicas, effort.seconds(whole), tell) {
            let rate = speed.flops_per_second / workers as f64;
            samples.push(Sample::of(cell, replicas, rate));
        }
    }
    Rates { device: trials.label.clone(), stacks_at_once: workers, samples }
}

#[cfg(test)]
mod tests {
    use super::Effort;

    #[test]
    fn a_trial_takes_a_share_of_the_training_within_bounds() {
        let effort = Effort::OneIn(400);
        assert_eq!(effort.seconds(None), 0.2);
        assert_eq!(effort.seconds(Some(1.0)), 0.2);
        assert_eq!(effort.seconds(Some(160.0)), 0.4);
        assert_eq!(effort.seconds(Some(1e6)), 1.5);
        assert_eq!(Effort::Estimate.seconds(Some(1.0)), 1.5);
    }
}
