//! From measurements of a few models to the width of every stack.

use serde::{Deserialize, Serialize};

use crate::interpolate::log_log;
use crate::{SpeedSample, Throughput};

/// How far a measurement speaks for others, in FLOPs of a step.
const REACH: f64 = 8.0;

/// How wide stacks pay on a device, measured for a few models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StackWidths {
    /// The device, in words.
    pub device: String,
    /// Stacks that trained at once.
    pub stacks_at_once: usize,
    pub samples: Vec<WidthSample>,
}

/// The width that paid for one model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WidthSample {
    pub width: usize,
    /// Exact FLOPs of one training step of one replica.
    pub step_flops: f64,
    /// Replicas of the stack that trained the most tokens per second, all replicas together.
    pub replicas: usize,
    /// That speed as a multiple of a single replica's.
    pub speedup: f64,
    /// That speed in exact training FLOPs per second of one stack, all its replicas together, while
    /// the others train.
    pub flops_per_second: f64,
}

impl StackWidths {
    /// The speeds that were measured on the way.
    pub fn throughput(&self) -> Throughput {
        let speed =
            |s: &WidthSample| SpeedSample { width: s.width, flops_per_second: s.flops_per_second };
        Throughput {
            device: self.device.clone(),
            stacks_at_once: self.stacks_at_once,
            samples: self.samples.iter().map(speed).collect(),
        }
    }

    /// Whether models whose step costs `step_flops` are within a factor [`REACH`] of a measured one.
    pub fn reach(&self, step_flops: f64) -> bool {
        self.samples.iter().any(|s| (step_flops / s.step_flops).ln().abs() <= REACH.ln())
    }

    /// Most replicas for models whose step costs `step_flops`: on the line through the neighbouring
    /// measurements in logarithms, rounded down, and that of the nearest one outside them. `None`
    /// without a usable measurement.
    pub fn replicas(&self, step_flops: f64) -> Option<usize> {
        let points = self.samples.iter().map(|s| (s.step_flops, s.replicas as f64));
        // A measured width comes back whole.
        log_log(points, step_flops).map(|width| (width + 1e-9).floor().max(1.0) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widths(samples: &[(f64, usize)]) -> StackWidths {
        let sample = |&(step_flops, replicas): &(f64, usize)| WidthSample {
            width: 8 * replicas,
            step_flops,
            replicas,
            speedup: 1.0,
            flops_per_second: 1e9,
        };
        let samples = samples.iter().map(sample).collect();
        StackWidths { device: "test".into(), stacks_at_once: 2, samples }
    }

    #[test]
    fn widths_lie_on_the_line_between_measurements() {
        let w = widths(&[(1e10, 1), (1e6, 16), (1e8, 4)]);
        for (step_flops, replicas) in [(1e6, 16), (1e7, 8), (1e8, 4), (1e9, 2), (1e10, 1)] {
            assert_eq!(w.replicas(step_flops), Some(replicas), "{step_flops}");
        }
        assert_eq!(w.replicas(1e5), Some(16));
        assert_eq!(w.replicas(1e12), Some(1));
        assert_eq!(w.replicas(3e7), Some(5));
        assert!(w.reach(2e5) && w.reach(7e10) && !w.reach(1e5) && !w.reach(1e11));
    }

    #[test]
    fn speeds_go_with_the_widths() {
        let throughput = widths(&[(1e6, 16), (1e8, 4)]).throughput();
        assert_eq!(throughput.stacks_at_once, 2);
        assert_eq!(throughput.samples.iter().map(|s| s.width).collect::<Vec<_>>(), [128, 32]);
        assert!((throughput.flops_per_second(50).unwrap() / 1e9 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_comes_of_no_measurement() {
        assert_eq!(widths(&[]).replicas(1e9), None);
        assert_eq!(widths(&[(0.0, 4), (f64::NAN, 4), (1e9, 0)]).replicas(1e9), None);
        assert_eq!(widths(&[(1e9, 6)]).replicas(f64::NAN), Some(6));
    }
}
