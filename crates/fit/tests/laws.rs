//! Every law: gradient against differences, back and forth between parameters, and recovery.

use isoflop_fit::intervals::IntervalOptions;
use isoflop_fit::law::{Centre, Law, LawKind, Sample, least_compute};
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::{Objective, Observation, Table};

/// Natural parameters for a trial of each law.
fn cases() -> Vec<(&'static str, Vec<f64>)> {
    vec![
        ("hoffmann", vec![1.7, 400.0, 0.34, 900.0, 0.3]),
        ("tied", vec![1.7, 400.0, 0.33, 900.0]),
        ("pinned=1.7", vec![400.0, 0.34, 900.0, 0.3]),
        ("kaplan", vec![6.4e13, 0.076, 1.8e13, 0.103]),
        ("joint", vec![11.0, 0.076, 20.0, 0.095, 0.3]),
        ("joint-offset", vec![60.0, 0.3, 160.0, 0.25, 0.4, 1.7]),
        ("repeated", vec![1.87, 521.0, 0.353, 1488.0, 0.353, 15.4, 5.3]),
        ("power-n", vec![11.0, 0.076]),
        ("power-d", vec![20.0, 0.095]),
        ("power-c", vec![30.0, 0.05]),
        ("power-cmin", vec![30.0, 0.05]),
        ("offset-n", vec![1.7, 400.0, 0.34]),
        ("offset-d", vec![1.7, 900.0, 0.3]),
        ("offset-c", vec![1.7, 900.0, 0.15]),
        ("broken-n", vec![1.7, 300.0, 0.36, -0.2, 3e8, 0.7]),
        ("broken-d", vec![1.7, 3000.0, 0.4, -0.2, 2e10, 0.7]),
        ("broken-c", vec![1.7, 1e4, 0.2, -0.12, 1e20, 0.7]),
    ]
}

/// 8 x 8 sizes and lengths around 1e8 and 1e10, data repeated up to 30 times.
fn rows(name: &str, law: &dyn Law, natural: &[f64]) -> Vec<Observation> {
    let mut out = Vec::new();
    for i in 0..8 {
        for j in 0..8 {
            let n = 1e7 * 10f64.powf(0.35 * i as f64);
            let d = 3e8 * 10f64.powf(0.4 * j as f64);
            let mut row = Observation::new(format!("{i}-{j}"), n, d, 6.0 * n * d, 1.0);
            row.unique_tokens = Some(d / [1.0, 2.5, 8.0, 30.0][(i + 2 * j) % 4]);
            let centre = Centre { log_params: 18.0, log_tokens: 23.0, log_flops: 42.0 };
            let point = centre.point(n, d, row.flops, row.unique_tokens);
            let theta = law.working(natural, &centre);
            let mut gradient = vec![0.0; theta.len()];
            row.loss_nats = law.log_loss(&theta, &point, &mut gradient).exp();
            if name == "power-cmin" {
                // The C above is C_min; this is what it takes at a batch of half a million tokens.
                let batch = 5e5;
                row.batch_tokens = Some(batch);
                row.flops /= least_compute(1.0, batch, row.loss_nats);
            }
            out.push(row);
        }
    }
    out
}

#[test]
fn gradients_match_finite_differences() {
    for (name, natural) in cases() {
        let law = LawKind::parse(name).unwrap().law();
        let sample = Sample::new(&Table::new(rows(name, law.as_ref(), &natural)).unwrap());
        let theta = law.working(&natural, &sample.centre);
        let there = law.natural(&theta, &sample.centre);
        for (a, b) in natural.iter().zip(&there) {
            assert!((a / b - 1.0).abs() < 1e-9, "{name}: {natural:?} became {there:?}");
        }
        let n = theta.len();
        for point in &sample.points {
            let mut gradient = vec![0.0; n];
            law.log_loss(&theta, point, &mut gradient);
            let mut scratch = vec![0.0; n];
            for k in 0..n {
                let h = 1e-5 * (1.0 + theta[k].abs());
                let mut moved = theta.clone();
                moved[k] += h;
                let up = law.log_loss(&moved, point, &mut scratch);
                moved[k] -= 2.0 * h;
                let down = law.log_loss(&moved, point, &mut scratch);
                let slope = (up - down) / (2.0 * h);
                let off = (slope - gradient[k]).abs();
                assert!(off < 1e-6 * (1.0 + slope.abs()), "{name} [{k}]: {slope} {}", gradient[k]);
            }
        }
    }
}

#[test]
fn every_law_is_recovered_under_every_objective() {
    for (name, natural) in cases() {
        let kind = LawKind::parse(name).unwrap();
        let law = kind.law();
        let table = Table::new(rows(name, law.as_ref(), &natural)).unwrap();
        let table = kind.prepare(&table).unwrap();
        for objective in Objective::COMPARED {
            let intervals = IntervalOptions { draws: 0, ..Default::default() };
            let options = FitOptions { objective, intervals, ..Default::default() };
            let started = std::time::Instant::now();
            let fit = fit_law(&table, law.as_ref(), &options).unwrap();
            println!("{name} {}: {:?} {}", objective.name(), started.elapsed(), fit.outcome);
            let result =
                fit.result().unwrap_or_else(|e| panic!("{name} {}: {e}", objective.name()));
            for (parameter, truth) in result.parameters.iter().zip(&natural) {
                let off = (parameter.estimate.point / truth - 1.0).abs();
                assert!(
                    off < 1e-5,
                    "{name} {} {}: {} is not {truth} ({})",
                    objective.name(),
                    parameter.name,
                    parameter.estimate.point,
                    fit.outcome
                );
            }
        }
    }
}

#[test]
fn repeated_data_law_gives_the_authors_figures() {
    // The parameters and the two losses of the README of huggingface/datablations, of the models of its first figure on 25
    // billion unique tokens.
    let natural = [
        0.6254804f64.exp(),
        6.255414f64.exp(),
        0.3526596,
        7.3049974f64.exp(),
        0.3526596,
        15.387756,
        5.309743,
    ];
    let law = LawKind::Repeated.law();
    let centre = Centre { log_params: 0.0, log_tokens: 0.0, log_flops: 0.0 };
    let theta = law.working(&natural, &centre);
    for (n, d, want) in [(6.34e9, 242e9, 2.2256440889984477), (8.67e9, 178e9, 2.2269634075087867)] {
        let point = centre.point(n, d, 6.0 * n * d, Some(25e9));
        let loss = law.log_loss(&theta, &point, &mut [0.0; 7]).exp();
        assert!((loss / want - 1.0).abs() < 1e-6, "{loss} {want}");
    }
}
