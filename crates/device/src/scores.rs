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

/// What came of the ways in which scores stay in fragments, in a half precision: how many times as fast they are as the one through
/// shared memory, or why they are not used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoresTrial {
    pub precision: Precision,
    pub fragments: Result<f64, String>,
    pub wide_fragments: Result<f64, String>,
}

/// How many times as fast a way has to be: less may be chance.
const LEAST_GAIN: f64 = 1.03;

const WAYS: [Scores; 2] = [Scores::Fragments, Scores::WideFragments];

impl ScoresTrial {
    /// Neither way can be used, for this reason.
    pub fn failed(precision: Precision, why: &str) -> Self {
        Self { precision, fragments: Err(why.into()), wide_fragments: Err(why.into()) }
    }

    fn of(&mut self, way: Scores) -> Option<&mut Result<f64, String>> {
        match way {
            Scores::Shared => None,
            Scores::Fragments => Some(&mut self.fragments),
            Scores::WideFragments => Some(&mut self.wide_fragments),
        }
    }

    /// The way that is the fastest in the precision where it gains least.
    pub fn best(trials: &[Self]) -> Scores {
        let gain = |way: Scores| {
            let of = |trial: &Self| trial.clone().of(way).and_then(|result| result.clone().ok());
            let gains: Option<Vec<f64>> = trials.iter().map(of).collect();
            Some((gains?.into_iter().reduce(f64::min)?, way))
        };
        let faster = WAYS.into_iter().filter_map(gain).filter(|(gain, _)| *gain >= LEAST_GAIN);
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
        write!(f, "scores in fragments side by side {one}, below each other {two}")
    }
}

/// What a trial computes.
#[derive(Debug, Clone, Copy)]
pub struct TrialSizes {
    /// Sequences, their length, heads and channels of a head of what is timed.
    pub timed: [usize; 4],
    /// Channels of other heads that are compared: fewer and more fragments, and some that are not filled.
    pub compared: &'static [usize],
}

impl TrialSizes {
    /// Those of a device. A software adapter's compiler takes seconds for large heads.
    pub(super) fn of(info: &DeviceInfo) -> Self {
        match info.is_gpu() {
            true => Self { timed: [16, 512, 8, 64], compared: &[24, 128] },
            false => Self { timed: [1, 24, 2, 8], compared: &[] },
        }
    }
}

/// Compares and times the ways in a half precision. Leaves the device's choices as they were.
pub fn trial(device: &Device, precision: Precision, sizes: TrialSizes) -> ScoresTrial {
    let before = Choices::of(device);
    let tried = |what: &dyn Fn() -> Result<f64, String>| {
        let result = catch_unwind(AssertUnwindSafe(what));
        result.unwrap_or_else(|panic| Err(panic_message(&*panic)))
    };
    let [.., head_dim] = sizes.timed;
    let [fragments, wide_fragments] = WAYS.map(|way| {
        tried(&|| {
            compare(device, precision, head_dim, way)?;
            time(device, precision, sizes.timed, way)
        })
    });
    let mut trial = ScoresTrial { precision, fragments, wide_fragments };
    // The better way has to be right for other heads too.
    loop {
        let way = ScoresTrial::best(std::slice::from_ref(&trial));
        let held = |head: &&usize| attention::holds(device, precision, **head, way);
        let heads = sizes.compared.iter().filter(held);
        let wrong = heads.filter_map(|&head| {
            tried(&|| compare(device, precision, head, way).map(|()| 1.0)).err()
        });
        match (wrong.take(1).next(), trial.of(way)) {
            (Some(why), Some(result)) => *result = Err(why),
            _ => break,
        }
    }
    before.set(device);
    trial
}

fn set(device: &Device, scores: Scores) {
    Choices { scores, ..Choices::of(device) }.set(device);
}

/// Whether a way computes what the one through shared memory does. Its replicas have gains on either side of what bounds scores, so that
/// the forward pass goes both ways; it is computed without a norm too.
fn compare(
    device: &Device,
    precision: Precision,
    head_dim: usize,
    way: Scores,
) -> Result<(), String> {
    if !attention::holds(device, precision, head_dim, way) {
        return Err(format!("its shared memory has no room for heads of {head_dim}"));
    }
    // More than one tile of rows.
    let dims = Dims { replicas: 2, sequences: 1, context: 150, heads: 2, head_dim };
    for (gains, how) in [(Some([SMALL_GAIN, 8.0]), "with a norm"), (None, "without a norm")] {
        let task = Task::new(dims, gains, precision, device);
        let [right, got] = [Scores::Shared, way].map(|scores| {
            set(device, scores);
            task.results()
        });
        for (what, (right, got)) in RESULTS.iter().zip(right?.iter().zip(&got?)) {
            let (off, allowed) = (deviation(got, right), allowed(precision));
            // NaN is not less.
            if !(off < allowed) {
                return Err(format!(
                    "{what} of heads of {head_dim} {how} differs by {off:.1e} of its largest value, {allowed:.0e} is allowed"
                ));
            }
        }
    }
    Ok(())
}

/// How many times as fast a way is as the one through shared memory.
fn time(
    device: &Device,
    precision: Precision,
    [sequences, context, heads, head_dim]: [usize; 4],
    way: Scores,
) -> Result<f64, String> {
    let dims = Dims { replicas: 1, sequences, context, heads, head_dim };
    let task = Task::new(dims, Some([SMALL_GAIN; 2]), precision, device);
    let mut of = [way, Scores::Shared].map(|scores| {
        let task = &task;
        move |count: usize| {
            set(device, scores);
            task.repeat(count)
        }
    });
    let [one, other] = &mut of;
    turns::times_as_fast(one, other)
}

/// Gains with which no score is large in any half precision.
const SMALL_GAIN: f32 = 0.5;

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
const RESULTS: [&str; 4] =
    ["the result", "the gradient", "the gradient of query gains", "the gradient of key gains"];

/// An attention to compute.
struct Task {
    dims: Dims,
    qkv: Tensor<3>,
    dy: Tensor<3>,
    gains: Option<QkNorm>,
    precision: Precision,
}

impl Task {
    /// With gains about these, one for each of up to two replicas.
    fn new(dims: Dims, gains: Option<[f32; 2]>, precision: Precision, device: &Device) -> Self {
        let numbers = |seed: usize, [rows, cols]: [usize; 2], of: [[f32; 2]; 2]| {
            let each = rows * cols;
            let value = |i: usize| {
                let [scale, offset] = of[i / each];
                ((i * 7919 + seed * 104_729) as f32 * 0.37).sin() * scale + offset
            };
            let values = (0..dims.replicas * each).map(value).collect();
            let data = TensorData::new::<f32, _>(values, [dims.replicas, rows, cols]);
            Tensor::<3>::from_data(data, device)
        };
        let rows = dims.sequences * dims.context;
        let half = half(precision);
        let gains = gains.map(|gains| {
            let of = |seed| numbers(seed, [1, dims.head_dim], gains.map(|gain| [0.2 * gain, gain]));
            QkNorm { q: of(1), k: of(2) }
        });
        let plain = [[1.0, 0.0]; 2];
        Self {
            qkv: operand(numbers(3, [rows, 3 * dims.width()], plain), half),
            dy: operand(numbers(4, [rows, dims.width()], plain), half),
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

    fn of(fragments: Result<f64, String>, wide_fragments: Result<f64, String>) -> ScoresTrial {
        ScoresTrial { precision: Precision::Bf16, fragments, wide_fragments }
    }

    #[test]
    fn the_fastest_way_that_is_right_is_taken() {
        let wrong = || Err("the result differs".to_owned());
        for (fragments, wide_fragments, best) in [
            (Ok(1.4), Ok(1.2), Scores::Fragments),
            (Ok(1.2), Ok(1.4), Scores::WideFragments),
            (Ok(0.8), Ok(1.01), Scores::Shared),
            (wrong(), Ok(1.1), Scores::WideFragments),
            (Ok(f64::NAN), wrong(), Scores::Shared),
        ] {
            let trial = of(fragments, wide_fragments);
            assert_eq!(ScoresTrial::best(std::slice::from_ref(&trial)), best, "{trial:?}");
        }
        assert_eq!(ScoresTrial::best(&[]), Scores::Shared);
        let both = [of(Ok(1.5), Ok(1.2)), of(Ok(1.1), Ok(1.3))];
        assert_eq!(ScoresTrial::best(&both), Scores::WideFragments, "of the least gains");
        let one = [of(Ok(1.5), Ok(1.2)), ScoresTrial::failed(Precision::F16, "it crashed")];
        assert_eq!(ScoresTrial::best(&one), Scores::Shared, "right in one precision alone");
        let said = "scores in fragments side by side 1.25 times as fast as in shared memory, below each other not used (it crashed)";
        assert_eq!(of(Ok(1.25), Err("it crashed".into())).to_string(), said);
    }

    #[test]
    fn what_is_no_number_deviates() {
        assert_eq!(deviation(&[1.0, 2.0], &[1.0, 4.0]), 0.5);
        assert!(deviation(&[f32::NAN, 0.0], &[1.0, 1.0]).is_nan());
        assert!(deviation(&[0.0, f32::NAN, 0.0], &[1.0, 1.0, 1.0]).is_nan());
    }
}
