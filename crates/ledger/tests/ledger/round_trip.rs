use isoflop_ledger::{
    CurvePoint, EnergySource, Ledger, Record, RunInfo, RunResult, Status, Valid, ValidPoint, read,
};
use isoflop_plan::{Cell, Hyper};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::samples::cell;

/// Any float a loss can come to, the odd ones included.
fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => any::<f64>(),
        4 => any::<u64>().prop_map(f64::from_bits),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(-0.0),
        1 => Just(5e-324),
    ]
    // The one NaN that JSON's "NaN" stands for.
    .prop_map(|value| if value.is_nan() { f64::NAN } else { value })
}

fn finite() -> impl Strategy<Value = f64> {
    float().prop_filter("finite", |value| value.is_finite())
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        Just(Status::Finished),
        (any::<u64>(), ".*").prop_map(|(step, reason)| Status::Diverged { step, reason }),
        ".*".prop_map(|error| Status::Failed { error }),
    ]
}

fn valid() -> impl Strategy<Value = Valid> {
    (float(), option::of(float()), any::<u64>(), option::of(float())).prop_map(
        |(loss_nats, bits_per_byte, tokens, true_loss_nats)| Valid {
            loss_nats,
            bits_per_byte,
            tokens,
            true_loss_nats,
        },
    )
}

fn like_valid() -> Valid {
    Valid { loss_nats: 1.0, bits_per_byte: None, tokens: 1, true_loss_nats: None }
}

/// Points whose steps go forward to the last of 100 at most.
fn forward<T>(mut points: Vec<T>, step: fn(&mut T) -> &mut u64) -> Vec<T> {
    for (i, point) in points.iter_mut().enumerate() {
        *step(point) = 10 * i as u64 + *step(point) % 10;
    }
    points
}

prop_compose! {
    fn valid_point()(step in any::<u64>(), loss_nats in float()) -> ValidPoint {
        ValidPoint { step, loss_nats }
    }
}

prop_compose! {
    fn curve_point()(
        step in any::<u64>(),
        loss_nats in float(),
        learning_rate in finite(),
        grad_norm in option::of(float()),
    ) -> CurvePoint {
        CurvePoint { step, tokens: 0, loss_nats, learning_rate, grad_norm }
    }
}

prop_compose! {
    fn run_info()(
        passport in "[0-9a-f]{16}",
        stack in ".*",
        stack_width in any::<usize>(),
        resumed in any::<u32>(),
        (train_seconds, eval_seconds) in (finite(), finite()),
        (tokens_per_second, flops_per_second) in (option::of(finite()), option::of(finite())),
        (device_share, peak_memory_bytes) in (finite(), option::of(any::<u64>())),
        (energy_joules, source) in (option::of(finite()), 0..3usize),
        first_step_seconds in option::of(finite()),
    ) -> RunInfo {
        let source = [EnergySource::Nvml, EnergySource::Rapl, EnergySource::Given][source];
        RunInfo {
            passport, stack, stack_width, resumed, train_seconds, eval_seconds,
            tokens_per_second, flops_per_second,
            started_utc: isoflop_ledger::now_utc(), ended_utc: isoflop_ledger::now_utc(),
            device_share, peak_memory_bytes,
            energy_joules, energy_source: energy_joules.map(|_| source),
            first_step_seconds,
        }
    }
}

prop_compose! {
    fn record()(
        seed in any::<u64>(),
        study in ".*",
        status in status(),
        valid in option::of(valid()),
        curve in vec(curve_point(), 0..6),
        valid_curve in vec(valid_point(), 0..3),
        loss_nats in finite(),
        learning_rate in finite(),
        budget in option::of(finite()),
        run in run_info(),
    ) -> Record {
        let like = cell(seed);
        let hyper = Hyper { learning_rate, ..like.hyper };
        let cell = Cell::new(budget, like.shape, like.steps, hyper, seed, "c0ffee");
        let mut result = RunResult::new(&study, "c0ffee", cell, status);
        // A finished cell has a held-out loss that is a number; else any may be there.
        result.valid = match result.status {
            Status::Finished => Some(Valid { loss_nats, ..valid.unwrap_or(like_valid()) }),
            _ => valid,
        };
        let tokens = |point: CurvePoint| CurvePoint { tokens: point.step * 1024, ..point };
        result.curve = forward(curve, |point| &mut point.step).into_iter().map(tokens).collect();
        result.valid_curve = forward(valid_curve, |point| &mut point.step);
        Record::new(result, run)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is written is what is read, to the last bit. `Debug` tells every float from every other, and NaN from none.
    #[test]
    fn records_read_back_bit_for_bit(records in vec(record(), 1..4)) {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path(), "test").unwrap();
        let mut written = Vec::new();
        for record in records {
            if let isoflop_ledger::Append::Written = ledger.append(record.clone()).unwrap() {
                written.push(record);
            }
        }
        let read = read(folder.path()).unwrap().records;
        prop_assert_eq!(format!("{read:?}"), format!("{written:?}"));
        for (read, written) in read.iter().zip(&written) {
            prop_assert_eq!(read.deterministic_json(), written.deterministic_json());
        }
    }

    /// No bytes, however odd, make the reader panic.
    #[test]
    fn any_bytes_are_records_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ledger.jsonl"), bytes).unwrap();
        let _ = read(folder.path());
    }
}
