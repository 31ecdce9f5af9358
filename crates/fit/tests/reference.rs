//! Results of others' own code on real tables.

mod support;

use isoflop_fit::Objective;
use isoflop_fit::intervals::IntervalOptions;
use isoflop_fit::law::Hoffmann;
use isoflop_fit::parametric::{FitOptions, fit_law};
use support::{near, others};

fn options(objective: Objective) -> FitOptions {
    let intervals = IntervalOptions { draws: 0, ..Default::default() };
    FitOptions { objective, intervals, ..Default::default() }
}

#[test]
#[ignore = "reads tables that are not ours to ship: set ISOFLOP_REFERENCE to their folder"]
fn every_gold_fit_is_met() {
    let gold = others::gold();
    for (name, table) in others::gold_tables() {
        for (key, objective) in [
            ("mse_linear", Objective::SquaredLinear),
            ("mse_log", Objective::SquaredLog),
            ("huber_log_1e-3", Objective::Huber { delta: 1e-3 }),
        ] {
            let want = &gold["gold_fits"][name][key];
            let started = std::time::Instant::now();
            let fit = fit_law(&table, &Hoffmann, &options(objective)).unwrap();
            let took = started.elapsed();
            let got = |k: &str| fit.stopped_at.iter().find(|p| p.0 == k).unwrap().1;
            let (alpha, beta) = (got("alpha"), got("beta"));
            let a = beta / (alpha + beta);
            println!(
                "{name} {key}: {} in {took:?} | value {:.10e} want {} | alpha {alpha:.6} {} E {:.6} {}",
                fit.outcome,
                fit.objective_value,
                want["obj"],
                want["alpha"],
                got("E"),
                want["E"]
            );
            let close = |x: f64, k: &str, tolerance: f64| {
                let w = want[k].as_f64().unwrap();
                assert!((x - w).abs() <= tolerance, "{name} {key} {k}: {x} wanted {w}");
            };
            let value = want["obj"].as_f64().unwrap();
            assert!(fit.objective_value <= value * (1.0 + 1e-6) + 1e-15, "{name} {key}");
            if name == "cs336_toy" {
                continue;
            }
            close(alpha, "alpha", 5e-4);
            close(beta, "beta", 5e-4);
            close(a, "a", 5e-4);
            close(got("E"), "E", 1e-3);
        }
    }
}

#[test]
#[ignore = "reads tables that are not ours to ship: set ISOFLOP_REFERENCE to their folder"]
fn epochs_published_point_and_huber_point_are_met() {
    let gold = others::gold();
    let table = others::table("epoch_chinchilla_240.csv");
    let gold = &gold["epoch_approach3"];
    let value = |objective| {
        let fit = fit_law(&table, &Hoffmann, &options(objective)).unwrap();
        assert!(fit.outcome.is_result(), "{}", fit.outcome);
        fit
    };
    let of = |fit: &isoflop_fit::parametric::LawFit, k: &str| {
        fit.stopped_at.iter().find(|p| p.0 == k).unwrap().1
    };
    let huber = value(Objective::Huber { delta: 1e-3 });
    let want = &gold["huber_point"];
    near(of(&huber, "alpha"), &want["alpha"], 2e-4, "alpha");
    near(of(&huber, "beta"), &want["beta"], 2e-4, "beta");
    near(of(&huber, "E"), &want["E"], 5e-4, "E");
    near(of(&huber, "A"), &want["A"], 5e-3 * 477.8, "A");
    near(of(&huber, "B"), &want["B"], 1e-2 * 2143.4, "B");
    near(huber.objective_value, &want["objective_min"], 1e-7 * 1.02e-3, "objective");
    let scale = value(Objective::Likelihood { delta: 1e-3 });
    let want = &gold["published_point"]["rerun"];
    assert!(scale.objective_value <= want["neg_loglik"].as_f64().unwrap() + 1e-3);
    near(scale.objective_value, &want["neg_loglik"], 0.05, "likelihood");
    near(of(&scale, "alpha"), &want["alpha"], 1e-3, "alpha");
    near(of(&scale, "beta"), &want["beta"], 1e-3, "beta");
}

#[test]
#[ignore = "reads tables that are not ours to ship: set ISOFLOP_REFERENCE to their folder"]
fn toy_law_is_recovered_to_a_millionth() {
    let gold = others::gold();
    let truth = &gold["synthetic_truth"]["truth"];
    let table = others::table("cs336_toy_isoflop.csv");
    for objective in Objective::COMPARED {
        let fit = fit_law(&table, &Hoffmann, &options(objective)).unwrap();
        let result = fit.result().unwrap();
        for name in ["E", "A", "alpha", "B", "beta"] {
            let want = truth[name].as_f64().unwrap();
            let got = result.parameter(name).unwrap().point;
            assert!((got / want - 1.0).abs() < 1e-6, "{} {name} {got} {want}", objective.name());
        }
    }
}

#[test]
#[ignore = "reads tables that are not ours to ship: set ISOFLOP_REFERENCE to their folder"]
fn gemstones_published_fit_is_met() {
    let gold = others::gold();
    let want = &gold["gemstones_published_delta1e-3"]["hot"];
    let table = others::table("gemstones_hot.csv");
    let fit = fit_law(&table, &Hoffmann, &options(Objective::Huber { delta: 1e-3 })).unwrap();
    let result = fit.result().unwrap();
    for name in ["alpha", "beta"] {
        near(result.parameter(name).unwrap().point, &want[name], 3e-4, name);
    }
    near(result.parameter("E").unwrap().point, &want["E"], 5e-4, "E");
    near(result.exponents.unwrap().params.point, &want["a"], 3e-4, "a");
}
