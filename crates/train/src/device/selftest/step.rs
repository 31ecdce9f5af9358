//! One whole optimizer step of tiny models.

use burn::tensor::Device;
use isoflop_model::{OptimState, ReplicaStep, StackModel, Tokens};
use isoflop_plan::{Family, Optimizer, Precision, Shape};

use super::Values;
use super::operations::out;

/// A model to step.
pub(super) struct Model {
    pub name: &'static str,
    pub shape: Shape,
}

/// One of each family, of sizes that no kernel is made for.
pub(super) fn models() -> [Model; 2] {
    let shape = |family, hidden| Shape {
        family,
        depth: 1,
        width: 24,
        heads: 2,
        hidden,
        vocab: 67,
        context: 12,
    };
    [
        Model { name: "a training step (llama)", shape: shape(Family::Llama, 40) },
        Model { name: "a training step (gpt2)", shape: shape(Family::Gpt2, 96) },
    ]
}

/// Allowed deviation of each tensor, as a share of its largest value.
pub(super) fn allowed(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 2e-4,
        Precision::F16 => 3e-2,
        Precision::Bf16 => 2e-1,
    }
}

/// Losses before and after, all gradients, and all weights after one step of AdamW, of a stack of
/// two replicas with different seeds and settings.
pub(super) fn run(shape: &Shape, device: &Device, precision: Precision) -> Values {
    let mut model = StackModel::init(shape, &[1, 2], precision, device);
    let sequences = 3;
    let windows: Vec<i32> = (0..2 * sequences * (shape.context + 1))
        .map(|i| ((i * i + 3 * i) % shape.vocab) as i32)
        .collect();
    let (inputs, targets) = Tokens::inputs_and_targets(&windows, 2, shape.context);
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
