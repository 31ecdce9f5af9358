//! Runs above the others are named, with and without slices, and only those.

mod support;

use isoflop_fit::study::Study;
use isoflop_fit::{Observation, Warning};
use support::made::{loss, ripple, slices, study};

/// What the study says of mistuned runs: what they lie above, and their names.
fn named(study: &Study) -> Vec<(String, Vec<String>)> {
    let of = |w: &Warning| match w {
        Warning::MistunedCells { about, runs } => Some((about.clone(), runs.clone())),
        _ => None,
    };
    study.warnings.iter().filter_map(of).collect()
}

fn spoiled(mut rows: Vec<Observation>, which: &[usize], by: f64) -> Vec<Observation> {
    which.iter().for_each(|&k| rows[k].loss_nats *= 1.0 + by);
    rows
}

/// 54 runs, each at an N and a C of its own, with up to .2% of ripple.
fn free() -> Vec<Observation> {
    let row = |k: i32| {
        let (u, v) = (0.5 + 0.5 * ripple(2 * k), 0.5 + 0.5 * ripple(2 * k + 1));
        let (n, ratio) = (1e8 * 30f64.powf(u), 8.0 * 12f64.powf(v));
        let d = ratio * n;
        let noisy = loss(n, d) * (0.002 * ripple(500 + k)).exp();
        Observation::new(format!("f{k}"), n, d, 6.0 * n * d, noisy)
    };
    (0..54).map(row).collect()
}

#[test]
fn mistuned_runs_are_named_without_slices() {
    assert_eq!(named(&study(free(), 0)), []);
    let told = named(&study(spoiled(free(), &[7, 21, 40], 0.03), 0));
    let names: Vec<String> = told.iter().flat_map(|t| t.1.clone()).collect();
    assert_eq!(names, ["f7", "f21", "f40"], "{told:?}");
    assert!(told.iter().all(|t| t.0 == "the law"), "{told:?}");
}

#[test]
fn runs_on_the_curve_of_their_slice_are_not_named() {
    // A whole slice 4% above what the law says of it: its runs lie on their own curve.
    let raised: Vec<usize> = (18..27).collect();
    assert_eq!(named(&study(spoiled(slices(6), &raised, 0.04), 0)), []);
    // One run above the curve is, once, as left out.
    let found = study(spoiled(slices(6), &[22], 0.04), 0);
    assert_eq!(named(&found), []);
    let of = |w: &Warning| match w {
        Warning::SpoiledRuns { runs } => Some(runs.clone()),
        _ => None,
    };
    let told: Vec<String> = found.warnings.iter().filter_map(of).flatten().collect();
    assert!(told.len() == 1 && told[0].starts_with("r2-4 (loss +"), "{told:?}");
}

#[test]
fn runs_of_slices_without_a_curve_are_said_to_lie_above_the_law() {
    // The largest budget has its four smallest sizes alone, and so no minimum.
    let rows: Vec<Observation> =
        slices(6).into_iter().enumerate().filter(|(k, _)| *k < 49).map(|r| r.1).collect();
    let told = named(&study(spoiled(rows, &[46], 0.04), 0));
    assert_eq!(told, [("the law".to_string(), vec!["r5-1".to_string()])]);
}
