//! Runs above the others are named, with and without slices, and only those.

mod support;

use isoflop_fit::isoflop::SpoiledRuns;
use isoflop_fit::study::{Study, run};
use isoflop_fit::{Observation, Table, Warning};
use support::made::{loss, quick, ripple, slices, study, warns};

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

/// What is said of runs that were left out of an approach.
fn left_out(study: &Study) -> Vec<String> {
    let of = |w: &Warning| match w {
        Warning::SpoiledRuns { runs, .. } => Some(runs.clone()),
        _ => None,
    };
    study.warnings.iter().filter_map(of).flatten().collect()
}

#[test]
fn mistuned_runs_are_named_without_slices() {
    assert_eq!(named(&study(free(), 0)), []);
    let found = study(spoiled(free(), &[7, 21, 40], 0.03), 0);
    assert_eq!(named(&found), []);
    let told = left_out(&found);
    assert_eq!(told.len(), 3, "{told:?}");
    for (said, name) in told.iter().zip(["f7 (loss +3", "f21 (loss +3", "f40 (loss +3"]) {
        assert!(
            said.starts_with(name) || said.starts_with(&name.replace("+3", "+2.9")),
            "{told:?}"
        );
    }
    assert!(warns(&found, |w| matches!(w, Warning::SpoiledRuns { of, .. } if of == "approach 3")));
}

#[test]
fn runs_on_the_curve_of_their_slice_are_not_named() {
    // A whole slice 4% above what the law says of it: its runs lie on their own curve.
    let raised: Vec<usize> = (18..27).collect();
    assert_eq!(named(&study(spoiled(slices(6), &raised, 0.04), 0)), []);
    // One run above the curve is, once, as left out.
    let found = study(spoiled(slices(6), &[22], 0.04), 0);
    assert_eq!(named(&found), []);
    let told = left_out(&found);
    assert!(told.len() == 1 && told[0].starts_with("r2-4 (loss +"), "{told:?}");
}

#[test]
fn runs_of_slices_without_a_curve_are_said_to_lie_above_the_law() {
    // The largest budget has its four smallest sizes alone, and so no minimum.
    let rows: Vec<Observation> =
        slices(6).into_iter().enumerate().filter(|(k, _)| *k < 49).map(|r| r.1).collect();
    let told = left_out(&study(spoiled(rows.clone(), &[46], 0.04), 0));
    assert!(told.len() == 1 && told[0].starts_with("r5-1 (loss +"), "{told:?}");
    // With all rows fitted it is named all the same.
    let mut options = quick(0);
    options.isoflop.spoiled = SpoiledRuns::Keep;
    let table = Table::new(spoiled(rows, &[46], 0.04)).unwrap();
    let told = named(&run(&table, &[], &options).unwrap());
    assert_eq!(told, [("the law".to_string(), vec!["r5-1".to_string()])]);
}
