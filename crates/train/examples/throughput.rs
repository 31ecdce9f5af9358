//! Tokens per second of some shapes on the CPU: `cargo run --release -p isoflop-train --example throughput`.

use burn::tensor::Device;
use isoflop_plan::{Family, Hyper, Optimizer, Precision, Schedule, Shape};
use isoflop_train::measure;

fn main() {
    let seconds: f64 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(4.0);
    // depth, width, heads, hidden, vocabulary, context, sequences, replicas
    let shapes = [
        (2, 32, 1, 88, 256, 64, 16, 1),
        (2, 32, 1, 88, 256, 64, 16, 4),
        (4, 64, 2, 176, 256, 128, 16, 1),
        (4, 64, 2, 176, 256, 128, 16, 4),
        (6, 256, 4, 688, 4096, 256, 8, 1),
        (8, 512, 8, 1368, 8192, 512, 4, 1),
    ];
    for (depth, width, heads, hidden, vocab, context, sequences, replicas) in shapes {
        let shape = Shape { family: Family::Llama, depth, width, heads, hidden, vocab, context };
        let hyper = Hyper {
            batch_sequences: sequences,
            learning_rate: 1e-3,
            warmup_steps: 0,
            schedule: Schedule::Constant,
            optimizer: Optimizer::AdamW,
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            weight_decay: 0.1,
            clip_norm: Some(1.0),
            z_loss: 0.0,
            precision: Precision::F32,
        };
        let t = measure(&shape, &hyper, replicas, &Device::flex(), seconds);
        println!(
            "{shape} V{vocab} {sequences}x{context} R{replicas}: {:.0} tokens/s, {:.1} GFLOP/s",
            t.tokens_per_second,
            t.flops_per_second / 1e9
        );
    }
}
