//! Robust fits of one-variable laws to scattered runs, against the exact answers.

mod support;

use isoflop_fit::intervals::IntervalOptions;
use isoflop_fit::law::{LawKind, Variable};
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::{Objective, Observation, Outcome, Table};

/// 6 slices x 9 sizes of Epoch's law with 0.3% ripple: as scattered about a law of one variable as studies are.
fn slices() -> Table {
    let mut rows = Vec::new();
    for k in 0..6 {
        let flops = 3e17 * 10f64.powf(0.5 * f64::from(k));
        for i in 0..9 {
            let n = 4e7 * 10f64.powf(0.2563 * f64::from(k)) * 4f64.powf(f64::from(i) / 4.0 - 1.0);
            let d = flops / 6.0 / n;
            let wave = (f64::from(9 * k + i) * 12.9898).sin() * 43_758.545_3;
            let ripple = 0.003 * (2.0 * (wave - wave.floor()) - 1.0);
            let loss = 1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658);
            rows.push(Observation::new(format!("{k}-{i}"), n, d, flops, loss * ripple.exp()));
        }
    }
    Table::new(rows).unwrap()
}

fn tables() -> Vec<(&'static str, Table)> {
    let mut out = vec![("slices", slices())];
    for name in ["scattered", "drifting", "checkpoints"] {
        out.push((name, support::table(name)));
    }
    out
}

const PLAIN: [(&str, Variable); 3] =
    [("power-n", Variable::Params), ("power-d", Variable::Tokens), ("power-c", Variable::Flops)];

fn options(objective: Objective) -> FitOptions {
    let intervals = IntervalOptions { draws: 0, ..Default::default() };
    FitOptions { objective, intervals, ..Default::default() }
}

/// The least sum of |ln L - line| over lines in ln X, some of which pass through two runs: by trying every pair.
fn least_absolute(x: &[f64], y: &[f64]) -> f64 {
    let mut best = f64::INFINITY;
    for i in 0..x.len() {
        for j in 0..i {
            if x[i] == x[j] {
                continue;
            }
            let slope = (y[i] - y[j]) / (x[i] - x[j]);
            let sum = x.iter().zip(y).map(|(a, b)| (b - y[i] - slope * (a - x[i])).abs()).sum();
            best = f64::min(best, sum);
        }
    }
    best
}

#[test]
fn plain_power_laws_converge_on_scattered_runs_and_meet_the_exact_answers() {
    for (name, table) in tables() {
        for (law, variable) in PLAIN {
            let x: Vec<f64> = table.rows().iter().map(|r| variable.of(r).ln()).collect();
            let y: Vec<f64> = table.rows().iter().map(|r| r.loss_nats.ln()).collect();
            let law = LawKind::parse(law).unwrap().law();
            for objective in Objective::COMPARED {
                let fit = fit_law(&table, law.as_ref(), &options(objective)).unwrap();
                let what = format!("{name} {} {}", law.name(), objective.name());
                println!("{what}: {} in {} evaluations", fit.outcome, fit.evaluations);
                if !fit.outcome.is_result() {
                    // A loss that hardly depends on X is named as such.
                    let alpha = fit.stopped_at.iter().find(|p| p.0 == "alpha").unwrap().1;
                    assert!(
                        matches!(fit.outcome, Outcome::AtBound { .. }),
                        "{what}: {}",
                        fit.outcome
                    );
                    assert!(alpha < 1e-3, "{what}: {alpha}");
                    continue;
                }
                if objective == Objective::Absolute {
                    let exact = least_absolute(&x, &y);
                    let off = fit.objective_value / exact - 1.0;
                    assert!(off.abs() < 1e-4, "{what}: {} {exact}", fit.objective_value);
                }
                if objective == Objective::SquaredLog {
                    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
                    let (mx, my) = (mean(&x), mean(&y));
                    let xy: f64 = x.iter().zip(&y).map(|(a, b)| (a - mx) * (b - my)).sum();
                    let xx: f64 = x.iter().map(|a| (a - mx).powi(2)).sum();
                    let alpha = fit.result().unwrap().parameter("alpha").unwrap().point;
                    assert!((alpha + xy / xx).abs() < 1e-9, "{what}: {alpha} {}", -xy / xx);
                }
            }
        }
    }
}

#[test]
fn every_law_of_one_variable_ends_somewhere_on_scattered_runs() {
    for (name, table) in tables() {
        for law in ["offset-n", "offset-d", "offset-c", "kaplan", "tied"] {
            let law = LawKind::parse(law).unwrap().law();
            for objective in Objective::COMPARED {
                let fit = fit_law(&table, law.as_ref(), &options(objective)).unwrap();
                let what = format!("{name} {} {}", law.name(), objective.name());
                println!("{what}: {} in {} evaluations", fit.outcome, fit.evaluations);
                assert!(
                    !matches!(fit.outcome, Outcome::DidNotConverge { .. }),
                    "{what}: {}",
                    fit.outcome
                );
            }
        }
    }
}

#[test]
fn laws_with_a_floor_end_at_a_result_or_at_its_bound() {
    for (name, table) in tables() {
        for law in ["offset-n", "offset-d", "offset-c"] {
            for objective in Objective::COMPARED {
                let law = LawKind::parse(law).unwrap().law();
                let outcome = fit_law(&table, law.as_ref(), &options(objective)).unwrap().outcome;
                let ended = outcome.is_result() || matches!(outcome, Outcome::AtBound { .. });
                assert!(ended, "{name} {} {}: {outcome}", law.name(), objective.name());
            }
        }
    }
}
