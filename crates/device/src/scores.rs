//! Where attention on an adapter's matrix units is to have its scores: the ways are compared with each other and timed.
//!
//! Those that take fragments element by element need an extension that few drivers have; cubecl does not ask whether one does, and a
//! driver that only claims it may crash. So this runs in a process of its own, and the way through shared memory, which the
//! self-test has compared with the CPU, is what the others are measured by.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{DType, Device, Tensor, TensorData};
use isoflop_model::kernels::{Choices, Scores};
use isoflop_model::ops::attention::{self, Dims, QkNorm};
use isoflop_model::ops::linear::{half, operand};
use isoflop_plan::Precision;
use serde::{Deserialize, Serialize};

use super::error::panic_message;
use super::info::DeviceInfo;
use super::turns;
use super::wait::wait_for;

/// What came of the ways in which scores stay in fragments: how many times as fast they are as the one through shared memory, or why
/// they are not used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoresTrial {
    pub fragments: Result<f64, String>,
    pub wide_fragments: Result<f64, String>,
}

impl ScoresTrial {
    /// Neither way can be used, for this reason.
    pub fn failed(why: &str) -> Self {
        Self { fragments: Err(why.into()), wide_fragments: Err(why.into()) }
    }

    /// The fastest way.
    pub fn best(&self) -> Scores {
        let ways =
            [(Scores::Fragments, &self.fragments), (Scores::WideFragments, &self.wide_fragments)];
        let timed =
            ways.into_iter().filter_map(|(way, result)| Some((*result.as_ref().ok()?, way)));
        let faster = timed.filter(|(ratio, _)| *ratio > 1.0);
        faster.max_by(|a, b| a.0.total_cmp(&b.0)).map_or(Scores::Shared, |(_, way)| way)
    }
}

impl fmt::Display for ScoresTrial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |result: &Result<f64, String>| match result {
            Ok(times) => format!("{times:.2} times as fast as in shared memory"),
            Err(why) => format!("not used ({why})"),
        };
        let (one, two) = (word(&self.fragments), word(&self.wide_fragments));
        write!(f, "scores in one fragment a plane {one}, in two {two}")
    }
}

/// Sequences, their length, heads and channels of a head that are timed on a GPU.
const OF_GPUS: [usize; 4] = [16, 512, 8, 64];

/// The same on a software adapter, whose compiler takes seconds for large heads.
const OF_SOFTWARE: [usize; 4] = [1, 24, 2, 8];

/// The sizes that are timed on a device.
pub(super) fn sizes(info: &DeviceInfo) -> [usize; 4] {
    if info.is_gpu() { OF_GPUS } else { OF_SOFTWARE }
}

/// Compares and times the ways in a half precision. Leaves the device's choices as they were.
pub fn trial(device: &Device, precision: Precision, sizes: [usize; 4]) -> ScoresTrial {
    let before = Choices::of(device);
    let of = |scores| {
        let tried = catch_unwind(AssertUnwindSafe(|| way(device, precision, sizes, scores)));
        tried.unwrap_or_else(|panic| Err(panic_message(&*panic)))
    };
    let trial =
        ScoresTrial { fragments: of(Scores::Fragments), wide_fragments: of(Scores::WideFragments) };
    before.set(device);
    trial
}

/// How many times as fast a way is as the one through shared memory, once it has computed the same.
fn way(
    device: &Device,
    precision: Precision,
    [sequences, context, heads, head_dim]: [usize; 4],
    scores: Scores,
) -> Result<f64, String> {
    let set = |scores| Choices { scores, ..Choices::of(device) }.set(device);
    let small = Dims { replicas: 2, sequences: 1, context: 75, heads: 2, head_dim };
    // Gains so large that scores may have any size; none.
    for gain in [Some(1.0), Some(8.0), None] {
        let task = Task::new(small, gain, precision, device);
        let [right, got] = [Scores::Shared, scores].map(|scores| {
            set(scores);
            task.results()
        });
        for (what, (right, got)) in RESULTS.iter().zip(right?.iter().zip(&got?)) {
            let off = deviation(got, right);
            // NaN is not less.
            if !(off < allowed(precision)) {
                return Err(format!(
                    "{what} with gains of {gain:?} differs by {off:.1e} of the largest value"
                ));
            }
        }
    }
    let large = Dims { replicas: 1, sequences, context, heads, head_dim };
    let task = Task::new(large, Some(1.0), precision, device);
    let mut of = [scores, Scores::Shared].map(|scores| {
        let (task, set) = (&task, &set);
        move |count: usize| {
            set(scores);
            task.repeat(count)
        }
    });
    let [one, other] = &mut of;
    turns::times_as_fast(one, other)
}

/// Largest difference that rounding explains, as a share of the largest value.
fn allowed(precision: Precision) -> f32 {
    if precision == Precision::F16 { 5e-3 } else { 4e-2 }
}

fn deviation(got: &[f32], right: &[f32]) -> f32 {
    let largest = right.iter().fold(f32::MIN_POSITIVE, |a, b| a.max(b.abs()));
    let off = got.iter().zip(right).map(|(a, b)| (a - b).abs());
    off.fold(0.0, |a: f32, b| if a.is_nan() || b <= a { a } else { b }) / largest
}

/// What [`Task::results`] are.
const RESULTS: [&str; 4] = ["the result", "the gradient", "of query gains", "of key gains"];

/// An attention to compute.
struct Task {
    dims: Dims,
    qkv: Tensor<3>,
    dy: Tensor<3>,
    gains: Option<QkNorm>,
    precision: Precision,
}

impl Task {
    fn new(dims: Dims, gain: Option<f32>, precision: Precision, device: &Device) -> Self {
        let numbers = |seed: usize, [rows, cols]: [usize; 2], scale: f32, offset: f32| {
            let value =
                |i: usize| ((i * 7919 + seed * 104_729) as f32 * 0.37).sin() * scale + offset;
            let count = dims.replicas * rows * cols;
            let data = TensorData::new::<f32, _>(
                (0..count).map(value).collect(),
                [dims.replicas, rows, cols],
            );
            Tensor::<3>::from_data(data, device)
        };
        let rows = dims.sequences * dims.context;
        let half = half(precision);
        let gains = gain.map(|gain| {
            let of = |seed| numbers(seed, [1, dims.head_dim], 0.2 * gain, gain);
            QkNorm { q: of(1), k: of(2) }
        });
        Self {
            qkv: operand(numbers(3, [rows, 3 * dims.width()], 1.0, 0.0), half),
            dy: operand(numbers(4, [rows, dims.width()], 1.0, 0.0), half),
            gains,
            dims,
            precision,
        }
    }

    /// Result, gradient, and gradients of the gains.
    fn once(&self) -> Vec<Tensor<3>> {
        let (gains, half) = (self.gains.as_ref(), half(self.precision));
        let (y, saved) = attention::forward(self.qkv.clone(), gains, self.dims, half);
        let grads = attention::backward(saved, gains, self.dims, self.dy.clone(), half);
        let mut all = vec![y, grads.qkv];
        all.extend(grads.qk_norm.into_iter().flat_map(|QkNorm { q, k }| [q, k]));
        all
    }

    fn results(&self) -> Result<Vec<Vec<f32>>, String> {
        let values = |t: Tensor<3>| {
            let data = t.cast(DType::F32).try_into_data().map_err(|e| e.to_string())?;
            data.try_to_vec().map_err(|e| format!("{e:?}"))
        };
        self.once().into_iter().map(values).collect()
    }

    fn repeat(&self, count: usize) -> Result<(), String> {
        let mut last = self.once();
        for _ in 1..count {
            last = self.once();
        }
        wait_for(&last[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_way_that_is_right_is_taken() {
        let wrong = || Err("the result differs".to_owned());
        for (fragments, wide_fragments, best) in [
            (Ok(1.4), Ok(1.2), Scores::Fragments),
            (Ok(1.2), Ok(1.4), Scores::WideFragments),
            (Ok(0.8), Ok(0.9), Scores::Shared),
            (wrong(), Ok(1.1), Scores::WideFragments),
            (Ok(f64::NAN), wrong(), Scores::Shared),
        ] {
            let trial = ScoresTrial { fragments, wide_fragments };
            assert_eq!(trial.best(), best, "{trial:?}");
        }
        let failed = ScoresTrial { fragments: Ok(1.25), ..ScoresTrial::failed("it crashed") };
        let said = "scores in one fragment a plane 1.25 times as fast as in shared memory, in two not used (it crashed)";
        assert_eq!((failed.to_string().as_str(), failed.best()), (said, Scores::Fragments));
    }

    #[test]
    fn what_is_no_number_deviates() {
        assert_eq!(deviation(&[1.0, 2.0], &[1.0, 4.0]), 0.5);
        assert!(deviation(&[f32::NAN, 0.0], &[1.0, 1.0]).is_nan());
        assert!(deviation(&[0.0, f32::NAN, 0.0], &[1.0, 1.0, 1.0]).is_nan());
    }
}
