//! From measurements of a few stacks to the rate and the width of any other.

use isoflop_plan::{Cell, Grid, Stack, TimeEstimate};
use serde::{Deserialize, Serialize};

use crate::interpolate::{Basis, log_log};
use crate::makespan::makespan;

/// How far a measured width speaks for others, in FLOPs of a step.
const REACH: f64 = 8.0;

/// What was measured on a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// The device, in words.
    pub device: String,
    /// Stacks that train at once; each has the measured rate while the others run.
    pub stacks_at_once: usize,
    /// Measurements, in any order.
    pub samples: Vec<Sample>,
}

/// One stack, measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Width of its models.
    pub width: usize,
    /// Exact FLOPs of one training step of one replica: the size that speed depends on.
    pub step_flops: f64,
    pub replicas: usize,
    /// Its tokens per second as a multiple of a single replica's, where that was measured too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speedup: Option<f64>,
    /// Exact training FLOPs per second of one stack, all its replicas together, while the others train.
    pub flops_per_second: f64,
}

/// The rate of a stack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Exact training FLOPs per second, all its replicas together.
    pub flops_per_second: f64,
    /// How sure it is.
    pub basis: Basis,
}

impl Rates {
    /// The rate of stacks of models whose step costs `step_flops`: on the line through the neighbouring measurements in
    /// logarithms, and that of the nearest one outside them. `None` without a usable measurement.
    pub fn at(&self, step_flops: f64) -> Option<Rate> {
        let points = self.samples.iter().map(|s| (s.step_flops, s.flops_per_second));
        log_log(points, step_flops)
            .map(|(flops_per_second, basis)| Rate { flops_per_second, basis })
    }

    pub fn of(&self, stack: &Stack) -> Option<Rate> {
        self.at(stack.cells.first()?.step_flops())
    }

    /// Most replicas that pay for models whose step costs `step_flops`: between measurements as [`Rates::at`], rounded down.
    pub fn replicas(&self, step_flops: f64) -> Option<usize> {
        let points = self.samples.iter().map(|s| (s.step_flops, s.replicas as f64));
        // A measured width comes back whole.
        log_log(points, step_flops).map(|(width, _)| (width + 1e-9).floor().max(1.0) as usize)
    }

    /// Whether models whose step costs `step_flops` are within a factor [`REACH`] of a measured one.
    pub fn reach(&self, step_flops: f64) -> bool {
        self.samples.iter().any(|s| (step_flops / s.step_flops).ln().abs() <= REACH.ln())
    }

    /// Expected time of a grid, evaluation included. `None` without a usable measurement.
    pub fn time(&self, grid: &Grid) -> Option<TimeEstimate> {
        let evaluated = grid.evaluation.tokens as f64 * grid.evaluation.points as f64;
        let mut basis = Basis::Measured;
        let mut of = |stack: &Stack| {
            let shape = &stack.cells.first()?.shape;
            let evaluation = evaluated * shape.flops_per_token().forward();
            let flops = stack.cost_flops() + evaluation * stack.cells.len() as f64;
            let rate = self.of(stack)?;
            basis = basis.max(rate.basis);
            Some(flops / rate.flops_per_second)
        };
        // The costliest first, as they run where several run at once.
        let seconds: Option<Vec<f64>> = grid.stacks.iter().rev().map(&mut of).collect();
        Some(TimeEstimate {
            device: self.device.clone(),
            seconds: makespan(self.stacks_at_once, &[], seconds?),
            extrapolated: basis == Basis::Beyond,
        })
    }
}

impl Sample {
    /// A measurement of stacks of cells like this one.
    pub fn of(cell: &Cell, replicas: usize, flops_per_second: f64) -> Self {
        let (width, step_flops) = (cell.shape.width, cell.step_flops());
        Self { width, step_flops, replicas, speedup: None, flops_per_second }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(samples: &[(f64, usize)]) -> Rates {
        let sample = |&(step_flops, replicas): &(f64, usize)| Sample {
            width: 8 * replicas,
            step_flops,
            replicas,
            speedup: Some(1.0),
            flops_per_second: 1e9,
        };
        let samples = samples.iter().map(sample).collect();
        Rates { device: "test".into(), stacks_at_once: 2, samples }
    }

    #[test]
    fn widths_lie_on_the_line_between_measurements() {
        let w = rates(&[(1e10, 1), (1e6, 16), (1e8, 4)]);
        for (step_flops, replicas) in [(1e6, 16), (1e7, 8), (1e8, 4), (1e9, 2), (1e10, 1)] {
            assert_eq!(w.replicas(step_flops), Some(replicas), "{step_flops}");
        }
        assert_eq!(w.replicas(1e5), Some(16));
        assert_eq!(w.replicas(1e12), Some(1));
        assert_eq!(w.replicas(3e7), Some(5));
        assert!(w.reach(2e5) && w.reach(7e10) && !w.reach(1e5) && !w.reach(1e11));
    }

    #[test]
    fn nothing_comes_of_no_measurement() {
        assert_eq!(rates(&[]).replicas(1e9), None);
        assert_eq!(rates(&[(0.0, 4), (f64::NAN, 4), (1e9, 0)]).replicas(1e9), None);
        assert_eq!(rates(&[(1e9, 6)]).replicas(f64::NAN), Some(6));
        assert_eq!(rates(&[]).at(1e9), None);
    }

    #[test]
    fn rates_say_what_they_rest_on() {
        let r = rates(&[(1e6, 16), (1e8, 4)]);
        let basis = |step_flops| r.at(step_flops).unwrap().basis;
        assert_eq!(basis(1e6), Basis::Measured);
        assert_eq!(basis(1e7), Basis::Between);
        assert_eq!(basis(1e9), Basis::Beyond);
    }

    #[test]
    fn the_time_of_a_grid_is_that_of_its_stacks_one_by_one_or_side_by_side() {
        use isoflop_plan::{Config, DataFacts};
        let text = "[grid]\nbudgets = [1e10]\nwidths = [16, 32]\nmin_steps = 1\n[data]\nvalid_tokens = 4096\n";
        let config = Config::parse(text, "a.toml").unwrap();
        let facts = DataFacts {
            vocab: 256,
            train_tokens: None,
            data_sha256: String::new(),
            bytes_per_token: None,
        };
        let grid = Grid::build(&config, &facts).unwrap();
        assert_eq!(grid.stacks.len(), 2);
        let flops = |stack: &Stack| {
            let evaluated = (grid.evaluation.tokens * grid.evaluation.points as u64) as f64;
            let shape = stack.cells[0].shape;
            stack.cost_flops()
                + evaluated * stack.cells.len() as f64 * shape.flops_per_token().forward()
        };
        let each: Vec<f64> = grid.stacks.iter().map(|stack| flops(stack) / 1e9).collect();
        let mut measured = rates(&[(grid.stacks[0].cells[0].step_flops(), 1)]);
        measured.stacks_at_once = 1;
        let one_by_one = measured.time(&grid).unwrap();
        assert!((one_by_one.seconds / each.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(one_by_one.extrapolated, "the other shape lies beyond what was measured");
        measured.stacks_at_once = 2;
        let together = measured.time(&grid).unwrap().seconds;
        assert!((together / each.iter().copied().fold(0.0, f64::max) - 1.0).abs() < 1e-9);
        let both =
            grid.stacks.iter().map(|stack| (stack.cells[0].step_flops(), 1)).collect::<Vec<_>>();
        assert!(!rates(&both).time(&grid).unwrap().extrapolated);
        assert_eq!(rates(&[]).time(&grid), None);
    }
}
