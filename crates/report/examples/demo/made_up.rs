//! Runs that nobody trained.

use std::collections::BTreeMap;

use isoflop_fit::envelope::{Curve, CurvePoint as FitPoint};
use isoflop_fit::{Counts, Observation};
use isoflop_ledger::{
    CurvePoint, DevicePassport, Host, Passport, PeakFlops, Record, RunInfo, RunResult, Status,
    Valid, Versions,
};
use isoflop_plan::{Cell, Family, Hyper, Optimizer, Precision, Schedule, Shape};
use isoflop_report::PublishedLaw;
use isoflop_report::plots::{Sensitivity, SensitivityCurve};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ENTROPY: f64 = 1.31;
const PROCESSOR: &str = "AMD EPYC 7713";
const DATA: &str = "5f3c1d9e0b7a4c28a1e6f0d2b9c8e7a6f5d4c3b2a1908f7e6d5c4b3a29180f7e";

/// The law behind the losses, nats per token.
fn loss(params: f64, tokens: f64) -> f64 {
    ENTROPY + 38.0 / params.powf(0.36) + 92.0 / tokens.powf(0.37)
}

fn shape(width: usize) -> Shape {
    let depth = (width / 32).clamp(2, 12);
    Shape {
        family: Family::Llama,
        depth,
        width,
        heads: width / 16,
        hidden: width * 8 / 3 / 16 * 16,
        vocab: 256,
        context: 256,
    }
}

fn hyper(width: usize, batch_sequences: usize, steps: u64) -> Hyper {
    Hyper {
        batch_sequences,
        learning_rate: 0.32 / width as f64,
        warmup_steps: steps / 20,
        schedule: Schedule::Cosine { final_fraction: 0.1 },
        optimizer: Optimizer::AdamW,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        weight_decay: 0.1,
        clip_norm: Some(1.0),
        z_loss: 0.0,
        precision: Precision::F32,
    }
}

/// Six budgets, seven widths each; another seed gives other noise.
pub fn records(seed: u64) -> Vec<Record> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let widths = [32, 48, 64, 80, 96, 128, 160, 192, 256, 320];
    let budgets = [1e12, 3.2e12, 1e13, 3.2e13, 1e14, 3.2e14];
    let mut records = Vec::new();
    for (b, budget) in budgets.into_iter().enumerate() {
        for (i, width) in widths.into_iter().enumerate() {
            // Slides the sizes along with the optimum; the first budget lacks its small models.
            let first = if b == 0 { 2 } else { b / 2 };
            if i < first || i >= (first + 7).min(widths.len()) {
                continue;
            }
            let shape = shape(width);
            let tokens = budget / shape.flops_per_token().train();
            let batch = 4 << b.min(3);
            let steps = ((tokens / (batch * shape.context) as f64).round() as u64).max(20);
            let cell = Cell::new(Some(budget), shape, steps, hyper(width, batch, steps), 0, DATA);
            records.push(record(cell, &mut random, b == 4 && width == 320));
        }
    }
    records
}

fn record(cell: Cell, random: &mut ChaCha8Rng, diverges: bool) -> Record {
    let steps = cell.steps;
    let status = match diverges {
        true => Status::Diverged { step: steps / 3, reason: "the loss is not a number".into() },
        false => Status::Finished,
    };
    let mut result = RunResult::new("demo", DATA, cell, status);
    let (n, d) = (result.params.total() as f64, result.tokens as f64);
    let noise = |random: &mut ChaCha8Rng, size: f64| {
        1.0 + size * (random.random::<f64>() + random.random::<f64>() - 1.0)
    };
    let last = loss(n, d) * noise(random, 0.008);
    for i in 1..=80 {
        let share = f64::from(i) / if diverges { 240.0 } else { 80.0 };
        // A little above the law on the way, since the learning rate is still high.
        let value =
            (loss(n, d * share) * (1.0 + 0.03 * (1.0 - share))).min(5.4) * noise(random, 0.01);
        let tokens = (d * share) as u64;
        let step = (steps as f64 * share) as u64;
        let loss_nats = if diverges && i == 80 { f64::NAN } else { value };
        result.curve.push(CurvePoint {
            step,
            tokens,
            loss_nats,
            learning_rate: 1e-3,
            grad_norm: Some(0.4),
        });
    }
    if !diverges {
        let bits_per_byte = Some(last / std::f64::consts::LN_2);
        result.valid = Some(Valid {
            loss_nats: last,
            bits_per_byte,
            tokens: 262_144,
            true_loss_nats: Some(ENTROPY),
        });
    }
    let flops = result.flops.exact;
    let run = RunInfo {
        train_seconds: flops / 6e10,
        stack_width: 1,
        passport: passport().hash(),
        ..RunInfo::default()
    };
    Record::new(result, run.with_rates(d, flops))
}

/// A table of many runs from elsewhere: `sizes` of them about the optimum of each of ten budgets.
pub fn many(sizes: usize) -> Vec<Observation> {
    let mut rows = Vec::new();
    for budget in 0..10 {
        let flops = 1e15 * 3f64.powi(budget);
        for size in 0..sizes {
            let share = size as f64 / (sizes - 1) as f64 * 2.0 - 1.0;
            let params = (0.2 * flops.sqrt() * 5f64.powf(share)).round();
            let tokens = flops / (6.0 * params);
            let wobble = 1.0 + 0.002 * ((7 * size + 3 * budget as usize) % 5) as f64;
            let name = format!("sweep-{budget}/model-{size:03}");
            let mut row =
                Observation::new(name, params, tokens, flops, loss(params, tokens) * wobble);
            row.budget_flops = Some(flops);
            rows.push(row);
        }
    }
    rows
}

/// The finished runs as the fit sees them.
pub fn observations(records: &[Record]) -> Vec<Observation> {
    let finished = records.iter().filter_map(|r| Some((r, r.valid_loss_nats()?)));
    let one = |(record, loss): (&Record, f64)| {
        let (p, f) = (&record.result.params, &record.result.flops);
        let n = p.total() as f64;
        let mut row = Observation::new(
            record.id().to_string(),
            n,
            record.result.tokens as f64,
            f.exact,
            loss,
        );
        row.budget_flops = record.result.cell.budget_flops;
        row.counts = Counts {
            params_total: Some(n),
            params_non_embedding: Some(p.non_embedding() as f64),
            params_with_head: Some(p.non_embedding_with_head() as f64),
            flops_exact: Some(f.exact),
        };
        row
    };
    finished.map(one).collect()
}

/// Their training curves.
pub fn curves(records: &[Record]) -> Vec<Curve> {
    let finished = records.iter().filter(|r| r.result.status == Status::Finished);
    let curve = |record: &Record| {
        let per_token = record.result.flops.exact / record.result.tokens as f64;
        let point = |p: &CurvePoint| FitPoint {
            tokens: p.tokens as f64,
            flops: p.tokens as f64 * per_token,
            loss_nats: p.loss_nats,
        };
        let points = record.result.curve.iter().map(point).collect();
        Curve {
            run: record.id().to_string(),
            cell: None,
            params: record.result.params.total() as f64,
            points,
        }
    };
    finished.map(curve).collect()
}

/// A machine.
pub fn passport() -> Passport {
    Passport {
        device: DevicePassport {
            adapter: PROCESSOR.into(),
            kind: "cpu".into(),
            backend: "flex".into(),
            shader_compiler: None,
            driver: None,
            precisions: vec!["f32".into()],
            details: BTreeMap::new(),
        },
        host: Host {
            os: "Debian GNU/Linux 12".into(),
            arch: "x86_64".into(),
            cpu: Some(PROCESSOR.into()),
            cores: 2,
            memory_bytes: 8 << 30,
        },
        versions: Versions::new("0.22.1", None, None),
        data_sha256: DATA.into(),
        peaks: vec![PeakFlops { precision: Precision::F32, flops_per_second: 1.2e11, side: 512 }],
    }
}

/// Two laws, for orientation.
pub fn published() -> Vec<PublishedLaw> {
    let law = |name: &str, k: f64, a: f64| PublishedLaw {
        name: name.into(),
        allocations: (22..=32)
            .map(|e| {
                let c = 10f64.powf(f64::from(e) / 2.0);
                let n = k * c.powf(a);
                (c, n, c / (6.0 * n))
            })
            .collect(),
    };
    vec![
        law("Hoffmann 2022", 0.1, 0.49),
        law("Kaplan 2020", 1.6e-5, 0.73),
        law("Epoch 2024", 0.08, 0.512),
    ]
}

/// A learning-rate experiment.
pub fn sensitivity() -> Sensitivity {
    let curve = |n: f64, name: &str, tilt: f64| SensitivityCurve {
        name: name.into(),
        order: n,
        points: [0.25, 0.5, 1.0, 2.0, 4.0]
            .iter()
            .map(|m: &f64| (*m, 0.008 * m.log2().powi(2) + tilt * m.log2()))
            .collect(),
    };
    Sensitivity {
        id: "learning-rate".into(),
        title: "Is the learning rate right?".into(),
        subtitle: Some("Loss at the minimum of three budgets, rate changed".into()),
        label: "Learning rate, multiple of the default".into(),
        curves: vec![
            curve(1e5, "130k", 0.003),
            curve(3e5, "420k", -0.002),
            curve(1e6, "1.1M", -0.004),
        ],
        tolerance: 0.01,
    }
}
