//! Whole models: counts, first losses, overfitting, and replicas that do not see each other.

use burn::tensor::{Device, Tensor};
use isoflop_model::{
    OptimState, ReplicaStep, StackModel, Tokens, count_params, param_specs, select,
};
use isoflop_plan::{Family, Optimizer, Precision, Shape};

fn shape(family: Family) -> Shape {
    Shape { family, depth: 2, width: 32, heads: 2, hidden: 88, vocab: 61, context: 24 }
}

const FAMILIES: [Family; 2] = [Family::Llama, Family::Gpt2];

fn windows(replicas: usize, sequences: usize, context: usize, vocab: usize) -> Vec<i32> {
    let count = replicas * sequences * (context + 1);
    (0..count as i64).map(|i| ((i * i * 31 + i * 7) % 1009 % vocab as i64) as i32).collect()
}

fn step(learning_rate: f64) -> ReplicaStep {
    ReplicaStep {
        learning_rate,
        weight_decay: 0.1,
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-8,
        clip_norm: Some(1.0),
    }
}

fn bits(t: &Tensor<3>) -> Vec<u32> {
    t.to_data().try_to_vec::<f32>().expect("f32").into_iter().map(f32::to_bits).collect()
}

#[test]
fn counts_are_those_of_the_built_model() {
    for family in FAMILIES {
        for (depth, width, heads, hidden, vocab, context) in
            [(1, 16, 1, 40, 256, 64), (3, 48, 3, 128, 512, 128), (2, 64, 2, 256, 97, 33)]
        {
            let shape = Shape { family, depth, width, heads, hidden, vocab, context };
            let model = StackModel::init(&shape, &[0, 1], Precision::F32, &Device::flex());
            let built: usize = model.weights().iter().map(|w| w.dims()[1] * w.dims()[2]).sum();
            assert_eq!(built as u64, shape.params().total(), "{shape}");
            assert_eq!(count_params(&param_specs(&shape)), shape.params(), "{shape}");
        }
    }
}

/// FLOPs counted from the sizes of the built weights: 2 per matrix element and token, plus the
/// two products of attention over the whole context.
#[test]
fn flops_are_those_of_the_built_model() {
    for family in FAMILIES {
        let shape = shape(family);
        let matrices: usize = param_specs(&shape)
            .iter()
            .filter(|s| s.decay && s.name != "embedding" && s.name != "positions")
            .map(|s| 2 * s.len())
            .sum();
        let scores = shape.depth * 2 * 2 * shape.context * shape.heads * shape.head_dim();
        assert_eq!(shape.flops_per_token().forward(), (matrices + scores) as f64);
    }
}

#[test]
fn the_first_loss_is_that_of_the_uniform_distribution() {
    for family in FAMILIES {
        let shape = shape(family);
        let model = StackModel::init(&shape, &[3, 4], Precision::F32, &Device::flex());
        let (inputs, targets) = Tokens::inputs_and_targets(&windows(2, 4, 24, 61), 2, 24);
        let loss: Vec<f32> = model.loss(&inputs, &targets).into_data().try_to_vec().expect("f32");
        assert_eq!(loss.len(), 2);
        for loss in loss {
            assert!((loss - 61f32.ln()).abs() < 0.03, "{family:?}: {loss}");
        }
    }
}

#[test]
fn a_tiny_text_is_overfitted() {
    for (family, rule) in [
        (Family::Llama, Optimizer::AdamW),
        (Family::Gpt2, Optimizer::AdamW),
        (Family::Llama, Optimizer::Muon),
    ] {
        let shape = shape(family);
        let mut model = StackModel::init(&shape, &[5], Precision::F32, &Device::flex());
        let mut optim = OptimState::new(&model);
        let (inputs, targets) = Tokens::inputs_and_targets(&windows(1, 2, 24, 61), 1, 24);
        for _ in 0..200 {
            let (_, grads) = model.loss_and_grads(&inputs, &targets, 0.0, 1.0);
            optim.update(rule, &mut model, grads, &[step(5e-3)]);
        }
        let loss: Vec<f32> = model.loss(&inputs, &targets).into_data().try_to_vec().expect("f32");
        assert!(loss[0] < 0.05, "{family:?} with {rule:?}: {}", loss[0]);
    }
}

/// Four replicas of different seeds and learning rates, trained together and each alone.
#[test]
fn a_replica_in_a_stack_is_bitwise_the_replica_alone() {
    for family in FAMILIES {
        for rule in [Optimizer::AdamW, Optimizer::Muon] {
            let shape = shape(family);
            let (seeds, rates) = ([1, 2, 3, 4], [1e-3, 3e-3, 1e-2, 2e-3]);
            let text = windows(4, 6, 24, 61);
            let part = text.len() / 4;
            let train = |replicas: &[usize]| {
                let seeds: Vec<u64> = replicas.iter().map(|&i| seeds[i]).collect();
                let mut model = StackModel::init(&shape, &seeds, Precision::F32, &Device::flex());
                let mut optim = OptimState::new(&model);
                let text: Vec<i32> = replicas
                    .iter()
                    .flat_map(|&i| &text[i * part..(i + 1) * part])
                    .copied()
                    .collect();
                let (inputs, targets) = Tokens::inputs_and_targets(&text, replicas.len(), 24);
                let steps: Vec<_> = replicas.iter().map(|&i| step(rates[i])).collect();
                for _ in 0..8 {
                    let (_, grads) = model.loss_and_grads(&inputs, &targets, 1e-4, 1.0);
                    optim.update(rule, &mut model, grads, &steps);
                }
                model
            };
            let together = train(&[0, 1, 2, 3]);
            for replica in 0..4 {
                let alone = train(&[replica]);
                for (i, spec) in alone.specs().iter().enumerate() {
                    let twin = select(&together.weights()[i], &[replica]);
                    assert_eq!(
                        bits(&alone.weights()[i]),
                        bits(&twin),
                        "{family:?}, {rule:?}, {}, replica {replica}",
                        spec.name
                    );
                }
            }
        }
    }
}

#[test]
fn micro_batches_add_up_to_the_batch() {
    let shape = shape(Family::Llama);
    let model = StackModel::init(&shape, &[1, 2], Precision::F32, &Device::flex());
    let text = windows(2, 4, 24, 61);
    let (inputs, targets) = Tokens::inputs_and_targets(&text, 2, 24);
    let (loss, whole) = model.loss_and_grads(&inputs, &targets, 1e-3, 1.0);
    let part = |range: std::ops::Range<usize>| {
        let ids: Vec<i32> = text
            .chunks(4 * 25)
            .flat_map(|l| &l[range.start * 25..range.end * 25])
            .copied()
            .collect();
        let (inputs, targets) = Tokens::inputs_and_targets(&ids, 2, 24);
        model.loss_and_grads(&inputs, &targets, 1e-3, range.len() as f32 / 4.0)
    };
    let ((loss1, first), (loss2, second)) = (part(0..3), part(3..4));
    let numbers = |t: Tensor<1>| t.into_data().try_to_vec::<f32>().expect("f32");
    for (a, b) in numbers(loss).iter().zip(numbers(loss1 + loss2)) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    for ((w, a), b) in whole.into_iter().zip(first).zip(second) {
        let largest = w.clone().abs().max().into_scalar::<f32>();
        let off = (w - a - b).abs().max().into_scalar::<f32>();
        assert!(off <= 1e-5 * largest.max(1e-3), "{off} of {largest}");
    }
}

#[test]
fn a_batch_in_groups_is_the_mean_of_its_sequences() {
    // 24 sequences of 64 tokens make three groups; a sequence alone is one.
    let shape = Shape { context: 64, ..shape(Family::Llama) };
    let model = StackModel::init(&shape, &[1, 2], Precision::F32, &Device::flex());
    let text = windows(2, 24, 64, 61);
    let (inputs, targets) = Tokens::inputs_and_targets(&text, 2, 64);
    let (loss, whole) = model.loss_and_grads(&inputs, &targets, 1e-3, 1.0);
    let mut total: Option<(Tensor<1>, Vec<Tensor<3>>)> = None;
    for i in 0..24 {
        let ids: Vec<i32> =
            text.chunks(24 * 65).flat_map(|l| &l[i * 65..(i + 1) * 65]).copied().collect();
        let (inputs, targets) = Tokens::inputs_and_targets(&ids, 2, 64);
        let (loss, grads) = model.loss_and_grads(&inputs, &targets, 1e-3, 1.0 / 24.0);
        total = Some(match total {
            None => (loss, grads),
            Some((l, g)) => (l + loss, g.into_iter().zip(grads).map(|(a, b)| a + b).collect()),
        });
    }
    let (sum, sums) = total.expect("24 sequences");
    let numbers = |t: Tensor<1>| t.into_data().try_to_vec::<f32>().expect("f32");
    let losses = numbers(model.loss(&inputs, &targets));
    for ((a, b), c) in numbers(loss).into_iter().zip(numbers(sum)).zip(losses) {
        assert!((a - b).abs() < 1e-5 && (a - c).abs() < 1e-5, "{a} {b} {c}");
    }
    for (w, s) in whole.iter().zip(sums) {
        let largest = w.clone().abs().max().into_scalar::<f32>();
        let off = (w.clone() - s).abs().max().into_scalar::<f32>();
        assert!(off <= 1e-5 * largest.max(1e-3), "{off} of {largest}");
    }
    // A replica's groups do not depend on the others in the stack.
    let ids: Vec<i32> = text[24 * 65..].to_vec();
    let (inputs, targets) = Tokens::inputs_and_targets(&ids, 1, 64);
    let alone = model.with_weights(model.weights().iter().map(|w| select(w, &[1])).collect());
    let (_, alone) = alone.loss_and_grads(&inputs, &targets, 1e-3, 1.0);
    for (stacked, alone) in whole.iter().zip(&alone) {
        assert_eq!(bits(&select(stacked, &[1])), bits(alone));
    }
}
