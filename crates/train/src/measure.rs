//! Short measurements of training speed, for time estimates and benchmarks.

use std::time::Instant;

use burn::tensor::Device;
use isoflop_model::{OptimState, ReplicaStep, StackModel, Tokens};
use isoflop_plan::{Hyper, Shape};

/// How fast a stack trains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throughput {
    /// Tokens per second over all replicas: forward, backward and update.
    pub tokens_per_second: f64,
    /// Exact matrix-product FLOPs per second over all replicas.
    pub flops_per_second: f64,
    /// Seconds that the first step took, shader compilation and autotuning included.
    pub first_step_seconds: f64,
}

/// Times whole training steps of `replicas` models on made-up tokens: warm-up steps, then rounds
/// until `seconds` have passed; the median round counts.
///
/// # Panics
/// If the device fails.
pub fn measure(
    shape: &Shape,
    hyper: &Hyper,
    replicas: usize,
    device: &Device,
    seconds: f64,
) -> Throughput {
    let seeds: Vec<u64> = (0..replicas as u64).collect();
    let mut model = StackModel::init(shape, &seeds, hyper.precision, device);
    let mut optim = OptimState::new(&model);
    let count = replicas * hyper.batch_sequences * (shape.context + 1);
    let windows: Vec<i32> = (0..count as u64)
        .map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as i32 % shape.vocab as i32)
        .collect();
    let (inputs, targets) = Tokens::inputs_and_targets(&windows, replicas, shape.context);
    let settings = vec![
        ReplicaStep {
            learning_rate: hyper.learning_rate,
            weight_decay: hyper.weight_decay,
            beta1: hyper.beta1,
            beta2: hyper.beta2,
            epsilon: hyper.epsilon,
            clip_norm: hyper.clip_norm,
        };
        replicas
    ];
    let mut steps = |n: usize| {
        let started = Instant::now();
        for _ in 0..n {
            let z = hyper.z_loss as f32;
            let (loss, grads) = model.loss_and_grads(&inputs, &targets, z, 1.0);
            let norm = optim.update(hyper.optimizer, &mut model, grads, &settings);
            drop((loss, norm));
        }
        // Reading a weight waits for the device.
        let _ = model.weights()[0].clone().narrow(1, 0, 1).into_data();
        started.elapsed().as_secs_f64()
    };
    let first_step_seconds = steps(1);
    let one = steps(2) / 2.0;
    let per_round = ((seconds / 5.0 / one) as usize).clamp(1, 1000);
    let mut rounds = vec![steps(per_round) / per_round as f64];
    while rounds.iter().sum::<f64>() * (per_round as f64) < seconds {
        rounds.push(steps(per_round) / per_round as f64);
    }
    rounds.sort_by(f64::total_cmp);
    let median = rounds[rounds.len() / 2];
    let tokens = (replicas * hyper.batch_sequences * shape.context) as f64;
    Throughput {
        tokens_per_second: tokens / median,
        flops_per_second: tokens / median * shape.flops_per_token().train(),
        first_step_seconds,
    }
}
