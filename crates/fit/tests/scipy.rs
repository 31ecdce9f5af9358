//! The crate beside NumPy and SciPy on the tables of `data`: laws, minima, forecasts, bootstrap.

mod support;

use isoflop_fit::intervals::IntervalOptions;
use isoflop_fit::isoflop::{IsoflopOptions, Method, SpoiledRuns, fit_isoflop};
use isoflop_fit::law::Hoffmann;
use isoflop_fit::parametric::{FitOptions, LawFit, fit_law};
use isoflop_fit::validate::{hold_out, hold_out_top};
use isoflop_fit::{Objective, Table};
use support::{close, near, number, reference, table};

const OBJECTIVES: [(&str, Objective); 3] = [
    ("mse_linear", Objective::SquaredLinear),
    ("mse_log", Objective::SquaredLog),
    ("huber", Objective::Huber { delta: 1e-3 }),
];

fn fitted(table: &Table, objective: Objective, draws: usize) -> LawFit {
    let intervals = IntervalOptions { draws, seed: 42, ..Default::default() };
    fit_law(table, &Hoffmann, &FitOptions { objective, intervals, ..Default::default() }).unwrap()
}

#[test]
fn laws_are_met_under_every_objective() {
    let reference = reference();
    for name in support::TABLES {
        let table = table(name);
        let want = &reference["tables"][name];
        assert_eq!(table.len() as u64, want["rows"].as_u64().unwrap(), "{name}");
        for (key, objective) in OBJECTIVES {
            let want = &want["law"][key];
            let fit = fitted(&table, objective, 0);
            let result = fit.result().unwrap();
            let what = format!("{name} {key}");
            println!("{what}: {} {} {}", fit.outcome, fit.objective_value, want["value"]);
            assert!(fit.objective_value <= number(&want["value"]) * (1.0 + 1e-9) + 1e-18, "{what}");
            for (parameter, share) in
                [("E", 1e-7), ("alpha", 1e-6), ("beta", 1e-6), ("A", 1e-5), ("B", 1e-5)]
            {
                close(result.parameter(parameter).unwrap().point, &want[parameter], share, &what);
            }
        }
    }
}

#[test]
fn an_exact_law_is_recovered_to_a_millionth() {
    let truth = &reference()["truth"];
    for objective in Objective::COMPARED {
        let fit = fitted(&table("exact"), objective, 0);
        let result = fit.result().unwrap();
        for name in ["E", "A", "alpha", "B", "beta"] {
            close(result.parameter(name).unwrap().point, &truth[name], 1e-6, &objective.name());
        }
    }
    for method in [Method::Corrected, Method::Parabola] {
        let options = IsoflopOptions { method, draws: 0, ..Default::default() };
        let fit = fit_isoflop(&table("exact"), &options).unwrap();
        let share = if method == Method::Corrected { 1e-9 } else { 1e-2 };
        let a = number(&truth["beta"]) / (number(&truth["alpha"]) + number(&truth["beta"]));
        assert!((fit.params.exponent.point / a - 1.0).abs() < share, "{method:?}");
    }
}

#[test]
fn slice_minima_and_power_laws_are_met() {
    let reference = reference();
    for name in ["slices", "drifting", "exact"] {
        let all = &reference["tables"][name];
        for (key, method) in [("parabola", Method::Parabola), ("akima", Method::Akima)] {
            let want = &all[key];
            let spoiled = SpoiledRuns::Keep;
            let options = IsoflopOptions { method, spoiled, draws: 0, ..Default::default() };
            let fit = fit_isoflop(&table(name), &options).unwrap();
            let what = format!("{name} {key}");
            let budgets = want["budgets"].as_array().unwrap();
            assert_eq!((fit.slices.len(), fit.bracketed), (budgets.len(), budgets.len()), "{what}");
            // SciPy's search ends where a smooth minimum is flat to rounding.
            let share = if method == Method::Parabola { 1e-9 } else { 1e-6 };
            for (k, slice) in fit.slices.iter().enumerate() {
                let minimum = slice.minimum.unwrap();
                close(slice.flops, &budgets[k], 1e-12, &what);
                close(minimum.params.point, &want["params"][k], share, &what);
                close(minimum.tokens.point, &want["tokens"][k], share, &what);
            }
            for (law, key) in [(&fit.params, "of_params"), (&fit.tokens, "of_tokens")] {
                near(law.exponent.point, &want[key]["exponent"], share, &what);
                near(law.log_coefficient, &want[key]["log_coefficient"], 100.0 * share, &what);
            }
        }
    }
}

#[test]
fn forecasts_of_held_out_budgets_are_met() {
    let reference = reference();
    for name in ["slices", "drifting"] {
        let table = table(name);
        for budgets in [1, 2] {
            let want = &reference["tables"][name]["held_out"][budgets.to_string()];
            for (key, objective) in OBJECTIVES {
                let intervals = IntervalOptions { draws: 0, ..Default::default() };
                let options = FitOptions { objective, intervals, ..Default::default() };
                let held = hold_out_top(&table, budgets, &Hoffmann, &options).unwrap();
                let what = format!("{name} {budgets} {key}");
                assert_eq!(held.train_runs as u64, want["n_train"].as_u64().unwrap(), "{what}");
                assert_eq!(held.test_runs as u64, want["n_test"].as_u64().unwrap(), "{what}");
                assert!(held.outcome.is_result(), "{what}: {}", held.outcome);
                close(held.scale_up, &want["scale_up"], 1e-9, &what);
                near(held.naive_error, &want["naive"], 1e-12, &what);
                near(held.law_error, &want[key]["mean"], 1e-6, &what);
                near(held.law_worst, &want[key]["worst"], 1e-6, &what);
                near(held.law_signed, &want[key]["signed"], 1e-6, &what);
                assert_eq!(held.law_loses, !(held.law_error < held.naive_error));
                // The same by naming the runs.
                let top = held.scale_up * table.rows().iter().map(|r| r.flops).fold(0.0, f64::max)
                    / held.scale_up
                    / if budgets == 1 { 1.001 } else { number(&want["scale_up"]).sqrt() * 1.001 };
                let train = table.filter("held out", |r| r.flops < top).unwrap();
                let test: Vec<_> =
                    table.rows().iter().filter(|r| r.flops >= top).cloned().collect();
                let same = hold_out(&train, &test, &Hoffmann, &options).unwrap();
                assert_eq!((same.test_runs, same.law_error), (held.test_runs, held.law_error));
            }
        }
    }
}

#[test]
fn the_bootstrap_is_met_in_errors_percentiles_and_correlations() {
    let want = &reference()["tables"]["scattered"]["bootstrap"];
    let fit = fitted(&table("scattered"), Objective::default(), 4000);
    let result = fit.result().unwrap();
    let at = result.frontier.as_ref().unwrap().at(1e23).unwrap();
    for (name, estimate, log) in [
        ("E", *result.parameter("E").unwrap(), false),
        ("alpha", *result.parameter("alpha").unwrap(), false),
        ("beta", *result.parameter("beta").unwrap(), false),
        ("a", result.exponents.unwrap().params, false),
        ("log_params_1e23", at.params, true),
        ("log_tokens_1e23", at.tokens, true),
    ] {
        let scale = |v: f64| if log { v.ln() } else { v };
        let ends = &want["percentiles"][name];
        let width = number(&ends[3]) - number(&ends[0]);
        let interval = estimate.interval.unwrap();
        let offs = [(interval.lo, 0), (interval.hi, 3)]
            .map(|(end, k)| (scale(end) - number(&ends[k])).abs() / width);
        println!("{name}: off by {offs:.3?} of the width");
        // Two bootstraps of some thousand draws differ by some 2% of an interval's width.
        assert!(offs.iter().all(|off| *off < 0.05), "{name}: {offs:?}");
        if !log {
            // ... and by 2% of the standard error.
            close(estimate.standard_error.unwrap(), &want["standard_error"][name], 0.06, name);
        }
    }
    use isoflop_fit::law::Law;
    let drawn: Vec<Vec<f64>> =
        result.refits.iter().map(|z| Hoffmann.natural(z, &result.centre)).collect();
    let correlation = |i: usize, j: usize| {
        let mean = |k: usize| drawn.iter().map(|d| d[k]).sum::<f64>() / drawn.len() as f64;
        let product = |i: usize, j: usize| {
            drawn.iter().map(|d| (d[i] - mean(i)) * (d[j] - mean(j))).sum::<f64>()
        };
        let (ij, ii, jj) = (product(i, j), product(i, i), product(j, j));
        ij / (ii * jj).sqrt()
    };
    near(correlation(0, 2), &want["correlation"]["E_alpha"], 0.05, "E and alpha");
    near(correlation(0, 4), &want["correlation"]["E_beta"], 0.05, "E and beta");
    near(correlation(2, 4), &want["correlation"]["alpha_beta"], 0.05, "alpha and beta");
}
