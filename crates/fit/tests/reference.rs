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

fn near(got: f64, want: &serde_json::Value, tolerance: f64, what: &str) {
    let want = want.as_f64().unwrap();
    assert!((got - want).abs() <= tolerance, "{what}: {got}, wanted {want} within {tolerance}");
}

#[test]
fn epochs_published_point_and_huber_point_are_met() {
    let Some(gold) = support::gold() else { return };
    let table = support::table("epoch_chinchilla_240.csv");
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
fn epochs_bootstrap_is_met() {
    let Some(gold) = support::gold() else { return };
    let table = support::table("epoch_chinchilla_240.csv");
    let intervals = IntervalOptions { draws: 4000, seed: 42, ..Default::default() };
    let options = FitOptions { intervals, ..Default::default() };
    let started = std::time::Instant::now();
    let fit = fit_law(&table, &Hoffmann, &options).unwrap();
    println!("bootstrap of 4,000: {:?}", started.elapsed());
    let result = fit.result().unwrap();
    let want = &gold["epoch_approach3"]["bootstrap"];
    for (name, tolerance) in [("alpha", 6e-4), ("beta", 1.5e-3), ("E", 1.5e-3)] {
        let estimate = result.parameter(name).unwrap();
        println!("{name} {estimate:?} want {} {}", want["se"][name], want["ci95"][name]);
        near(estimate.standard_error.unwrap(), &want["se"][name], tolerance, name);
        let interval = estimate.interval.unwrap();
        near(interval.lo, &want["ci95"][name][0], 0.01, name);
        near(interval.hi, &want["ci95"][name][1], 0.01, name);
    }
    let a = result.exponents.unwrap().params;
    near(a.standard_error.unwrap(), &want["a_se"], 1e-3, "a");
    near(a.interval.unwrap().lo, &want["a_ci95"][0], 0.01, "a");
    near(a.interval.unwrap().hi, &want["a_ci95"][1], 0.01, "a");
    let predictions =
        &gold["epoch_approach3"]["predictions_from_4000_bootstrap_percentiles_2p5_10_50_90_97p5"];
    for (flops, key) in [(1e21, "C=1e+21"), (5.76e23, "C=5.76e+23"), (1e25, "C=1e+25")] {
        let at = result.frontier.as_ref().unwrap().at(flops).unwrap();
        let interval = at.params.interval.unwrap();
        for (end, k) in [(interval.lo, 0), (interval.hi, 4)] {
            let want = predictions[key]["N"][k].as_f64().unwrap();
            assert!((end / want).ln().abs() < 0.12, "{key} {end} {want}");
        }
    }
}

#[test]
fn toy_law_is_recovered_to_a_millionth() {
    let Some(gold) = support::gold() else { return };
    let truth = &gold["synthetic_truth"]["truth"];
    let table = support::table("cs336_toy_isoflop.csv");
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
fn forecasts_of_held_out_runs_are_met() {
    use isoflop_fit::validate::hold_out;
    let Some(gold) = support::gold() else { return };
    let gold = &gold["heldout_extrapolation"];
    let split =
        |table: &Table, train: &dyn Fn(f64, f64) -> bool, test: &dyn Fn(f64, f64) -> bool| {
            let part = table.filter("held out", |r| train(r.flops, r.params)).unwrap();
            let held: Vec<_> =
                table.rows().iter().filter(|r| test(r.flops, r.params)).cloned().collect();
            (part, held)
        };
    let epoch = support::table("epoch_chinchilla_240.csv");
    let llama = support::llama3_clean();
    let rw = support::table("porian_rw_5_tuned_no_decay.csv");
    let tpp = rw.filter("D/N", |r| (3.0..=300.0).contains(&(r.tokens / r.params))).unwrap();
    let cases = [
        ("epoch_C<1e21", split(&epoch, &|c, _| c < 1e21, &|c, _| c >= 1e21)),
        ("epoch_C<1e20", split(&epoch, &|c, _| c < 1e20, &|c, _| c >= 1e21)),
        ("llama3_top2budgets", split(&llama, &|c, _| c < 5e20, &|c, _| c > 5e20)),
        ("porian_rw_5_tuned_no_decay_top4", split(&rw, &|c, _| c < 2e18, &|c, _| c > 2e18)),
        (
            "porian_rw_5_tuned_no_decay_top4_3..300tpp",
            split(&tpp, &|c, _| c < 2e18, &|c, _| c > 2e18),
        ),
    ];
    for (name, (train, test)) in cases {
        let want = &gold[name];
        assert_eq!(train.len() as u64, want["n_train"].as_u64().unwrap(), "{name}");
        assert_eq!(test.len() as u64, want["n_test"].as_u64().unwrap(), "{name}");
        for (key, objective) in [
            ("mse_linear", Objective::SquaredLinear),
            ("mse_log", Objective::SquaredLog),
            ("huber_log", Objective::Huber { delta: 1e-3 }),
        ] {
            let held = hold_out(&train, &test, &Hoffmann, &options(objective)).unwrap();
            println!(
                "{name} {key}: {} error {:.6} want {} naive {:.6}",
                held.outcome, held.law_error, want[key]["ARE"], held.naive_error
            );
            near(held.naive_error, &want["naive_best_seen_ARE"], 1e-9, name);
            assert_eq!(held.law_loses, !(held.law_error < held.naive_error));
            // Where theirs ran to a negative exponent, or ours is refused, there is nothing to compare.
            if held.outcome.is_result() && want[key]["alpha"].as_f64().unwrap() > 0.0 {
                near(held.law_error, &want[key]["ARE"], 2e-3, name);
            }
        }
    }
}

#[test]
fn pearce_and_songs_conversion_is_met() {
    use isoflop_fit::published::{Form, reconcile};
    let Some(gold) = support::gold() else { return };
    let gold = &gold["pearce_2024"];
    let tolerance = gold["tol"].as_f64().unwrap();
    // The laws as their script rounds them.
    for (key, floor, a, alpha, b, beta) in [
        ("epoch", 1.8172, 482.01, 0.3478, 2085.43, 0.3658),
        ("chinchilla", 1.6934, 406.4, 0.3392, 410.7, 0.2849),
    ] {
        let got = reconcile(&Form::Sum { floor, a, alpha, b, beta }).unwrap();
        let want = &gold[key];
        near(got.law, &want["target_a"], tolerance, key);
        near(got.non_embedding.params, &want["kaplan_nonembed_local_a"], tolerance, key);
        near(got.large, &want["large_N_a"], tolerance, key);
        near(got.total.params, &want["total_params_a"], tolerance, key);
        let plain = &want["compute_loss_exponent_nonemb_no_offset"];
        near(got.non_embedding.loss, plain, tolerance, key);
        near(got.non_embedding.loss_above_floor, &want["with_offset"], tolerance, key);
        near(got.total.loss, &want["total_no_offset"], tolerance, key);
        near(got.total.loss_above_floor, &want["total_offset"], tolerance, key);
    }
    assert!(reconcile(&Form::Exponents { params: 0.5, tokens: 0.5 }).is_err());
}
