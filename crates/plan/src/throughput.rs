//! From a short measurement to the time that a grid will take.

use serde::{Deserialize, Serialize};

use crate::interpolate::log_log;
use crate::{Grid, Stack};

/// Measured training speed of a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// The device, in words.
    pub device: String,
    /// Stacks that train at once; each has the measured speed while the others run.
    pub stacks_at_once: usize,
    pub samples: Vec<SpeedSample>,
}

/// Speed of one stack.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SpeedSample {
    pub width: usize,
    /// Exact training FLOPs per second, over all its replicas.
    pub flops_per_second: f64,
}

/// Seconds until the last of several workers is done: each has `running` seconds of work at hand (fewer
/// entries than workers: the rest are idle) and the `queued` pieces go to whoever is free first.
pub fn makespan(workers: usize, running: &[f64], queued: impl IntoIterator<Item = f64>) -> f64 {
    let mut loads = running.to_vec();
    loads.resize(workers.max(running.len()).max(1), 0.0);
    for seconds in queued {
        let free = loads.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("there is a worker");
        *free += seconds;
    }
    loads.into_iter().fold(0.0, f64::max)
}

impl Throughput {
    /// Expected training FLOPs per second of stacks of models of some width: on the line through
    /// the neighbouring measurements in logarithms, and that of the nearest one outside them.
    /// `None` without a usable measurement.
    pub fn flops_per_second(&self, width: usize) -> Option<f64> {
        let points = self.samples.iter().map(|s| (s.width as f64, s.flops_per_second));
        log_log(points, width.max(1) as f64)
    }
}

impl Grid {
    /// Expected seconds of training and evaluation. `None` without a usable measurement.
    pub fn seconds(&self, throughput: &Throughput) -> Option<f64> {
        let evaluated = self.evaluation.tokens as f64 * self.evaluation.points as f64;
        let of = |stack: &Stack| {
            let shape = &stack.cells.first()?.shape;
            let evaluation = evaluated * shape.flops_per_token().forward();
            let flops = stack.cost_flops() + evaluation * stack.cells.len() as f64;
            Some(flops / throughput.flops_per_second(shape.width)?)
        };
        // The costliest first, as they run where several run at once.
        let seconds: Option<Vec<f64>> = self.stacks.iter().rev().map(of).collect();
        Some(makespan(throughput.stacks_at_once, &[], seconds?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throughput(samples: &[(usize, f64)]) -> Throughput {
        let sample =
            |(width, speed): &(usize, f64)| SpeedSample { width: *width, flops_per_second: *speed };
        Throughput {
            device: "test".into(),
            stacks_at_once: 1,
            samples: samples.iter().map(sample).collect(),
        }
    }

    #[test]
    fn speeds_lie_on_the_line_between_measurements() {
        let t = throughput(&[(64, 4e10), (16, 1e10)]);
        let speed = |w| t.flops_per_second(w).unwrap();
        assert!((speed(32) / 2e10 - 1.0).abs() < 1e-12);
        assert!((speed(16) / 1e10 - 1.0).abs() < 1e-12);
        assert!((speed(4) / 1e10 - 1.0).abs() < 1e-12);
        assert!((speed(999) / 4e10 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn queued_work_goes_to_the_first_who_is_free() {
        assert_eq!(makespan(1, &[], [3.0, 2.0, 1.0]), 6.0);
        assert_eq!(makespan(2, &[], [3.0, 2.0, 1.0]), 3.0);
        assert_eq!(makespan(2, &[5.0], [3.0, 1.0, 2.0]), 6.0);
        assert_eq!(makespan(0, &[4.0, 1.0], []), 4.0);
    }

    #[test]
    fn nothing_comes_of_no_measurement() {
        assert_eq!(throughput(&[]).flops_per_second(8), None);
        assert_eq!(throughput(&[(8, 0.0), (0, 1.0), (9, f64::NAN)]).flops_per_second(8), None);
        assert!(
            (throughput(&[(8, 3.0), (8, 3.0)]).flops_per_second(8).unwrap() - 3.0).abs() < 1e-12
        );
    }
}
