//! Small cells and records.

use isoflop_ledger::{
    CurvePoint, DevicePassport, Host, Passport, PeakFlops, Record, RunInfo, RunResult, Status,
    Valid, ValidPoint, Versions,
};
use isoflop_plan::{Cell, Family, Hyper, Optimizer, Precision, Schedule, Shape};

pub fn cell(seed: u64) -> Cell {
    let shape = Shape {
        family: Family::Llama,
        depth: 2,
        width: 64,
        heads: 2,
        hidden: 176,
        vocab: 256,
        context: 128,
    };
    let hyper = Hyper {
        batch_sequences: 8,
        learning_rate: 3e-3,
        warmup_steps: 4,
        schedule: Schedule::Cosine { final_fraction: 0.1 },
        optimizer: Optimizer::AdamW,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        weight_decay: 0.1,
        clip_norm: Some(1.0),
        z_loss: 0.0,
        precision: Precision::F32,
    };
    Cell::new(Some(1e12), shape, 100, hyper, seed, "c0ffee")
}

pub fn finished(seed: u64) -> Record {
    let mut result = RunResult::new("demo", "c0ffee", cell(seed), Status::Finished);
    let loss_nats = 2.0 + 0.1 / (seed as f64 + 3.0);
    result.valid = Some(Valid {
        loss_nats,
        bits_per_byte: Some(loss_nats / std::f64::consts::LN_2),
        tokens: 8192,
        true_loss_nats: None,
    });
    result.curve = (1..=4)
        .map(|i| CurvePoint {
            step: 25 * i,
            tokens: 25 * i * 1024,
            loss_nats: 5.5 / (i as f64),
            learning_rate: 1e-3 / 3.0,
            grad_norm: (i > 1).then_some(0.7),
        })
        .collect();
    result.valid_curve = vec![ValidPoint { step: 100, loss_nats }];
    Record::new(result, RunInfo { train_seconds: 1.5, ..RunInfo::default() }.with_rates(10.0, 1e9))
}

pub fn failed(seed: u64) -> Record {
    let status = Status::Failed { error: "out of memory".into() };
    Record::new(RunResult::new("demo", "c0ffee", cell(seed), status), RunInfo::default())
}

pub fn passport() -> Passport {
    Passport {
        device: DevicePassport {
            adapter: "Test Adapter".into(),
            kind: "cpu".into(),
            backend: "flex".into(),
            shader_compiler: None,
            driver: None,
            precisions: vec!["f32".into()],
            details: [("threads".to_owned(), "2".to_owned())].into(),
        },
        host: Host::this(),
        versions: Versions::new("0.0.0", None, Some("abc")),
        data_sha256: "c0ffee".into(),
        peaks: vec![PeakFlops { precision: Precision::F32, flops_per_second: 1.25e11, side: 1024 }],
    }
}
