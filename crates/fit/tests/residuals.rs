//! Trends in what a law leaves over: found where they are, rarely where they are not.

use isoflop_fit::law::Hoffmann;
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::validate::{Residuals, residual_structure};
use isoflop_fit::{Observation, Table};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// 5 budgets x 7 sizes of a law with 0.3% of noise; `bend` is what ln L gains by the square of ln(20 N / D).
fn residuals(seed: u64, bend: f64) -> Residuals {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || random.sample::<f64, _>(StandardNormal);
    let mut rows = Vec::new();
    for k in 0..5 {
        let flops = 1e18 * 10f64.powf(0.5 * f64::from(k));
        for i in 0..7 {
            let n = 8e7 * 10f64.powf(0.2563 * f64::from(k)) * 4f64.powf(f64::from(i) / 3.0 - 1.0);
            let d = flops / 6.0 / n;
            let law = 1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658);
            let off = bend * (20.0 * n / d).ln().powi(2) + 0.003 * normal();
            rows.push(Observation::new(format!("{k}-{i}"), n, d, flops, law * off.exp()));
        }
    }
    let table = Table::new(rows).unwrap();
    let mut options = FitOptions::default();
    options.intervals.draws = 0;
    let fit = fit_law(&table, &Hoffmann, &options).unwrap();
    residual_structure(&table, &Hoffmann, fit.result().unwrap())
}

#[test]
fn a_bend_in_tokens_per_parameter_is_found() {
    // A bend downwards, which Hoffmann's two terms cannot take up.
    let found = (0..20).filter(|seed| {
        let residuals = residuals(*seed, -0.003);
        let trend = residuals.trends.iter().find(|t| t.variable == "N / D").unwrap();
        println!("{seed}: slope {:.1}, bend {:.1}", trend.slope_t, trend.bend_t);
        trend.structured && trend.bend_t.abs() > trend.slope_t.abs()
    });
    assert!(found.count() >= 16);
}

#[test]
fn tables_without_a_trend_are_rarely_said_to_have_one() {
    let structured = |seed: &u64| residuals(*seed, 0.0).trends.iter().any(|t| t.structured);
    let said = (100..500).filter(structured).count();
    println!("{said} of 400");
    assert!(said <= 8, "{said}");
}
