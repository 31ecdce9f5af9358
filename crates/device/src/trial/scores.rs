//! Where attention has its scores: the way through shared memory, which the self-test has compared with the CPU, is what the others are
//! measured by.

use burn::tensor::{Device, Tensor};
use isoflop_model::kernels::{Choices, Scores};
use isoflop_model::ops::attention::{self, Dims, QkNorm};
use isoflop_model::ops::linear::{half, operand};
use isoflop_plan::Precision;

use super::{PLAIN, agree, made_up, values};
use crate::turns;
use crate::wait::wait_for;

fn set(device: &Device, scores: Scores) {
    Choices { scores, ..Choices::of(device) }.set(device);
}

/// Whether a way computes what the one through shared memory does. Its replicas have gains on either side of what bounds scores, so that
/// the forward pass goes both ways; it is computed without a norm too.
pub(super) fn compare(
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
            agree(&format!("{what} of heads of {head_dim} {how}"), got, right, precision)?;
        }
    }
    Ok(())
}

/// How many times as fast a way is as the one through shared memory.
pub(super) fn time(
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
        let numbers = |seed, [rows, cols]: [usize; 2], of: [[f32; 2]; 2]| {
            made_up(seed, [dims.replicas, rows, cols], of, device)
        };
        let rows = dims.sequences * dims.context;
        let half = half(precision);
        let gains = gains.map(|gains| {
            let of = |seed| numbers(seed, [1, dims.head_dim], gains.map(|gain| [0.2 * gain, gain]));
            QkNorm { q: of(1), k: of(2) }
        });
        Self {
            qkv: operand(numbers(3, [rows, 3 * dims.width()], PLAIN), half),
            dy: operand(numbers(4, [rows, dims.width()], PLAIN), half),
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
