//! The time of the model's operations one by one: as kernels and as tensor operations.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use isoflop_device::panic_message;
use isoflop_model::kernels::Choices;
use isoflop_model::ops::activation::{self, Activation};
use isoflop_model::ops::attention::{self, Dims, QkNorm};
use isoflop_model::ops::{cross_entropy, embedding, linear, norm};
use isoflop_model::{OptimState, StackModel, Tokens};
use isoflop_plan::{Family, Hyper, Shape};

use crate::timing::{MeasureError, setting, windows};

/// Rounds, of which the median counts: kernels and tensor operations take turns.
const ROUNDS: usize = 5;

/// One operation of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationTime {
    pub operation: &'static str,
    /// Seconds of one call as kernels; a kernel that works in place is charged a copy of its operand,
    /// which a step does not make.
    pub kernels: f64,
    /// Seconds of one call as tensor operations.
    pub tensor: f64,
    /// Tensor operations over kernels in each round, sorted.
    pub ratios: Vec<f64>,
}

/// Does it once and returns the results: what nobody waits for may never be computed.
type Call = Box<dyn FnMut() -> Vec<Tensor<3>>>;

/// Results that are kept until the device has them.
const HELD: usize = 4;

/// Times every operation that has a kernel at the sizes of a stack, about `seconds` for each way of
/// each. Leaves the device's choices as they were.
///
/// # Errors
/// If the device breaks down.
pub fn time_operations(
    shape: &Shape,
    hyper: &Hyper,
    replicas: usize,
    device: &Device,
    seconds: f64,
) -> Result<Vec<OperationTime>, MeasureError> {
    let before = Choices::of(device);
    let work = || {
        let operations = operations(shape, hyper, replicas, device);
        let timed = |(name, call)| time(name, call, device, before, seconds);
        operations.into_iter().map(timed).collect()
    };
    let times = catch_unwind(AssertUnwindSafe(work));
    before.set(device);
    times.map_err(|panic| MeasureError::Device { what: panic_message(&*panic) })
}

fn time(
    operation: &'static str,
    mut call: Call,
    device: &Device,
    before: Choices,
    seconds: f64,
) -> OperationTime {
    let mut run = |on: bool, count: usize| {
        // Without kernels products are cubek's, in half precision too.
        let matrix_units = on && before.matrix_units;
        Choices { kernels: on, unit_products: on, matrix_units, ..before }.set(device);
        let started = Instant::now();
        for first in (0..count).step_by(HELD) {
            let held: Vec<_> = (first..count.min(first + HELD)).map(|_| call()).collect();
            device.sync().unwrap_or_else(|error| panic!("{error}"));
            drop(held);
        }
        started.elapsed().as_secs_f64() / count as f64
    };
    // The first call compiles, the second is the length of one.
    let counts = [true, false].map(|on| {
        run(on, 1);
        let one = run(on, 1);
        ((seconds / ROUNDS as f64 / one) as usize).clamp(1, 10_000)
    });
    let rounds: Vec<[f64; 2]> =
        (0..ROUNDS).map(|_| [run(true, counts[0]), run(false, counts[1])]).collect();
    let sorted = |f: fn(&[f64; 2]) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(f).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    OperationTime {
        operation,
        kernels: sorted(|r| r[0])[ROUNDS / 2],
        tensor: sorted(|r| r[1])[ROUNDS / 2],
        ratios: sorted(|r| r[1] / r[0]),
    }
}

/// The operations of a step that have kernels, at its sizes.
fn operations(
    shape: &Shape,
    hyper: &Hyper,
    replicas: usize,
    device: &Device,
) -> Vec<(&'static str, Call)> {
    let (r, m, d) = (replicas, hyper.batch_sequences * shape.context, shape.width);
    let random =
        |dims: [usize; 3]| Tensor::<3>::random(dims, Distribution::Normal(0.0, 1.0), device);
    let (x, dy, gain) = (random([r, m, d]), random([r, m, d]), random([r, 1, d]));
    let (inputs, targets) = {
        let count = r * hyper.batch_sequences * (shape.context + 1);
        Tokens::inputs_and_targets(&windows(0, count, shape.vocab), r, shape.context)
    };
    let dims = Dims {
        replicas: r,
        sequences: hyper.batch_sequences,
        context: shape.context,
        heads: shape.heads,
        head_dim: shape.head_dim(),
    };
    let half = linear::half(hyper.precision);
    let llama = shape.family == Family::Llama;
    let kind = if llama { Activation::SwiGlu } else { Activation::Gelu };
    let qkv = random([r, m, 3 * d]);
    let gains = llama
        .then(|| QkNorm { q: random([r, 1, dims.head_dim]), k: random([r, 1, dims.head_dim]) });
    let up = random([r, m, if llama { 2 * shape.hidden } else { shape.hidden }]);
    let dactive = random([r, m, shape.hidden]);
    let logits = random([r, m, shape.vocab]);
    let seeds: Vec<u64> = (0..r as u64).collect();
    let mut model = StackModel::init(shape, &seeds, hyper.precision, device);
    let mut optim = OptimState::new(&model);
    let grads: Vec<Tensor<3>> = model.weights().iter().map(|w| random(w.dims())).collect();
    let (settings, rule) = (vec![setting(hyper); r], hyper.optimizer);

    let vocab = shape.vocab;
    let forward = {
        let (x, gain) = (x.clone(), gain.clone());
        move || vec![norm::forward(&x, &gain, None).0]
    };
    let project = {
        let (x, dy) = (x.clone(), random([r, m, 3 * d]));
        let w = random([r, d, 3 * d]);
        move || {
            let g = linear::backward(x.clone(), &w, false, dy.clone(), half);
            vec![linear::forward(&x, &w, None, half), g.x, g.w]
        }
    };
    let backward = {
        let dy = dy.clone();
        move || {
            let (_, saved) = norm::forward(&x, &gain, None);
            let g = norm::backward(saved, &gain, false, dy.clone(), Some(x.clone()));
            vec![g.x, g.gain]
        }
    };
    let attend = {
        let (qkv, gains) = (qkv.clone(), gains.clone());
        move || vec![attention::forward(qkv.clone(), gains.as_ref(), dims, half).0]
    };
    let attend_back = {
        let dy = dy.clone();
        move || {
            let (_, saved) = attention::forward(qkv.clone(), gains.as_ref(), dims, half);
            let g = attention::backward(saved, gains.as_ref(), dims, dy.clone(), half);
            let norms = g.qk_norm.map(|norm| [norm.q, norm.k]);
            std::iter::once(g.qkv).chain(norms.into_iter().flatten()).collect()
        }
    };
    let activate = {
        let up = up.clone();
        move || vec![activation::forward(&up, kind)]
    };
    vec![
        ("a projection, forward and backward", Box::new(project)),
        ("norm", Box::new(forward)),
        ("norm, forward and backward", Box::new(backward)),
        ("attention", Box::new(attend)),
        ("attention, forward and backward", Box::new(attend_back)),
        ("activation", Box::new(activate)),
        (
            "activation, backward",
            Box::new(move || vec![activation::backward(up.clone(), kind, dactive.clone())]),
        ),
        (
            "cross-entropy and its gradient",
            Box::new(move || {
                let (loss, grad) = cross_entropy::loss_and_grad(logits.clone(), &targets, 0.0, 1.0);
                vec![loss.reshape([r, 1, 1]), grad]
            }),
        ),
        (
            "embedding, backward",
            Box::new(move || vec![embedding::backward(vocab, false, &inputs, dy.clone()).0]),
        ),
        (
            "clipping and update",
            Box::new(move || {
                let norms = optim.update(rule, &mut model, grads.clone(), &settings);
                vec![norms.reshape([r, 1, 1])]
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use isoflop_plan::Precision;

    use super::*;
    use crate::timing::tests::SHAPE;

    #[test]
    fn every_operation_has_two_times() {
        let hyper = Hyper::for_timing(2, Precision::F32);
        let times = time_operations(&SHAPE, &hyper, 2, &Device::flex(), 0.001).unwrap();
        assert_eq!(times.len(), 10);
        for time in times {
            assert!(time.kernels > 0.0 && time.tensor > 0.0, "{time:?}");
            assert!(time.ratios.len() == ROUNDS && time.ratios.is_sorted(), "{time:?}");
        }
    }
}
