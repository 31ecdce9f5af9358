//! A short run of the coverage simulation; the long one is `examples/coverage.rs`.

use isoflop_fit::intervals::IntervalOptions;
use isoflop_fit::isoflop::{IsoflopOptions, fit_isoflop};
use isoflop_fit::law::Hoffmann;
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::{Observation, Table};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

const LAW: [f64; 5] = [1.8172, 482.01, 0.3478, 2085.43, 0.3658];

fn log_params(flops: f64) -> f64 {
    let [_, a, alpha, b, beta] = LAW;
    ((alpha * a / (beta * b)).ln() + beta * (flops / 6.0).ln()) / (alpha + beta)
}

fn table(seed: u64) -> Table {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let [e, a, alpha, b, beta] = LAW;
    let mut rows = Vec::new();
    for k in 0..5 {
        let flops = 1e18 * 10f64.powf(0.5 * f64::from(k));
        for i in 0..6 {
            let n = (log_params(flops) + 4f64.ln() * (f64::from(i) / 2.5 - 1.0)).exp();
            let d = flops / 6.0 / n;
            let z: f64 = random.sample(StandardNormal);
            let loss = (e + a / n.powf(alpha) + b / d.powf(beta)) * (0.005 * z).exp();
            rows.push(Observation::new(format!("{k}-{i}"), n, d, flops, loss));
        }
    }
    Table::new(rows).unwrap()
}

#[test]
fn default_intervals_cover() {
    let (sets, draws) = (60, 300);
    let a = LAW[4] / (LAW[2] + LAW[4]);
    let n = log_params(1e22).exp();
    let mut hits = [0; 4];
    let mut given = [0; 2];
    for seed in 0..sets {
        let table = table(seed);
        let intervals = IntervalOptions { draws, ..Default::default() };
        let fit =
            fit_law(&table, &Hoffmann, &FitOptions { intervals, ..Default::default() }).unwrap();
        if let Ok(result) = fit.result() {
            given[0] += 1;
            let far = result.frontier.as_ref().unwrap().at(1e22).unwrap().params;
            hits[0] += usize::from(result.exponents.unwrap().params.interval.unwrap().contains(a));
            hits[1] += usize::from(far.interval.unwrap().contains(n));
        }
        if let Ok(fit) = fit_isoflop(&table, &IsoflopOptions { draws, ..Default::default() }) {
            given[1] += 1;
            hits[2] += usize::from(fit.params.exponent.interval.unwrap().contains(a));
            hits[3] += usize::from(fit.at(1e22).unwrap().params.interval.unwrap().contains(n));
        }
    }
    println!(
        "law: {} and {} of {}; slices: {} and {} of {}",
        hits[0], hits[1], given[0], hits[2], hits[3], given[1]
    );
    assert!(given.iter().all(|g| *g as u64 * 10 >= sets * 9));
    // 60 sets tell 95% from 80%, no more.
    for (k, hit) in hits.iter().enumerate() {
        assert!(*hit as f64 >= 0.85 * given[k / 2] as f64, "{hits:?} {given:?}");
    }
}
