//! Stacks trained on the CPU: alone and together, interrupted and not, WSD runs that share a trunk.

mod energy;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use burn::tensor::Device;
use isoflop_data::{Corpus, LanguageOptions};
use isoflop_plan::{Cell, CellId, Family, Hyper, Optimizer, Precision, Schedule, Shape, Stack};
use isoflop_record::{Attempt, Record, Status};
use isoflop_train::{Control, Event, StackEnd, TrainOptions, run_stack};

fn corpus() -> Corpus {
    let language = LanguageOptions { vocab: 64, word_end: 0.3, exponent: 1.5, seed: 1 };
    Corpus::synthetic(language, 2048)
}

fn hyper(schedule: Schedule, learning_rate: f64) -> Hyper {
    Hyper {
        batch_sequences: 4,
        learning_rate,
        warmup_steps: 3,
        schedule,
        optimizer: Optimizer::AdamW,
        beta1: 0.9,
        beta2: 0.98,
        epsilon: 1e-8,
        weight_decay: 0.1,
        clip_norm: Some(1.0),
        z_loss: 1e-4,
        precision: Precision::F32,
    }
}

fn cell(corpus: &Corpus, steps: u64, schedule: Schedule, learning_rate: f64, seed: u64) -> Cell {
    let shape = Shape {
        family: Family::Llama,
        depth: 2,
        width: 16,
        heads: 1,
        hidden: 40,
        vocab: corpus.vocab(),
        context: 32,
    };
    Cell::new(None, shape, steps, hyper(schedule, learning_rate), seed, corpus.sha256())
}

fn stack(name: &str, cells: Vec<Cell>) -> Stack {
    Stack { id: name.into(), cells }
}

/// The same for every run: what tells them apart takes no part in results.
fn attempt() -> Attempt {
    Attempt {
        study: "test".into(),
        data_sha256: corpus().sha256().into(),
        passport: "none".into(),
        device_share: 1.0,
        started_utc: "2026-01-01T00:00:00Z".into(),
        now: || "2026-01-01T00:00:01Z".into(),
    }
}

fn options(dir: Option<&Path>) -> TrainOptions {
    TrainOptions {
        suspects_losses: true,
        meter: None,
        checkpoint_dir: dir.map(Path::to_owned),
        checkpoint_seconds: 1e9,
        micro_batch_sequences: None,
        eval_sequences: 16,
        attempt: attempt(),
        evaluated_at_once: None,
        curve_points: 8,
        valid_points: 2,
    }
}

type Records = BTreeMap<CellId, Record>;

/// Trains until the end, or until `stop_at` progress or cell events have come.
fn train(
    stack: &Stack,
    corpus: &Corpus,
    options: &TrainOptions,
    done: &mut Records,
    stop_at: Option<u64>,
) -> StackEnd {
    let finished: BTreeSet<CellId> = done.keys().cloned().collect();
    run_stack(stack, &finished, corpus, &Device::flex(), options, &mut |event| {
        let step = match event {
            Event::CellDone(record) => {
                assert!(!finished.contains(record.id()), "a finished cell came again");
                done.insert(record.id().clone(), *record);
                0
            }
            Event::Step { step, .. } => step,
            _ => 0,
        };
        if stop_at.is_some_and(|s| step >= s) { Control::Stop } else { Control::Continue }
    })
    .expect("training works")
}

/// What must not depend on company, interruptions or time.
fn result(record: &Record) -> String {
    record.deterministic_json()
}

const COSINE: Schedule = Schedule::Cosine { final_fraction: 0.1 };
const WSD: Schedule = Schedule::Wsd { cooldown_fraction: 0.25 };

#[test]
fn a_cell_in_a_stack_is_bitwise_the_cell_alone() {
    let corpus = corpus();
    let cells = vec![
        cell(&corpus, 40, COSINE, 1e-2, 1),
        cell(&corpus, 30, COSINE, 3e-3, 2),
        cell(&corpus, 30, COSINE, 2e-2, 1),
        cell(&corpus, 12, WSD, 1e-2, 3),
    ];
    let mut together = Records::new();
    let end = train(&stack("t", cells.clone()), &corpus, &options(None), &mut together, None);
    assert_eq!(end, StackEnd::Completed);
    assert_eq!(together.len(), 4);
    for cell in cells {
        let mut alone = Records::new();
        train(&stack("a", vec![cell.clone()]), &corpus, &options(None), &mut alone, None);
        let (alone, together) = (&alone[&cell.id], &together[&cell.id]);
        assert_eq!(alone.result.status, Status::Finished);
        assert_eq!(result(alone), result(together), "cell of {} steps", cell.steps);
        assert_eq!(alone.result.curve.len(), 8);
        assert_eq!(alone.result.valid_curve.len(), 2);
        assert!(alone.valid_loss_nats().expect("finished") < (cell.shape.vocab as f64).ln());
    }
}

#[test]
fn runs_that_share_a_trunk_end_as_if_alone() {
    let corpus = corpus();
    let cells: Vec<Cell> = [60, 40, 24].map(|s| cell(&corpus, s, WSD, 1e-2, 1)).into();
    let mut shared = Records::new();
    train(&stack("s", cells.clone()), &corpus, &options(None), &mut shared, None);
    for cell in cells {
        let mut alone = Records::new();
        train(&stack("a", vec![cell.clone()]), &corpus, &options(None), &mut alone, None);
        assert_eq!(result(&alone[&cell.id]), result(&shared[&cell.id]), "{} steps", cell.steps);
    }
}

#[test]
fn stopped_again_and_again_the_result_is_bitwise_the_same() {
    let corpus = corpus();
    let cells = vec![
        cell(&corpus, 900, WSD, 1e-2, 1),
        cell(&corpus, 500, WSD, 1e-2, 1),
        cell(&corpus, 700, COSINE, 3e-3, 2),
    ];
    let stack = stack("r", cells.clone());
    let mut whole = Records::new();
    train(&stack, &corpus, &options(None), &mut whole, None);
    let dir = tempfile::tempdir().expect("a folder");
    let mut pieces = Records::new();
    let mut stops = 0;
    while train(&stack, &corpus, &options(Some(dir.path())), &mut pieces, Some(1))
        == StackEnd::Interrupted
    {
        stops += 1;
        assert!(stops < 1000);
    }
    assert!(stops > 0, "the run was never interrupted: make it longer");
    assert!(std::fs::read_dir(dir.path()).expect("a folder").next().is_none(), "left behind");
    for cell in &cells {
        assert_eq!(result(&whole[&cell.id]), result(&pieces[&cell.id]), "{} steps", cell.steps);
    }
    assert!(pieces.values().any(|o| o.run.resumed > 0));
}

#[test]
fn an_evaluation_that_is_stopped_is_done_again() {
    let corpus = corpus();
    let cells = vec![cell(&corpus, 12, COSINE, 1e-2, 1), cell(&corpus, 9, COSINE, 3e-3, 2)];
    let stack = stack("e", cells.clone());
    let mut whole = Records::new();
    train(&stack, &corpus, &options(None), &mut whole, None);
    let dir = tempfile::tempdir().expect("a folder");
    // 64 windows in passes of 16: an evaluation gives news four times. Every other run is stopped in
    // its first evaluation, the others in their second.
    let (mut pieces, mut stops) = (Records::new(), 0);
    loop {
        let finished: BTreeSet<CellId> = pieces.keys().cloned().collect();
        let options = options(Some(dir.path()));
        let (mut passes, last) = (0, 2 + 4 * (stops % 2));
        let end = run_stack(&stack, &finished, &corpus, &Device::flex(), &options, &mut |event| {
            match event {
                Event::Evaluating { .. } => passes += 1,
                Event::CellDone(record) => {
                    assert!(passes < last, "a cell ended after the stop");
                    pieces.insert(record.result.cell.id.clone(), *record);
                }
                _ => {}
            }
            if passes < last { Control::Continue } else { Control::Stop }
        });
        match end.expect("training works") {
            StackEnd::Completed => break,
            StackEnd::Interrupted => stops += 1,
        }
        assert!(stops < 100);
    }
    assert!(stops >= 2, "no evaluation was stopped");
    for cell in &cells {
        assert_eq!(result(&whole[&cell.id]), result(&pieces[&cell.id]), "{} steps", cell.steps);
    }
}

/// A record that does not reach the disk stops the training; nothing of that cell is left in the checkpoint.
#[test]
fn a_cell_whose_record_was_lost_is_trained_again() {
    let corpus = corpus();
    let cells = vec![cell(&corpus, 20, COSINE, 1e-2, 1), cell(&corpus, 9, COSINE, 3e-3, 2)];
    let stack = stack("l", cells.clone());
    let dir = tempfile::tempdir().expect("a folder");
    let options = options(Some(dir.path()));
    let device = Device::flex();
    let end = run_stack(&stack, &BTreeSet::new(), &corpus, &device, &options, &mut |event| {
        if matches!(event, Event::CellDone(_)) { Control::Stop } else { Control::Continue }
    });
    assert_eq!(end.expect("training works"), StackEnd::Interrupted);
    let (mut ended, mut warnings) = (Records::new(), Vec::new());
    let end = run_stack(&stack, &BTreeSet::new(), &corpus, &device, &options, &mut |event| {
        match event {
            Event::CellDone(record) => drop(ended.insert(record.result.cell.id.clone(), *record)),
            Event::Warning(text) => warnings.push(text),
            _ => {}
        }
        Control::Continue
    });
    assert_eq!(end.expect("training works"), StackEnd::Completed);
    assert!(warnings.len() == 1 && warnings[0].contains("never recorded"), "{warnings:?}");
    let mut whole = Records::new();
    train(&stack, &corpus, &self::options(None), &mut whole, None);
    for cell in &cells {
        assert_eq!(result(&whole[&cell.id]), result(&ended[&cell.id]), "{} steps", cell.steps);
    }
}

#[test]
fn divergence_is_an_record() {
    let corpus = corpus();
    let mut wild = cell(&corpus, 60, Schedule::Constant, 1e6, 1);
    wild.hyper.clip_norm = None;
    let cells = vec![cell(&corpus, 60, COSINE, 1e-2, 1), wild];
    let mut done = Records::new();
    train(&stack("d", cells.clone()), &corpus, &options(None), &mut done, None);
    assert_eq!(done[&cells[0].id].result.status, Status::Finished);
    let lost = &done[&cells[1].id];
    assert!(matches!(lost.result.status, Status::Diverged { .. }), "{:?}", lost.result.status);
    assert_eq!(lost.valid_loss_nats(), None);
}

#[test]
fn micro_batches_train_the_same_within_rounding() {
    let corpus = corpus();
    let cells = vec![cell(&corpus, 20, COSINE, 1e-2, 1)];
    let (mut whole, mut parts) = (Records::new(), Records::new());
    train(&stack("w", cells.clone()), &corpus, &options(None), &mut whole, None);
    let micro = TrainOptions { micro_batch_sequences: Some(3), ..options(None) };
    train(&stack("m", cells.clone()), &corpus, &micro, &mut parts, None);
    let loss = |o: &Records| o[&cells[0].id].valid_loss_nats().expect("finished");
    let (a, b) = (loss(&whole), loss(&parts));
    assert!((a / b - 1.0).abs() < 1e-4, "{a} {b}");
}

#[test]
fn a_damaged_checkpoint_is_named() {
    let corpus = corpus();
    let stack = stack("x", vec![cell(&corpus, 5, COSINE, 1e-2, 1)]);
    let dir = tempfile::tempdir().expect("a folder");
    let file = isoflop_train::checkpoint_path(dir.path(), &stack);
    std::fs::write(&file, b"not a checkpoint").expect("written");
    let error = run_stack(
        &stack,
        &BTreeSet::new(),
        &corpus,
        &Device::flex(),
        &options(Some(dir.path())),
        &mut |_| Control::Continue,
    )
    .expect_err("it is damaged")
    .to_string();
    assert!(error.contains("x.safetensors") && error.contains("hint:"), "{error}");
}

#[test]
fn a_checkpoint_with_changed_weights_is_refused() {
    let corpus = corpus();
    let stack = stack("b", vec![cell(&corpus, 4000, COSINE, 1e-2, 1)]);
    let dir = tempfile::tempdir().expect("a folder");
    let options = options(Some(dir.path()));
    assert_eq!(
        train(&stack, &corpus, &options, &mut Records::new(), Some(1)),
        StackEnd::Interrupted
    );
    let file = dir.path().join("b.safetensors");
    let mut bytes = std::fs::read(&file).expect("a checkpoint");
    let last = bytes.len() - 64;
    bytes[last..].iter_mut().for_each(|byte| *byte ^= 0x40);
    std::fs::write(&file, bytes).expect("written");
    let go_on =
        run_stack(&stack, &BTreeSet::new(), &corpus, &Device::flex(), &options, &mut |_| {
            Control::Stop
        });
    let error = go_on.expect_err("it was changed").to_string();
    assert!(error.contains("b.safetensors") && error.contains("hint:"), "{error}");
}
