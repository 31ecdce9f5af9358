//! Results of others' own code on real tables.

mod support;

use isoflop_fit::intervals::IntervalOptions;
use isoflop_fit::law::Hoffmann;
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::{Objective, Table};

fn options(objective: Objective) -> FitOptions {
    let intervals = IntervalOptions { draws: 0, ..Default::default() };
    FitOptions { objective, intervals, ..Default::default() }
}

fn tables() -> Vec<(&'static str, Table)> {
    vec![
        ("epoch240", support::table("epoch_chinchilla_240.csv")),
        ("epoch245", support::table("epoch_chinchilla_245.csv")),
        ("llama3_all133", support::table("oa_llama3_isoflop.csv")),
        ("llama3_clean116", support::llama3_clean()),
        ("porian_rw_1_kaplan_repro", support::table("porian_rw_1_kaplan_repro.csv")),
        ("porian_rw_5_tuned_no_decay", support::table("porian_rw_5_tuned_no_decay.csv")),
        ("gemstones_hot", support::table("gemstones_hot.csv")),
        ("kyotakano234", support::table("kyotakano_llm_234.csv")),
        ("cs336_toy", support::table("cs336_toy_isoflop.csv")),
    ]
}

#[test]
fn every_gold_fit_is_met() {
    let Some(gold) = support::gold() else { return };
    for (name, table) in tables() {
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
