//! The wgpu path trains the same small stack as the CPU: on SwiftShader, a Vulkan driver that
//! computes on the CPU, with WGSL shaders.
//!
//! SwiftShader comes with Debian's `chromium` package:
//!
//!     VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json cargo test --release -p isoflop-device --test swiftshader
//!
//! Without it the test says that it is skipped; with `ISOFLOP_REQUIRE_SWIFTSHADER=1` it fails.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use isoflop_device::{
    Choices, Finding, OpenEvent, Request, SelfTestCache, ShaderCompiler, TrainDevice, list,
    measure_peak, memory_bytes, open_for, test_thoroughly, unit_products,
};
use isoflop_model::ops::linear;
use isoflop_model::{MicroBatch, OptimState, ReplicaStep, StackModel, Steps, Tokens};
use isoflop_plan::{
    DeviceConfig, DeviceName, Family, Kernels, Optimizer, Precision, Shader, Shape,
};

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
const LEARNING_RATES: [f64; 2] = [3e-3, 1e-2];
const SEQUENCES: usize = 8;
const STEPS: usize = 12;

/// A device of a test's own. At its end it waits for the device: a driver that still computes when the process ends takes it down.
struct Opened(TrainDevice);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.wait();
    }
}

/// SwiftShader with WGSL shaders, opened anew, if it is installed.
fn swiftshader() -> Option<Opened> {
    is_there().then(|| open(Kernels::On))
}

fn is_there() -> bool {
    let devices = list().devices;
    if !devices.iter().any(|d| d.name.contains("SwiftShader")) {
        let names: Vec<_> = devices.iter().map(|d| d.name.as_str()).collect();
        let required = std::env::var("ISOFLOP_REQUIRE_SWIFTSHADER").is_ok_and(|v| v == "1");
        assert!(!required, "ISOFLOP_REQUIRE_SWIFTSHADER is 1 and there is only {names:?}");
        eprintln!("skipped: no adapter is called SwiftShader, there is {names:?}");
        return false;
    }
    true
}

/// Opens it; the first one is tested, those after know the verdict.
fn open(kernels: Kernels) -> Opened {
    static CACHE: OnceLock<SelfTestCache> = OnceLock::new();
    let name = DeviceName::Named("SwiftShader".into());
    let config = DeviceConfig { shader: Shader::Wgsl, kernels, ..DeviceConfig::named(name) };
    let with = |cache: &SelfTestCache| {
        let request = Request { cache: Some(cache.clone()), ..Request::all() };
        let opened = open_for(&config, &request, &mut |event| {
            assert!(!matches!(event, OpenEvent::Warning(_)), "{event:?}");
        });
        Opened(opened.unwrap_or_else(|e| panic!("{e}")))
    };
    with(CACHE.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("swiftshader.json");
        if path.exists() {
            std::fs::remove_file(&path).unwrap();
        }
        let cache = SelfTestCache::new(path, "today".into());
        drop(with(&cache));
        cache
    }))
}

/// What training gives: the loss of each replica at each step, and the weights at the end.
struct Trained {
    losses: Vec<Vec<f32>>,
    weights: Vec<(String, Vec<f32>)>,
}

/// A text that can be learnt: each token follows from the one before, by one of two rules.
fn windows(step: usize) -> Vec<i32> {
    let mut ids = Vec::new();
    for sequence in 0..SEEDS.len() * SEQUENCES {
        let mut id = (step * 31 + sequence * 17) % SHAPE.vocab;
        for position in 0..=SHAPE.context {
            ids.push(id as i32);
            id = if (position + sequence) % 3 == 0 { (id + 1) % 64 } else { (5 * id + 3) % 64 };
        }
    }
    ids
}

fn settings() -> [ReplicaStep; 2] {
    LEARNING_RATES.map(|learning_rate| ReplicaStep {
        learning_rate,
        weight_decay: 0.1,
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-8,
        clip_norm: Some(1.0),
    })
}

fn train(device: &Device) -> Trained {
    let mut model = StackModel::init(&SHAPE, &SEEDS, Precision::F32, device);
    let mut optim = OptimState::new(&model);
    let steps = settings();
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let (inputs, targets) =
            Tokens::inputs_and_targets(&windows(step), SEEDS.len(), SHAPE.context);
        let (loss, grads) = model.loss_and_grads(&inputs, &targets, 1e-4, 1.0);
        optim.update(Optimizer::AdamW, &mut model, grads, &steps);
        losses.push(loss.into_data().try_to_vec().unwrap());
    }
    let names = model.specs().iter().map(|spec| spec.name.clone());
    let values = model.weights().iter().map(|w| w.clone().into_data().try_to_vec().unwrap());
    Trained { losses, weights: names.zip(values).collect() }
}

#[test]
fn a_stack_trains_on_swiftshader_as_on_the_cpu() {
    let Some(Opened(opened)) = &swiftshader() else { return };
    assert_eq!(opened.shader, Some(ShaderCompiler::Wgsl));
    assert!(opened.self_test.is_some() && opened.choices.kernels);
    let (theirs, ours) = (train(&opened.device), train(&Device::flex()));
    for (step, (a, b)) in theirs.losses.iter().zip(&ours.losses).enumerate() {
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < 1e-3, "step {step}: {a} on SwiftShader, {b} on the CPU");
        }
    }
    for replica in 0..SEEDS.len() {
        let (first, last) = (ours.losses[0][replica], ours.losses[STEPS - 1][replica]);
        assert!(last < first - 0.1, "the loss falls: {first} to {last}");
    }
    for ((name, a), (_, b)) in theirs.weights.iter().zip(&ours.weights) {
        let largest = b.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        let gaps = a.iter().zip(b).map(|(a, b)| (a - b).abs() / largest);
        let (sum, max) = gaps.fold((0.0f32, 0.0f32), |(s, m), g| (s + g, m.max(g)));
        let mean = sum / a.len() as f32;
        println!("{name}: largest gap {max:.1e}, mean gap {mean:.1e} of the largest weight");
        assert!(mean < 1e-4 && max < 2e-2, "{name}: largest gap {max:e}, mean gap {mean:e}");
    }
}

/// Every operation of the model, forward and backward, at sizes that are no multiple of anything, as a kernel and as
/// tensor operations, against the CPU's own.
#[test]
fn every_operation_is_the_same_on_swiftshader_with_kernels_and_without() {
    let Some(Opened(opened)) = &swiftshader() else { return };
    let findings =
        test_thoroughly(&opened.info, ShaderCompiler::Wgsl, None, &mut |operation, _| {
            println!("{operation}");
        });
    let failed: Vec<&Finding> = findings.iter().filter(|f| !f.passed()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let named = |what: &str| {
        let compared =
            |f: &&Finding| matches!(f, Finding::Compared(c) if c.operation.contains(what));
        findings.iter().filter(compared).count()
    };
    let [shared, without] = ["through shared memory", "by tensor operations"].map(named);
    assert!(without > 40 && shared == without, "{shared} and {without} of {}", findings.len());
}

/// What a step allocates it gives back: memory stays what it is once every kernel has run.
#[test]
fn memory_does_not_grow_on_swiftshader() {
    let Some(Opened(opened)) = &swiftshader() else { return };
    let device = &opened.device;
    let mut model = StackModel::init(&SHAPE, &SEEDS, Precision::F32, device);
    let mut optim = OptimState::new(&model);
    let mut held = Vec::new();
    for step in 0..40 {
        let (inputs, targets) =
            Tokens::inputs_and_targets(&windows(step), SEEDS.len(), SHAPE.context);
        let (loss, grads) = model.loss_and_grads(&inputs, &targets, 0.0, 1.0);
        optim.update(Optimizer::AdamW, &mut model, grads, &settings());
        if step % 10 == 9 {
            let _: Vec<f32> = loss.into_data().try_to_vec().unwrap();
            held.push(memory_bytes(device).expect("an adapter's allocator tells"));
        }
    }
    println!("bytes held after 10, 20, 30 and 40 steps: {held:?}");
    assert!(held[1..].iter().all(|&bytes| bytes == held[1]), "{held:?}");
}

/// A peak counts what was computed, not what was handed over: nothing is left to wait for when its measurement ends.
#[test]
fn a_peak_waits_for_swiftshader() {
    let Some(Opened(opened)) = &swiftshader() else { return };
    let (device, info) = (&opened.device, &opened.info);
    device.sync().unwrap();
    let started = Instant::now();
    let peak = measure_peak(device, info, Precision::F32).expect("products are possible");
    let seconds = started.elapsed().as_secs_f64();
    device.sync().unwrap();
    let left = (started.elapsed().as_secs_f64() - seconds) / seconds;
    println!(
        "{:.1} GFLOP/s, {:.2}% of {seconds:.1} s left",
        peak.flops_per_second / 1e9,
        100.0 * left
    );
    assert!(left < 0.05, "{left}");
}

#[test]
fn both_ways_to_make_products_are_timed_on_swiftshader() {
    let Some(opened) = swiftshader() else { return };
    let before = Choices::of(&opened.0.device);
    let times = unit_products::times_as_fast(&opened.0.device, [512, 64, 192]).unwrap();
    println!("products of this project's kernel are {times:.2} times as fast as cubek's");
    assert!(times.is_finite() && times > 0.0, "{times}");
    assert_eq!(Choices::of(&opened.0.device), before);
}

/// Input, weight and the gradient of the result.
fn made_up([r, m, k, n]: [usize; 4], device: &Device) -> [Tensor<3>; 3] {
    [(1, [r, m, k]), (2, [r, k, n]), (3, [r, m, n])].map(|(seed, dims)| {
        let value = |i: usize| ((i * 7919 + seed * 104_729) as f32 % 65_537.0 * 0.37).sin();
        let values: Vec<f32> = (0..dims.iter().product()).map(value).collect();
        Tensor::<3>::from_data(TensorData::new(values, dims), device)
    })
}

/// A projection and its gradients at sizes of `[R, M, K] x [R, K, N]`.
fn projected(sizes: [usize; 4], device: &Device) -> [Vec<f32>; 3] {
    let [x, w, dy] = made_up(sizes, device);
    let y = linear::forward(&x, &w, None, None);
    let grads = linear::backward(x, &w, false, dy, None);
    [y, grads.x, grads.w].map(|t| t.into_data().try_to_vec().unwrap())
}

/// The same as a step makes them: both gradients in one launch, that of the weight in parts.
fn trained([r, m, k, n]: [usize; 4], device: &Device) -> [Vec<f32>; 3] {
    let [x, w, dy] = made_up([r, m, k, n], device);
    let read = [&x, &w, &dy];
    let y = linear::trained(linear::Trained::Forward, read).swap_remove(0);
    let [dx, dw]: [Tensor<3>; 2] =
        linear::trained(linear::Trained::Gradients, read).try_into().unwrap();
    let parts = dw.dims()[0] / r;
    let dw = dw.reshape([r, parts, k * n]).sum_dim(1);
    [y, dx, dw].map(|t| t.into_data().try_to_vec().unwrap())
}

/// Large tiles and small ones, rows that are fetched 16, 8 and 4 bytes at a time, edges, and so many parts that the last ones are empty.
#[test]
fn products_of_all_kinds_of_sizes_are_those_of_the_cpu() {
    let Some(opened) = swiftshader() else { return };
    let sizes = [
        [2, 150, 72, 110],
        [1, 64, 33, 37],
        [3, 40, 28, 84],
        [1, 2048, 128, 384],
        [2, 1100, 24, 40],
        [1, 18_448, 16, 16],
    ];
    let ways = [projected, trained].into_iter().flat_map(|way| sizes.map(|sizes| (way, sizes)));
    for (way, sizes) in ways {
        let (got, right) = (way(sizes, &opened.0.device), projected(sizes, &Device::flex()));
        for (what, (got, right)) in ["result", "input", "weight"].iter().zip(got.iter().zip(&right))
        {
            let largest = right.iter().fold(0.0, |a: f32, b| a.max(b.abs()));
            let off = got.iter().zip(right).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-5 * largest, "{sizes:?}, {what}: {off} of {largest}");
        }
    }
}

/// Trains by whole steps on two devices in turn, which is where choices would mix. Losses of each, and whether its steps were
/// recorded, as only kernels can be.
fn train_in_turn(devices: [&Device; 2]) -> [(Vec<f32>, bool); 2] {
    let mut stacks = devices.map(|device| {
        let model = StackModel::init(&SHAPE, &SEEDS, Precision::F32, device);
        let optim = OptimState::new(&model);
        (model, optim, Steps::new(), Vec::new())
    });
    for step in 0..4 {
        for (model, optim, steps, losses) in &mut stacks {
            let (inputs, targets) =
                Tokens::inputs_and_targets(&windows(step), SEEDS.len(), SHAPE.context);
            let batch = [MicroBatch { inputs, targets, share: 1.0 }];
            let (loss, _) = steps.step(model, optim, &batch, 0.0, Optimizer::AdamW, &settings());
            let loss: Vec<f32> = loss.into_data().try_to_vec().unwrap();
            losses.extend(loss);
        }
    }
    stacks.map(|(_, _, steps, losses)| (losses, steps.is_recorded()))
}

#[test]
fn two_devices_of_one_process_keep_the_choices_that_each_was_opened_with() {
    if !is_there() {
        return;
    }
    let run = |order: [Kernels; 2]| {
        let [one, other] = order.map(open);
        let chosen = [&one, &other].map(|opened| opened.0.choices.kernels);
        assert_eq!(chosen, order.map(|kernels| kernels == Kernels::On));
        train_in_turn([&one.0.device, &other.0.device])
    };
    let [with, without] = run([Kernels::On, Kernels::Off]);
    let [without_first, with_second] = run([Kernels::Off, Kernels::On]);
    assert!(with.1 && !without.1, "{} {}", with.1, without.1);
    assert_eq!((&with, &without), (&with_second, &without_first));
    assert_ne!(with.0, without.0, "sums in another order round otherwise");
    for (a, b) in with.0.iter().zip(&without.0) {
        assert!((a - b).abs() < 1e-3, "{a} with kernels, {b} without");
    }
}
