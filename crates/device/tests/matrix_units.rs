//! Matrix units: a stack in f16 trains as on the CPU in f32, its products and attention made of cooperative matrices, on Mesa's
//! lavapipe, a Vulkan driver that computes on the CPU.
//!
//!     ISOFLOP_LAVAPIPE=$(scripts/lavapipe.sh) cargo test --release -p isoflop-device --test matrix_units
//!
//! Without the variable, the path of the driver's ICD file, the test says that it is skipped.
#![cfg(target_os = "linux")]

use burn::tensor::{Device, Tensor};
use isoflop_device::open;
use isoflop_model::kernels::Choices;
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

/// Losses of every step, the held-out loss behind them, and whether the steps were recorded.
fn train(device: &Device, precision: Precision) -> (Vec<f32>, bool) {
    let mut model = StackModel::init(&SHAPE, &SEEDS, precision, device);
    let mut optim = OptimState::new(&model);
    let setting = |learning_rate| ReplicaStep {
        learning_rate,
        weight_decay: 0.1,
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-8,
        clip_norm: Some(1.0),
    };
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

    let (right, recorded) = train(&Device::flex(), Precision::F32);
    assert!(!recorded, "the CPU has nothing to record");
    for (precision, converts, allowed) in
        [(Precision::F32, false, 1e-5), (half, false, 2e-3), (half, true, 2e-3)]
    {
        let choices = Choices { fragments_convert: converts, ..opened.choices };
        choices.set(&opened.device);
        let (got, recorded) = train(&opened.device, precision);
        assert!(recorded, "steps are replayed from the third on");
        assert_eq!(got.len(), right.len());
        for (got, right) in got.iter().zip(&right) {
            let off = ((got - right) / right).abs();
            assert!(off < allowed, "{precision:?}, {converts}: {got} for {right}");
        }
    }
    opened.wait();
}
