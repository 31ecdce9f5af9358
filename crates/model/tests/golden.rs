//! Training trajectories against PyTorch's: loss and gradient norm of every step, gradients of the
//! first, weights after the last. `scripts/golden_pytorch.py` makes the numbers, in float64.
//!
//! Weights and batches follow from hashes that both sides compute alike. Tolerances are five
//! to twelve times what PyTorch's own float32 deviates from its float64 (`float32_deviation` in the
//! files: losses up to 1.8e-7, gradient norms 1.6e-6, gradients 2.2e-6, weights 8.6e-7). A norm's
//! epsilon of 1e-6, a rotary base off by 1%, Adam's epsilon of 1e-7 or no z-loss are all outside.

use burn::tensor::{Device, Tensor, TensorData};
use isoflop_model::{OptimState, ReplicaStep, StackModel, Tokens, param_specs};
use isoflop_plan::{Hyper, Optimizer, Shape};
use serde::Deserialize;

/// Relative, of the loss of any step.
const LOSS_TOLERANCE: f64 = 1e-6;
/// Relative, of the gradient norm of any step.
const GRAD_NORM_TOLERANCE: f64 = 1e-5;
/// Of every number of a gradient's digest, in units of the gradient's norm.
const GRADIENT_TOLERANCE: f64 = 1e-5;
/// Of every number of a weight's digest, in units of the weight's norm.
const WEIGHT_TOLERANCE: f64 = 1e-5;

#[derive(Deserialize)]
struct Golden {
    shape: Shape,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    key: u64,
    steps: usize,
    hyper: Hyper,
    float32_deviation: Deviation,
    rates: Vec<f64>,
    losses: Vec<f64>,
    grad_norms: Vec<f64>,
    gradients: Vec<Digest>,
    weights: Vec<Digest>,
}

/// Numbers that stand for a tensor.
#[derive(Deserialize)]
struct Digest {
    name: String,
    sum: f64,
    norm: f64,
    dot: f64,
    entries: Vec<(usize, f64)>,
    /// Elements left out: the loss does not depend on them, so that their gradient is noise.
    without: Option<(usize, usize)>,
}

/// Largest deviations of a run.
#[derive(Deserialize)]
struct Deviation {
    losses: f64,
    grad_norms: f64,
    gradients: f64,
    weights: f64,
}

impl std::fmt::Display for Deviation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { losses, grad_norms, gradients, weights } = self;
        write!(f, "losses {losses:.1e}, gradient norms {grad_norms:.1e}, ")?;
        write!(f, "gradients {gradients:.1e}, weights {weights:.1e}")
    }
}

fn golden(family: &str) -> Golden {
    let path = format!("{}/tests/golden/{family}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// SplitMix64's output function over (key, tensor, index).
fn scramble(key: u64, tensor: u64, index: u64) -> u64 {
    let z = ((key << 48) + (tensor << 32) + index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in [-1, 1) on a grid of 2^-23.
fn unit(key: u64, tensor: usize, index: usize) -> f64 {
    let bits = scramble(key, tensor as u64, index as u64) >> 40;
    bits as f64 / f64::from(1 << 23) - 1.0
}

fn initial(name: &str, rows: usize, u: f64) -> f32 {
    let value = match name.rsplit('.').next().unwrap() {
        "qkv" | "out" | "gate_up" | "up" | "down" | "head" => u * (3.0 / rows as f64).sqrt(),
        "embedding" | "positions" => u * 0.5,
        bias if bias.ends_with("_bias") => u * 0.1,
        _ => 1.0 + u * 0.25,
    };
    value as f32
}

fn token(key: u64, step: usize, index: usize, vocab: u64) -> i32 {
    let h = scramble(key, 1000 + step as u64, index as u64);
    ((h & 0xFFFF) % vocab * (((h >> 16) & 0xFFFF) % vocab) / vocab) as i32
}

/// The replicas of these runs, side by side.
fn model(shape: &Shape, runs: &[&Run]) -> StackModel {
    let specs = param_specs(shape);
    let weights = specs.iter().enumerate().map(|(tensor, spec)| {
        let replica = |run: &&Run| {
            let key = run.key;
            let value = move |i| initial(&spec.name, spec.rows, unit(key, tensor, i));
            (0..spec.len()).map(value).collect::<Vec<f32>>()
        };
        let values: Vec<f32> = runs.iter().flat_map(replica).collect();
        let data = TensorData::new(values, [runs.len(), spec.rows, spec.cols]);
        Tensor::<3>::from_data(data, &Device::flex())
    });
    StackModel::from_weights(shape, weights.collect(), runs[0].hyper.precision)
}

/// One run's numbers, as the Rust model finds them.
#[derive(Debug, Default, PartialEq)]
struct Found {
    losses: Vec<f32>,
    grad_norms: Vec<f32>,
    gradients: Vec<Vec<f32>>,
    weights: Vec<Vec<f32>>,
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_to_vec().unwrap()
}

/// Every tensor's part of each replica, filed with `into`.
fn file(
    found: &mut [Found],
    tensors: &[Tensor<3>],
    into: impl Fn(&mut Found) -> &mut Vec<Vec<f32>>,
) {
    for tensor in tensors {
        let all = values(tensor);
        let parts = all.chunks_exact(all.len() / found.len());
        found.iter_mut().zip(parts).for_each(|(f, part)| into(f).push(part.to_vec()));
    }
}

/// Trains the runs as one stack.
fn train(shape: &Shape, runs: &[&Run]) -> Vec<Found> {
    let mut model = model(shape, runs);
    let mut optim = OptimState::new(&model);
    let mut found: Vec<Found> = runs.iter().map(|_| Found::default()).collect();
    let hyper = &runs[0].hyper;
    let ids = hyper.batch_sequences * (shape.context + 1);
    for step in 0..runs[0].steps {
        let batch = |run: &&Run| {
            let key = run.key;
            (0..ids).map(move |i| token(key, step, i, shape.vocab as u64))
        };
        let windows: Vec<i32> = runs.iter().flat_map(batch).collect();
        let (inputs, targets) = Tokens::inputs_and_targets(&windows, runs.len(), shape.context);
        let (loss, grads) = model.loss_and_grads(&inputs, &targets, hyper.z_loss as f32, 1.0);
        if step == 0 {
            file(&mut found, &grads, |f| &mut f.gradients);
        }
        let settings: Vec<ReplicaStep> = runs
            .iter()
            .map(|run| ReplicaStep {
                learning_rate: run.rates[step],
                weight_decay: run.hyper.weight_decay,
                beta1: run.hyper.beta1,
                beta2: run.hyper.beta2,
                epsilon: run.hyper.epsilon,
                clip_norm: run.hyper.clip_norm,
            })
            .collect();
        let norms = optim.update(hyper.optimizer, &mut model, grads, &settings);
        let results = values(&loss).into_iter().zip(values(&norms));
        for (found, (loss, norm)) in found.iter_mut().zip(results) {
            found.losses.push(loss);
            found.grad_norms.push(norm);
        }
    }
    file(&mut found, model.weights(), |f| &mut f.weights);
    found
}

fn worst(deviations: impl Iterator<Item = f64>) -> f64 {
    // A NaN stays, unlike in `f64::max`.
    deviations.fold(0.0, |worst: f64, d| if worst.is_nan() || d <= worst { worst } else { d })
}

fn series(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    worst(found.iter().zip(expected).map(|(&f, e)| (f64::from(f) - e).abs() / e.abs()))
}

fn digests(shape: &Shape, found: &[Vec<f32>], expected: &[Digest]) -> f64 {
    let specs = param_specs(shape);
    assert_eq!((found.len(), specs.len()), (expected.len(), expected.len()));
    worst(found.iter().zip(expected).enumerate().map(|(tensor, (found, digest))| {
        assert_eq!(digest.name, specs[tensor].name);
        let mut found: Vec<f64> = found.iter().map(|&x| x.into()).collect();
        if let Some((from, to)) = digest.without {
            found[from..to].fill(0.0);
        }
        let norm = found.iter().map(|x| x * x).sum::<f64>().sqrt();
        let dot: f64 = found.iter().enumerate().map(|(i, x)| x * unit(0, tensor, i)).sum();
        let all = [(found.iter().sum(), digest.sum), (norm, digest.norm), (dot, digest.dot)];
        let entries = digest.entries.iter().map(|&(i, e)| (found[i], e));
        worst(all.into_iter().chain(entries).map(|(f, e): (f64, f64)| (f - e).abs() / digest.norm))
    }))
}

fn compare(shape: &Shape, run: &Run, found: &Found, how: &str) {
    let d = Deviation {
        losses: series(&found.losses, &run.losses),
        grad_norms: series(&found.grad_norms, &run.grad_norms),
        gradients: digests(shape, &found.gradients, &run.gradients),
        weights: digests(shape, &found.weights, &run.weights),
    };
    let what = format!("{:?} run {} {how}: {d}", shape.family, run.key);
    println!("{what}; PyTorch in float32: {}", run.float32_deviation);
    assert!(d.losses < LOSS_TOLERANCE, "losses of {what}");
    assert!(d.grad_norms < GRAD_NORM_TOLERANCE, "gradient norms of {what}");
    assert!(d.gradients < GRADIENT_TOLERANCE, "gradients of {what}");
    assert!(d.weights < WEIGHT_TOLERANCE, "weights of {what}");
}

/// Every run alone, then all that share an update rule as one stack of different settings.
fn check(family: &str, rule: Optimizer, replicas: usize) {
    let golden = golden(family);
    let runs: Vec<&Run> = golden.runs.iter().filter(|r| r.hyper.optimizer == rule).collect();
    assert_eq!(runs.len(), replicas);
    let stacked = train(&golden.shape, &runs);
    for (run, in_stack) in runs.iter().zip(&stacked) {
        let alone = train(&golden.shape, &[*run]).remove(0);
        compare(&golden.shape, run, &alone, "alone");
        compare(&golden.shape, run, in_stack, "in a stack");
        assert!(alone == *in_stack, "run {} differs in a stack, to the bit", run.key);
    }
}

#[test]
fn llama_adamw_repeats_pytorch() {
    check("llama", Optimizer::AdamW, 3);
}

#[test]
fn gpt2_adamw_repeats_pytorch() {
    check("gpt2", Optimizer::AdamW, 3);
}

#[test]
fn llama_muon_repeats_the_script() {
    check("llama", Optimizer::Muon, 2);
}

#[test]
fn gpt2_muon_repeats_the_script() {
    check("gpt2", Optimizer::Muon, 2);
}
