//! One whole optimizer step of tiny models.

use burn::tensor::Device;
use isoflop_model::{OptimState, ReplicaStep, StackModel, Tokens};
use isoflop_plan::{Family, Optimizer, Precision, Shape};

use super::operations::out;
use super::{Case, Values};

/// Those that every start makes. What sets the families apart is in f32 at any precision.
pub(super) fn some(precision: Precision) -> Vec<Case> {
    let mut cases = all(precision);
    cases.retain(|case| precision == Precision::F32 || case.name != GPT2);
    cases
}

const GPT2: &str = "a training step (gpt2)";

/// A step of one model of each family, of sizes that no kernel is made for.
pub(super) fn all(precision: Precision) -> Vec<Case> {
    // Allowed deviation of each tensor, as a share of its largest value.
    let allowed = match precision {
        Precision::F32 => 2e-4,
        Precision::F16 => 3e-2,
        Precision::Bf16 => 2e-1,
    };
    let shape = |family, hidden| Shape {
        family,
        depth: 1,
        width: 24,
        heads: 2,
        hidden,
        vocab: 67,
        context: 12,
    };
    let (llama, gpt2) = (shape(Family::Llama, 40), shape(Family::Gpt2, 96));
    let mut cases = vec![
        Case::new("a training step (llama)", allowed, move |d, p| run(&llama, d, p)),
        Case::new(GPT2, allowed, move |d, p| run(&gpt2, d, p)),
    ];
    if precision != Precision::F32 {
        // Heads that matrix units take.
        let even = Shape { width: 32, context: 40, ..llama };
        cases
            .push(Case::new("a training step, heads of 16", allowed, move |d, p| run(&even, d, p)));
        let name = "gradients of a small share of a batch";
        cases.push(Case::new(name, allowed, move |d, p| share(&even, d, p)));
    }
    cases
}

/// Sequences of two replicas.
fn batch(shape: &Shape) -> (Tokens, Tokens) {
    let sequences = 3;
    let windows: Vec<i32> = (0..2 * sequences * (shape.context + 1))
        .map(|i| ((i * i + 3 * i) % shape.vocab) as i32)
        .collect();
    Tokens::inputs_and_targets(&windows, 2, shape.context)
}

/// Gradients too small for the range of f16 as they are: those of a batch of some two million tokens.
fn share(shape: &Shape, device: &Device, precision: Precision) -> Values {
    let model = StackModel::init(shape, &[1, 2], precision, device);
    let (inputs, targets) = batch(shape);
    let (loss, grads) = model.loss_and_grads(&inputs, &targets, 0.0, 1.0 / 16_384.0);
    let names = model.specs().iter().map(|spec| format!("gradient of {}", spec.name));
    let grads = names.zip(grads.into_iter().map(out));
    std::iter::once(("loss".to_owned(), out(loss))).chain(grads).collect()
}

/// Losses before and after, all gradients, and all weights after one step of AdamW, of a stack of
/// two replicas with different seeds and settings.
fn run(shape: &Shape, device: &Device, precision: Precision) -> Values {
    let mut model = StackModel::init(shape, &[1, 2], precision, device);
    let (inputs, targets) = batch(shape);
    let (loss, grads) = model.loss_and_grads(&inputs, &targets, 1e-3, 1.0);
    let names: Vec<String> = model.specs().iter().map(|spec| spec.name.clone()).collect();
    let mut values: Values = vec![("loss".into(), out(loss))];
    for (name, grad) in names.iter().zip(&grads) {
        values.push((format!("gradient of {name}"), out(grad.clone())));
    }
    // A large epsilon keeps the first step of AdamW from turning rounding into signs.
    let step = |learning_rate| ReplicaStep {
        learning_rate,
        weight_decay: 0.1,
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-2,
        clip_norm: Some(1.0),
    };
    let mut optim = OptimState::new(&model);
    let norms = optim.update(Optimizer::AdamW, &mut model, grads, &[step(3e-2), step(1e-2)]);
    values.push(("gradient norm".into(), out(norms)));
    for (name, weight) in names.iter().zip(model.weights()) {
        values.push((format!("{name} after AdamW"), out(weight.clone())));
    }
    values.push(("loss after AdamW".into(), out(model.loss(&inputs, &targets))));
    values
}
