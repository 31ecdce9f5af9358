//! Made tables that several tests use.

use isoflop_fit::study::{Study, StudyOptions, run};
use isoflop_fit::{Observation, Table, Warning};

/// A known law.
pub fn loss(n: f64, d: f64) -> f64 {
    1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658)
}

/// A ripple that is the same on every machine.
pub fn ripple(k: i32) -> f64 {
    let wave = (f64::from(k) * 12.9898).sin() * 43_758.545_3;
    2.0 * (wave - wave.floor()) - 1.0
}

/// Budgets x 9 sizes with half a percent of noise.
pub fn slices(budgets: i32) -> Vec<Observation> {
    let mut rows = Vec::new();
    for k in 0..budgets {
        let flops = 3e17 * 10f64.powf(0.5 * f64::from(k));
        for i in 0..9 {
            let n = 4e7 * 10f64.powf(0.2563 * f64::from(k)) * 4f64.powf(f64::from(i) / 4.0 - 1.0);
            let d = flops / 6.0 / n;
            let noisy = loss(n, d) * (0.005 * ripple(9 * k + i)).exp();
            rows.push(Observation::new(format!("r{k}-{i}"), n, d, flops, noisy));
        }
    }
    rows
}

/// So many draws of everything.
pub fn quick(draws: usize) -> StudyOptions {
    let mut options = StudyOptions::default();
    options.fit.intervals.draws = draws;
    options.isoflop.draws = draws;
    options.envelope.draws = draws;
    options
}

/// A study of made rows.
pub fn study(rows: Vec<Observation>, draws: usize) -> Study {
    run(&Table::new(rows).unwrap(), &[], &quick(draws)).unwrap()
}

/// Whether it warns of it.
pub fn warns(study: &Study, is: impl Fn(&Warning) -> bool) -> bool {
    study.warnings.iter().any(is)
}
