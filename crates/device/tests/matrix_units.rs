//! Matrix units: a stack in f16 trains as on the CPU in f32, its products and attention made of cooperative matrices, on Mesa's
//! lavapipe, a Vulkan driver that computes on the CPU.
//!
//!     ISOFLOP_LAVAPIPE=$(scripts/lavapipe.sh) cargo test --release -p isoflop-device --test matrix_units
//!
//! Without the variable, the path of the driver's ICD file, the test says that it is skipped.
#![cfg(target_os = "linux")]

use burn::tensor::{DType, Device, Tensor, TensorData};
use isoflop_device::open;
use isoflop_device::trial::{self, Sizes};
use isoflop_model::kernels::{Choices, Scores, Traffic};
use isoflop_model::ops::activation::{self, Activation};
use isoflop_model::ops::attention::{self, Dims, QkNorm};
use isoflop_model::ops::linear::{self, Cast, Trained};
use isoflop_model::{
    MicroBatch, OptimState, ReplicaStep, StackModel, Steps, Tokens, takes_matrix_units,
};
use isoflop_plan::{DeviceConfig, DeviceName, Family, Optimizer, Precision, Shader, Shape};

const SHAPE: Shape = Shape {
    family: Family::Llama,
    depth: 2,
    width: 32,
    heads: 2,
    hidden: 56,
    vocab: 64,
    context: 16,
};
const SEEDS: [u64; 2] = [1, 2];
const STEPS: usize = 6;

/// A text that can be learnt: each token follows from the one before, by one of two rules.
fn batch(step: usize, sequences: usize) -> MicroBatch {
    let mut ids = Vec::new();
    for sequence in 0..SEEDS.len() * sequences {
        let mut id = (step * 31 + sequence * 17) % SHAPE.vocab;
        for position in 0..=SHAPE.context {
            ids.push(id as i32);
            id = if (position + sequence) % 3 == 0 { (id + 1) % 64 } else { (5 * id + 3) % 64 };
        }
    }
    let (inputs, targets) = Tokens::inputs_and_targets(&ids, SEEDS.len(), SHAPE.context);
    MicroBatch { inputs, targets, share: 0.5 }
}

fn values(t: Tensor<1>) -> Vec<f32> {
    t.into_data().try_to_vec().unwrap()
}

fn setting(learning_rate: f64) -> ReplicaStep {
    ReplicaStep {
        learning_rate,
        weight_decay: 0.1,
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-8,
        clip_norm: Some(1.0),
    }
}

/// Losses of every step, the held-out loss behind them, and whether the steps were recorded.
fn train(device: &Device, precision: Precision) -> (Vec<f32>, bool) {
    let mut model = StackModel::init(&SHAPE, &SEEDS, precision, device);
    let mut optim = OptimState::new(&model);
    let settings = [setting(3e-3), setting(1e-2)];
    let mut steps = Steps::new();
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let micro = [batch(2 * step, 4), batch(2 * step + 1, 4)];
        let rule = Optimizer::AdamW;
        let (loss, _) = steps.step(&mut model, &mut optim, &micro, 1e-4, rule, &settings);
        losses.extend(values(loss));
    }
    let last = batch(99, 8);
    losses.extend(values(model.loss(&last.inputs, &last.targets)));
    assert_eq!(steps.refused(), None);
    (losses, steps.is_recorded())
}

/// Numbers between -1 and 1.
fn made_up(seed: usize, dims: [usize; 3], device: &Device) -> Tensor<3> {
    let value = |i: usize| ((i * 7919 + seed * 104_729) as f32 * 0.37).sin();
    let all: Vec<f32> = (0..dims.iter().product()).map(value).collect();
    Tensor::from_data(TensorData::new(all, dims), device)
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |a, b| a.max(b.abs()))
}

/// Asserts that no value is further off than a share of the largest one.
fn are_close(what: &str, got: &[f32], right: &[f32], allowed: f32) {
    assert_eq!(got.len(), right.len(), "{what}");
    let off = largest(&got.iter().zip(right).map(|(a, b)| a - b).collect::<Vec<f32>>());
    let largest = largest(right);
    assert!(off < allowed * largest, "{what}: {off} of {largest}");
}

/// Products of a projection as a step makes them: rows that are fetched 16 and 8 bytes at a time, several replicas, and so many parts of
/// the weight's gradient that the last ones are empty.
fn products_are_those_of_the_cpu(device: &Device) {
    let f32s = |t: Tensor<3>| -> Vec<f32> { t.cast(DType::F32).into_data().try_to_vec().unwrap() };
    for [r, m, k, n] in [[2, 150, 72, 112], [3, 40, 28, 84], [1, 18_448, 16, 16]] {
        let of = |device: &Device| {
            [(1, [r, m, k]), (2, [r, k, n]), (3, [r, m, n])]
                .map(|(i, dims)| made_up(i, dims, device))
        };
        let [x, w, dy] = of(&Device::flex());
        let y = linear::forward(&x, &w, None, None);
        let grads = linear::backward(x, &w, false, dy, None);
        let [x, w, dy] = of(device).map(|t| linear::operand(t, linear::half(Precision::F16)));
        let read = [&x, &w, &dy];
        let got = linear::trained(Trained::Forward, read).swap_remove(0);
        let [dx, dw]: [Tensor<3>; 2] =
            linear::trained(Trained::Gradients, read).try_into().unwrap();
        let parts = dw.dims()[0] / r;
        let dw = dw.reshape([r, parts, k * n]).sum_dim(1);
        for (what, got, right) in
            [("result", got, y), ("input", dx, grads.x), ("weight", dw, grads.w)]
        {
            are_close(&format!("{what} of {m} x {k} x {n}"), &f32s(got), &f32s(right), 3e-3);
        }
    }
}

/// Projections around SwiGLU as a step makes them, forward and backward: halves of rows that fill their fragments and halves that do
/// not, fetched 16 and 8 bytes at a time.
fn gates_are_those_of_the_cpu(device: &Device) {
    let f32s = |t: &Tensor<3>| -> Vec<f32> {
        t.clone().cast(DType::F32).into_data().try_to_vec().unwrap()
    };
    for [r, m, width, hidden] in [[2, 152, 72, 56], [3, 41, 28, 44], [1, 2064, 16, 16]] {
        let of = |device: &Device| {
            let sizes = [[m, width], [width, 2 * hidden], [hidden, width], [m, width]];
            let of = |(i, [rows, cols]): (usize, [usize; 2])| made_up(i, [r, rows, cols], device);
            sizes.into_iter().enumerate().map(of).collect::<Vec<_>>()
        };
        let [x, w, down, dy] = of(&Device::flex()).try_into().unwrap();
        let up = linear::forward(&x, &w, None, None);
        let active = activation::forward(&up, Activation::SwiGlu);
        let grads = linear::backward(active.clone(), &down, false, dy, None);
        let dup = activation::backward(up.clone(), Activation::SwiGlu, grads.x);
        let half = |t: Tensor<3>| linear::operand(t, linear::half(Precision::F16));
        let [x, w, down, dy] = of(device).try_into().unwrap();
        let [got_up, got_active] = linear::gates(&half(x), &half(w));
        let [got_dup, dw] =
            linear::gradients_of_gates(&half(dy), &half(down), [&got_up, &got_active]);
        let parts = dw.dims()[0] / r;
        let dw = dw.reshape([r, parts, hidden * width]).sum_dim(1);
        for (what, got, right) in [
            ("gates", got_up, up),
            ("what they let through", got_active, active),
            ("the gates' gradients", got_dup, dup),
            ("the gradient of the weight behind them", dw, grads.w),
        ] {
            let what = format!("{what}, {m} x {width}, {hidden}");
            are_close(&what, &f32s(&got), &f32s(&right), 5e-3);
        }
    }
}

/// Result and gradients of attention with normed and rotated heads, on made-up numbers.
fn attention_of(heads: usize, head_dim: usize, cast: Cast, device: &Device) -> Vec<Vec<f32>> {
    let dims = Dims { replicas: 2, sequences: 2, context: 37, heads, head_dim };
    let (rows, width) = (dims.sequences * dims.context, dims.width());
    let made_up =
        |seed, [rows, cols]: [usize; 2]| made_up(seed, [dims.replicas, rows, cols], device);
    let gains = QkNorm { q: made_up(1, [1, head_dim]), k: made_up(2, [1, head_dim]) };
    let (y, saved) = attention::forward(made_up(3, [rows, 3 * width]), Some(&gains), dims, cast);
    let dy = made_up(4, [rows, width]);
    let grads = attention::backward(saved, Some(&gains), dims, dy, cast);
    let norm = grads.qk_norm.expect("heads are normed");
    [y, grads.qkv, norm.q, norm.k].map(|t| t.into_data().try_to_vec().unwrap()).into()
}

/// Heads that fill their fragments and heads that do not, whose rows are fetched 4, 16 and 8 bytes at a time.
fn heads_of_all_sizes_attend_as_on_the_cpu(device: &Device, sizes: &[[usize; 2]]) {
    for &[heads, head_dim] in sizes {
        assert!(takes_matrix_units(device, Precision::F16, head_dim), "heads of {head_dim}");
        let right = attention_of(heads, head_dim, None, &Device::flex());
        let got = attention_of(heads, head_dim, linear::half(Precision::F16), device);
        for (what, (got, right)) in
            ["result", "gradient", "query gains", "key gains"].iter().zip(got.iter().zip(&right))
        {
            are_close(&format!("heads of {head_dim}, {what}"), got, right, 3e-3);
        }
    }
    assert!(!takes_matrix_units(device, Precision::F16, 7), "half a word");
}

/// What a step of one model of this shape launches, reads and writes.
fn traffic(shape: &Shape, sequences: usize, device: &Device) -> Traffic {
    let mut model = StackModel::init(shape, &[1], Precision::F16, device);
    let mut optim = OptimState::new(&model);
    let ids: Vec<i32> =
        (0..sequences * (shape.context + 1)).map(|i| (i * 7 % shape.vocab) as i32).collect();
    let (inputs, targets) = Tokens::inputs_and_targets(&ids, 1, shape.context);
    let batch = [MicroBatch { inputs, targets, share: 1.0 }];
    let mut steps = Steps::new();
    let rule = Optimizer::AdamW;
    let (loss, _) = steps.step(&mut model, &mut optim, &batch, 0.0, rule, &[setting(1e-3)]);
    assert!(values(loss)[0].is_finite());
    steps.traffic().expect("steps are launches")
}

/// A layer's launches, and the bytes that each token reads and writes there, in multiples of the width: weights, the parts of their
/// gradients and the update, which do not grow with the tokens, are not in it.
fn layers_take_few_launches_and_bytes(device: &Device) {
    for (width, heads, hidden) in [(128, 4, 336), (512, 8, 1376)] {
        let of = |depth, sequences| {
            let (family, vocab, context) = (Family::Llama, 64, 64);
            let shape = Shape { family, depth, width, heads, hidden, vocab, context };
            traffic(&shape, sequences, device)
        };
        let layer = |sequences| of(2, sequences) - of(1, sequences);
        // So few tokens that gradients are in one part.
        let (one, two) = (layer(1), layer(2));
        assert_eq!(one.launches, two.launches);
        let per_token = (two.bytes() - one.bytes()) as f64 / 64.0 / width as f64;
        println!("width {width}: {} launches, {per_token:.1} D bytes a token", one.launches);
        assert!(one.launches <= 17, "{} launches a layer", one.launches);
        assert!(per_token <= 195.0, "{per_token:.1} D bytes a token and layer");
    }
}

#[test]
fn a_stack_on_matrix_units_trains_as_on_the_cpu() {
    let Some(icd) = std::env::var_os("ISOFLOP_LAVAPIPE") else {
        eprintln!("skipped: ISOFLOP_LAVAPIPE does not name lavapipe's ICD file");
        return;
    };
    // SAFETY: the only test of this process, before anything else runs.
    unsafe { std::env::set_var("VK_DRIVER_FILES", icd) };
    let name = DeviceName::Named("llvmpipe".into());
    let config = DeviceConfig { shader: Shader::Spirv, ..DeviceConfig::named(name) };
    let opened = open(&config).unwrap_or_else(|e| panic!("{e}"));
    let half = Precision::F16;
    assert!(opened.precisions.contains(&half), "{:?}", opened.warnings);
    assert!(takes_matrix_units(&opened.device, half, SHAPE.head_dim()), "{:?}", opened.warnings);

    products_are_those_of_the_cpu(&opened.device);
    for fused in [true, false] {
        Choices { gates: fused, gate_gradients: fused, ..opened.choices }.set(&opened.device);
        gates_are_those_of_the_cpu(&opened.device);
    }
    heads_of_all_sizes_attend_as_on_the_cpu(&opened.device, &[[3, 6], [3, 8], [2, 12]]);
    let choices = Choices { scores: Scores::Fragments, ..opened.choices };
    Choices { fragments_convert: true, gates: true, gate_gradients: true, ..choices }
        .set(&opened.device);
    gates_are_those_of_the_cpu(&opened.device);
    choices.set(&opened.device);
    // Planes have two fragments of rows of small heads, one of larger ones.
    heads_of_all_sizes_attend_as_on_the_cpu(&opened.device, &[[3, 6], [2, 12], [1, 24]]);
    opened.choices.set(&opened.device);
    let sizes = Sizes { attention: [1, 24, 2, 8], heads: &[12], gates: [64, 16, 24] };
    let tried = trial::run(&opened.device, half, sizes);
    assert!(tried.fragments.is_ok() && tried.wide_fragments.is_ok(), "{tried:?}");
    assert!(tried.gates.is_ok() && tried.gate_gradients.is_ok(), "{tried:?}");
    assert_eq!(Choices::of(&opened.device), opened.choices);
    let in_fewest = Choices { gates: true, gate_gradients: true, ..opened.choices };
    in_fewest.set(&opened.device);
    layers_take_few_launches_and_bytes(&opened.device);

    let (right, recorded) = train(&Device::flex(), Precision::F32);
    assert!(!recorded, "the CPU has nothing to record");
    for (precision, in_fragments, allowed) in
        [(Precision::F32, false, 1e-5), (half, false, 2e-3), (half, true, 2e-3)]
    {
        let scores = if in_fragments { Scores::Fragments } else { Scores::Shared };
        let choices = Choices { fragments_convert: in_fragments, scores, ..in_fewest };
        choices.set(&opened.device);
        let (got, recorded) = train(&opened.device, precision);
        assert!(recorded, "steps are replayed from the third on");
        assert_eq!(got.len(), right.len());
        for (got, right) in got.iter().zip(&right) {
            let off = ((got - right) / right).abs();
            assert!(off < allowed, "{precision:?}, {in_fragments}: {got} for {right}");
        }
    }
    opened.wait();
}
