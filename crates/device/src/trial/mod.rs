//! Ways to compute the same on an adapter's matrix units, compared with each other and timed.
//!
//! Those that take fragments element by element need an extension that few drivers have; cubecl does not ask whether one does, and a
//! driver that only claims it may crash. So this runs in a process of its own.

mod gates;
mod scores;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice::from_ref;

use burn::tensor::{DType, Device, Tensor, TensorData};
use isoflop_model::kernels::{Choices, Scores};
use isoflop_model::ops::attention;
use isoflop_plan::Precision;
use serde::{Deserialize, Serialize};

use super::error::panic_message;
use super::info::DeviceInfo;

/// What came of it in a half precision: how many times as fast each way is as the one that every device has, or why it is not used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    pub precision: Precision,
    /// Attention's scores in fragments, for those in shared memory.
    pub fragments: Result<f64, String>,
    pub wide_fragments: Result<f64, String>,
    /// SwiGLU on the way out of a product, for a launch of its own.
    pub gates: Result<f64, String>,
    /// The same of its gradient.
    pub gate_gradients: Result<f64, String>,
}

/// How many times as fast scores in fragments have to be: less may be chance.
const LEAST_GAIN: f64 = 1.03;

const WAYS: [Scores; 2] = [Scores::Fragments, Scores::WideFragments];

impl Trial {
    /// No way can be used, for this reason.
    pub fn failed(precision: Precision, why: &str) -> Self {
        let [fragments, wide_fragments, gates, gate_gradients] =
            [why; 4].map(|why| Err(why.into()));
        Self { precision, fragments, wide_fragments, gates, gate_gradients }
    }

    fn of(&mut self, way: Scores) -> Option<&mut Result<f64, String>> {
        match way {
            Scores::Shared => None,
            Scores::Fragments => Some(&mut self.fragments),
            Scores::WideFragments => Some(&mut self.wide_fragments),
        }
    }

    /// Where attention has its scores: the way that is the fastest in the precision where it gains least.
    pub fn scores(trials: &[Self]) -> Scores {
        let gain = |way: Scores| {
            let of = |trial: &Self| trial.clone().of(way).and_then(|result| result.clone().ok());
            let gains: Option<Vec<f64>> = trials.iter().map(of).collect();
            Some((gains?.into_iter().reduce(f64::min)?, way))
        };
        let faster = WAYS.into_iter().filter_map(gain).filter(|(gain, _)| *gain >= LEAST_GAIN);
        faster.max_by(|a, b| a.0.total_cmp(&b.0)).map_or(Scores::Shared, |(_, way)| way)
    }

    /// Whether SwiGLU, and its gradient, are made on the way out of products: where that is slower in no precision that was tried, in the
    /// way in which it was tried there. Sums that fragments cannot be computed with go through shared memory anyway: nothing
    /// need be tried where a driver has not the extension (`by_element`).
    pub fn gates(trials: &[Self], by_element: bool) -> [bool; 2] {
        if trials.is_empty() {
            return [!by_element; 2];
        }
        let held = Self::scores(trials) != Scores::Shared;
        let as_tried = |trial: &Self| (Self::scores(from_ref(trial)) != Scores::Shared) == held;
        let pays = |result: &Result<f64, String>| result.as_ref().is_ok_and(|&times| times >= 1.0);
        [
            trials.iter().all(|trial| as_tried(trial) && pays(&trial.gates)),
            trials.iter().all(|trial| pays(&trial.gate_gradients)),
        ]
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |result: &Result<f64, String>, than: &str| match result {
            Ok(times) => format!("{times:.2} times{than}"),
            Err(why) => format!("not used ({why})"),
        };
        let scores = |result| word(result, " as fast as in shared memory");
        let (one, two) = (scores(&self.fragments), scores(&self.wide_fragments));
        let gates = word(&self.gates, " as fast as by itself");
        let gradients = word(&self.gate_gradients, "");
        write!(
            f,
            "attention's scores in fragments side by side {one}, below each other {two}; SwiGLU on the way out of products {gates}, its gradient {gradients}"
        )
    }
}

/// What a trial computes.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Sequences, their length, heads and channels of a head of what is timed.
    pub attention: [usize; 4],
    /// Channels of other heads that are compared: fewer and more fragments, and some that are not filled.
    pub heads: &'static [usize],
    /// Tokens, width and half the width between the two projections around SwiGLU of what is timed.
    pub gates: [usize; 3],
}

impl Sizes {
    /// Those of a device. A software adapter's compiler takes seconds for large heads.
    pub(super) fn of(info: &DeviceInfo) -> Self {
        match info.is_gpu() {
            true => {
                Self { attention: [16, 512, 8, 64], heads: &[24, 128], gates: [8192, 512, 1376] }
            }
            false => Self { attention: [1, 24, 2, 8], heads: &[], gates: [512, 32, 96] },
        }
    }
}

/// What a way comes to; a driver's breakdown is its words.
fn tried(what: &dyn Fn() -> Result<f64, String>) -> Result<f64, String> {
    let result = catch_unwind(AssertUnwindSafe(what));
    result.unwrap_or_else(|panic| Err(panic_message(&*panic)))
}

/// Compares and times the ways in a half precision. Leaves the device's choices as they were.
pub fn run(device: &Device, precision: Precision, sizes: Sizes) -> Trial {
    let before = Choices::of(device);
    let [.., head_dim] = sizes.attention;
    let [fragments, wide_fragments] = WAYS.map(|way| {
        tried(&|| {
            scores::compare(device, precision, head_dim, way)?;
            scores::time(device, precision, sizes.attention, way)
        })
    });
    let mut trial = Trial { fragments, wide_fragments, ..Trial::failed(precision, "not tried") };
    // The better way has to be right for other heads too.
    loop {
        let way = Trial::scores(from_ref(&trial));
        let held = |head: &&usize| attention::holds(device, precision, **head, way);
        let heads = sizes.heads.iter().filter(held);
        let wrong = heads.filter_map(|&head| {
            tried(&|| scores::compare(device, precision, head, way).map(|()| 1.0)).err()
        });
        match (wrong.take(1).next(), trial.of(way)) {
            (Some(why), Some(result)) => *result = Err(why),
            _ => break,
        }
    }
    // Gates are computed in fragments where scores are.
    let scores = Trial::scores(from_ref(&trial));
    Choices { scores, ..before }.set(device);
    [trial.gates, trial.gate_gradients] = [false, true].map(|backward| {
        tried(&|| {
            gates::compare(device, precision, backward)?;
            gates::time(device, precision, sizes.gates, backward)
        })
    });
    before.set(device);
    trial
}

/// Of each of up to two replicas: what numbers are multiplied by, and what is added.
type Replicas = [[f32; 2]; 2];

const PLAIN: Replicas = [[1.0, 0.0]; 2];

/// Numbers between -1 and 1, scaled and shifted.
fn made_up(seed: usize, dims: [usize; 3], of: Replicas, device: &Device) -> Tensor<3> {
    let [replicas, rows, cols] = dims;
    let value = |i: usize| {
        let [scale, offset] = of[i / (rows * cols)];
        ((i * 7919 + seed * 104_729) as f32 * 0.37).sin() * scale + offset
    };
    let values = (0..replicas * rows * cols).map(value).collect();
    Tensor::from_data(TensorData::new::<f32, _>(values, dims), device)
}

fn values(t: Tensor<3>) -> Result<Vec<f32>, String> {
    let data = t.cast(DType::F32).try_into_data().map_err(|e| e.to_string())?;
    data.try_to_vec().map_err(|e| format!("{e:?}"))
}

/// Whether a result differs by no more than rounding explains.
fn agree(what: &str, got: &[f32], right: &[f32], precision: Precision) -> Result<(), String> {
    let (off, allowed) = (deviation(got, right), allowed(precision));
    // NaN is not less.
    if off < allowed {
        return Ok(());
    }
    Err(format!("{what} differs by {off:.1e} of its largest value, {allowed:.0e} is allowed"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fragments: Result<f64, String>, wide_fragments: Result<f64, String>) -> Trial {
        let precision = Precision::Bf16;
        Trial { precision, fragments, wide_fragments, gates: Ok(1.2), gate_gradients: Ok(0.9) }
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
            assert_eq!(Trial::scores(from_ref(&trial)), best, "{trial:?}");
        }
        assert_eq!(Trial::scores(&[]), Scores::Shared);
        let both = [of(Ok(1.5), Ok(1.2)), of(Ok(1.1), Ok(1.3))];
        assert_eq!(Trial::scores(&both), Scores::WideFragments, "of the least gains");
        let one = [of(Ok(1.5), Ok(1.2)), Trial::failed(Precision::F16, "it crashed")];
        assert_eq!(Trial::scores(&one), Scores::Shared, "right in one precision alone");
        let said = "attention's scores in fragments side by side 1.25 times as fast as in shared memory, below each other not used (it crashed); SwiGLU on the way out of products 1.20 times as fast as by itself, its gradient 0.90 times";
        assert_eq!(of(Ok(1.25), Err("it crashed".into())).to_string(), said);
    }

    #[test]
    fn gates_are_made_on_the_way_out_where_no_precision_is_slower_by_it() {
        let trial = of(Ok(1.4), Ok(1.2));
        assert_eq!(Trial::gates(from_ref(&trial), true), [true, false]);
        assert_eq!(Trial::gates(&[], false), [true, true], "through shared memory in any case");
        assert_eq!(Trial::gates(&[], true), [false, false], "it could have been tried");
        let failed = Trial::failed(Precision::F16, "it crashed");
        assert_eq!(Trial::gates(&[trial.clone(), failed], true), [false, false]);
        let mut shared = of(Ok(0.9), Ok(0.9));
        shared.gate_gradients = Ok(1.1);
        assert_eq!(Trial::gates(from_ref(&shared), true), [true, true]);
        assert_eq!(Trial::gates(&[trial, shared], true), [false, false], "tried in fragments");
    }

    #[test]
    fn what_is_no_number_deviates() {
        assert_eq!(deviation(&[1.0, 2.0], &[1.0, 4.0]), 0.5);
        assert!(deviation(&[f32::NAN, 0.0], &[1.0, 1.0]).is_nan());
        assert!(deviation(&[0.0, f32::NAN, 0.0], &[1.0, 1.0, 1.0]).is_nan());
    }
}
