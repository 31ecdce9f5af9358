//! Minima that scatter more than the noise explains: what is said of them, and the intervals that follow.

mod support;

use isoflop_fit::isoflop::{IsoflopOptions, fit_isoflop};
use isoflop_fit::{Observation, Table, Warning};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use support::made::{study, warns};
use support::truths::hoffmann;

const EXPONENT: f64 = 0.3658 / (0.3478 + 0.3658);

/// 8 budgets x 9 sizes of Hoffmann's law with .1% noise; each slice is moved along ln N by a draw of sd `displaced`.
fn rows(displaced: f64, seed: u64) -> Vec<Observation> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = move || random.sample::<f64, _>(StandardNormal);
    let mut rows = Vec::new();
    for k in 0..8 {
        let flops = 1e18 * 10f64.powf(0.4 * f64::from(k));
        let centre = 1.03e8 * (flops / 1e18).powf(EXPONENT);
        let moved = (displaced * normal()).exp();
        for i in 0..9 {
            let n = centre * 4f64.powf(f64::from(i) / 4.0 - 1.0);
            let d = flops / 6.0 / n;
            let loss = hoffmann(n / moved, d * moved) * (0.001 * normal()).exp();
            rows.push(Observation::new(format!("{k}-{i}"), n, d, flops, loss));
        }
    }
    rows
}

/// Of `sets` tables: how many intervals of a hold the truth, and how many were widened.
fn simulate(displaced: f64, sets: u64) -> (usize, usize) {
    let (mut held, mut widened) = (0, 0);
    for seed in 0..sets {
        let table = Table::new(rows(displaced, seed)).unwrap();
        let fit =
            fit_isoflop(&table, &IsoflopOptions { draws: 300, ..Default::default() }).unwrap();
        held += usize::from(fit.params.exponent.interval.unwrap().contains(EXPONENT));
        widened += usize::from(fit.scatter > 1.0);
    }
    println!("sd {displaced} in ln N*: {held} of {sets} held, {widened} widened");
    (held, widened)
}

#[test]
fn displaced_minima_widen_the_intervals_until_they_hold_the_truth() {
    let sets = 120;
    let (held, widened) = simulate(0.10, sets);
    assert!(held * 100 >= 85 * sets as usize, "{held}");
    assert!(widened * 100 >= 95 * sets as usize, "{widened}");
}

#[test]
fn minima_that_noise_explains_are_left_alone() {
    let sets = 200;
    let (held, widened) = simulate(0.0, sets);
    // Two standard errors below 95%, and above 5%.
    assert!(held * 100 >= 91 * sets as usize, "{held}");
    assert!(widened * 100 <= 8 * sets as usize, "{widened}");
}

#[test]
fn scattered_minima_are_warned_of() {
    let scattered = |w: &Warning| matches!(w, Warning::ScatteredMinima { .. });
    assert!(warns(&study(rows(0.10, 1), 100), scattered));
    assert!(!warns(&study(rows(0.0, 1), 100), scattered));
}
