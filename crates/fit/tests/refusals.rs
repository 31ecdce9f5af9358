//! What looks like a result and is none: refused by name, or given without the interval that nothing supports.

mod support;

use isoflop_fit::effects::effects;
use isoflop_fit::envelope::{curves_of, fit_envelope};
use isoflop_fit::intervals::{IntervalOptions, Resampling};
use isoflop_fit::isoflop::{IsoflopOptions, Noise, fit_isoflop};
use isoflop_fit::law::{Hoffmann, LawKind, Tied};
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::plan::next_runs;
use isoflop_fit::study::{Study, StudyOptions, run};
use isoflop_fit::validate::hold_out_top;
use isoflop_fit::{FitError, Objective, Observation, Table, Warning};

use support::made::{loss, quick, ripple, slices, study, warns};

#[test]
fn options_outside_their_range_are_refused_before_anything_is_fitted() {
    let table = Table::new(slices(6)).unwrap();
    let named = |options: &StudyOptions, name: &str| {
        let error = run(&table, &[], options).unwrap_err();
        assert!(matches!(&error, FitError::BadOption { option, .. } if option == name), "{error}");
        assert!(error.to_string().contains("hint: "), "{error}");
    };
    for delta in [f64::NAN, -1.0, 0.0, f64::INFINITY] {
        for objective in [Objective::Huber { delta }, Objective::Likelihood { delta }] {
            let mut options = quick(0);
            options.fit.objective = objective;
            named(&options, "delta");
            assert!(hold_out_top(&table, 1, &Hoffmann, &options.fit).is_err());
        }
    }
    for level in [0.0, 1.0, 2.0, 95.0, f64::NAN] {
        let mut options = quick(0);
        options.fit.intervals.level = level;
        named(&options, "level");
        let mut options = quick(0);
        options.isoflop.level = level;
        named(&options, "level");
        let mut options = quick(0);
        options.envelope.level = level;
        named(&options, "level");
        assert!(fit_envelope(&curves_of(&table), &options.envelope).is_err());
        assert!(effects(&table, 50, level, 0).is_err());
    }
    let mut options = quick(0);
    options.isoflop.noise = Noise::Given { sd: f64::NAN };
    named(&options, "noise");
}

#[test]
fn few_clusters_give_no_interval_and_say_so() {
    // Every row under one name; then two clusters, by column.
    let named: Vec<_> =
        slices(6).into_iter().map(|r| Observation { run: "x".into(), ..r }).collect();
    let found = study(named, 100);
    let law = found.law().unwrap();
    assert_eq!(law.exponents.unwrap().params.interval, None);
    assert!(
        law.no_interval.as_ref().unwrap().contains("no intervals: 1 cluster to resample"),
        "{law:?}"
    );
    let envelope = found.approach1.given().unwrap();
    assert!(envelope.params.interval.is_none() && envelope.no_interval.is_some());
    assert!(warns(&found, |w| matches!(w, Warning::FewClusters { clusters: 1, rows: 54, .. })));
    assert!(warns(&found, |w| matches!(w, Warning::RepeatedNames { names: 1, rows: 54 })));

    let two: Vec<_> = slices(6)
        .into_iter()
        .enumerate()
        .map(|(k, r)| Observation { cluster: Some(format!("{}", k % 2)), ..r })
        .collect();
    let found = study(two.clone(), 100);
    assert!(found.law().unwrap().no_interval.is_some());
    assert!(warns(&found, |w| matches!(w, Warning::FewClusters { clusters: 2, .. })));
    // Pairs may be asked for, but not without a word.
    let mut options = quick(100);
    options.fit.intervals.resampling = Some(Resampling::Pairs);
    let found = run(&Table::new(two.clone()).unwrap(), &[], &options).unwrap();
    assert!(found.law().unwrap().no_interval.is_none());
    assert!(warns(&found, |w| matches!(w, Warning::ClustersIgnored { clusters: 2, .. })));
    let found = effects(&Table::new(two).unwrap(), 100, 0.95, 0).unwrap();
    assert!(found.no_interval.is_some());
    // Independent runs are warned of nothing of the kind.
    let found = study(slices(6), 100);
    assert!(found.law().unwrap().no_interval.is_none());
    assert!(!warns(&found, |w| {
        matches!(
            w,
            Warning::FewClusters { .. }
                | Warning::RepeatedNames { .. }
                | Warning::Checkpoints { .. }
        )
    }));
}

#[test]
fn checkpoints_that_nobody_named_are_warned_of() {
    let mut rows = Vec::new();
    for model in 0..12 {
        let n = 2e7 * 1.5f64.powi(model);
        for k in 0..10 {
            let d = 1e9 * f64::from(k + 1) * 1.3f64.powi(model);
            let name = format!("{model} at {k}");
            let shared = 0.004 * ripple(model) + 0.001 * ripple(100 + 10 * model + k);
            rows.push(Observation::new(name, n, d, 6.0 * n * d, loss(n, d) * shared.exp()));
        }
    }
    let is = |w: &Warning| matches!(w, Warning::Checkpoints { groups: 12, rows: 120 });
    assert!(warns(&study(rows.clone(), 0), is));
    let clustered = |r: &Observation| Observation {
        cluster: r.run.split(' ').next().map(str::to_string),
        ..r.clone()
    };
    let rows: Vec<_> = rows.iter().map(clustered).collect();
    assert!(!warns(&study(rows, 0), is));
}

#[test]
fn noise_that_a_cluster_shares_widens_the_intervals_of_approach_2() {
    // The same models at every budget; what a model's runs miss the law by, they miss together.
    let rows = |together: bool| {
        let mut rows = Vec::new();
        for k in 0..6 {
            let flops = 3e17 * 10f64.powf(0.25 * f64::from(k));
            for i in 0..9 {
                let n = 6e7 * 5f64.powf(f64::from(i) / 4.0 - 1.0);
                let d = flops / 6.0 / n;
                let noise = 0.004 * ripple(if together { 1000 + i } else { 9 * k + i });
                let mut row =
                    Observation::new(format!("{k}-{i}"), n, d, flops, loss(n, d) * noise.exp());
                row.cluster = Some(format!("model {i}"));
                rows.push(row);
            }
        }
        Table::new(rows).unwrap()
    };
    let options = IsoflopOptions { draws: 400, ..Default::default() };
    let shared = fit_isoflop(&rows(true), &options).unwrap();
    assert!(shared.cluster_correlation > 0.5, "{}", shared.cluster_correlation);
    let apart = fit_isoflop(&rows(false), &options).unwrap();
    assert!(apart.cluster_correlation < 0.3, "{}", apart.cluster_correlation);
}

#[test]
fn a_design_with_tokens_in_proportion_has_no_best_split_by_any_approach() {
    for jitter in [0.0, 0.03] {
        let rows: Vec<_> = (0..30)
            .map(|k| {
                let n = 1e7 * 1.3f64.powi(k);
                let d = 20.0 * n * (jitter * ripple(k)).exp();
                let noisy = loss(n, d) * (0.002 * ripple(k + 50)).exp();
                Observation::new(format!("{k}"), n, d, 6.0 * n * d, noisy)
            })
            .collect();
        let found = study(rows, 100);
        let why = found.approach1.refusal().unwrap().to_string();
        assert!(why.contains("N follows C") && why.contains("hint: "), "{why}");
        assert!(found.isoflop().is_none() && found.law().is_none(), "jitter {jitter}");
        assert!(found.exponents.iter().all(|r| r.params.is_none()));
        assert_eq!(found.compared, 0);
        assert!(found.agreement().unwrap().contains("cannot be compared"));
    }
}

#[test]
fn a_floor_above_the_losses_is_refused_with_both_values() {
    let table = Table::new(slices(6)).unwrap();
    let least = table.rows().iter().map(|r| r.loss_nats).fold(f64::INFINITY, f64::min);
    for floor in [99.0, least, least + 0.1] {
        let law = LawKind::Pinned { floor_nats: floor }.law();
        let error = fit_law(&table, law.as_ref(), &FitOptions::default()).unwrap_err().to_string();
        assert!(
            error.contains(&floor.to_string()) && error.contains(&least.to_string()),
            "{error}"
        );
        assert!(error.contains("hint: "), "{error}");
    }
    for floor_nats in [1.8, 0.0] {
        let law = LawKind::Pinned { floor_nats }.law();
        assert!(fit_law(&table, law.as_ref(), &FitOptions::default()).unwrap().result().is_ok());
    }
}

#[test]
fn losses_without_a_floor_name_the_laws_to_fit_instead() {
    let floor = |floor: f64| -> Table {
        let row = |r: Observation| {
            let loss_nats = loss(r.params, r.tokens) - 1.8172 + floor;
            Observation { loss_nats, ..r }
        };
        Table::new(slices(6).into_iter().map(row).collect()).unwrap()
    };
    let refused = fit_law(&floor(-0.1), &Hoffmann, &FitOptions::default()).unwrap();
    let error = refused.result().err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("--law tied") && error.contains("--law pinned=E`; 0"), "{error}");
    let law = LawKind::parse("pinned=0").unwrap().law();
    let fit = fit_law(&floor(0.0), law.as_ref(), &FitOptions::default()).unwrap();
    let alpha = fit.result().unwrap().parameter("alpha").unwrap().point;
    assert!((alpha - 0.3478).abs() < 1e-6, "{alpha}");
}

#[test]
fn one_slice_is_no_law_under_any_objective() {
    for objective in Objective::COMPARED {
        let intervals = IntervalOptions { draws: 100, ..Default::default() };
        let options = FitOptions { objective, intervals, ..Default::default() };
        let fit = fit_law(&Table::new(slices(1)).unwrap(), &Hoffmann, &options).unwrap();
        assert!(fit.result.is_none(), "{}: {}", objective.name(), fit.outcome);
        assert!(fit.result().unwrap_err().to_string().contains("one budget"), "{}", fit.outcome);
    }
}

#[test]
fn noise_that_drowns_the_law_leaves_wide_intervals_or_none() {
    let mut wide = 0;
    for set in 0..36 {
        // Every second set has half of the runs.
        let rows: Vec<_> = slices(2)
            .into_iter()
            .enumerate()
            .filter(|(k, _)| set % 2 == 0 || k % 2 == 0)
            .map(|(k, r)| Observation {
                loss_nats: r.loss_nats
                    * ([0.12, 0.2, 0.35][set as usize % 3] * ripple(1000 * set + k as i32)).exp(),
                ..r
            })
            .collect();
        let intervals = IntervalOptions { draws: 200, ..Default::default() };
        let objective = Objective::SquaredLog;
        let options = FitOptions { objective, intervals, ..Default::default() };
        let fit = fit_law(&Table::new(rows).unwrap(), &Hoffmann, &options).unwrap();
        assert_eq!(fit.result.is_some(), fit.outcome.is_result(), "{}", fit.outcome);
        if let Some(result) = fit.result {
            assert!(2 * result.failed_draws <= result.draws, "{}", result.failed_draws);
            let many = 10 * result.failed_draws > result.draws;
            assert_eq!(many, result.no_interval.is_some(), "{}", result.failed_draws);
            assert_eq!(many, result.parameters[0].estimate.interval.is_none());
            let interval = result.parameter("E").unwrap().interval;
            wide += usize::from(interval.is_none_or(|i| i.hi > 3.0 * i.lo));
        }
    }
    assert!(wide > 5, "{wide}");
}

#[test]
fn approaches_without_intervals_cannot_agree_and_refusals_are_warnings() {
    let found = study(slices(6), 0);
    assert_eq!(found.compared, 0);
    assert!(found.agreement().unwrap().contains("cannot be compared"));
    let found = study(slices(6)[..1].to_vec(), 100);
    assert!(found.agreement().unwrap().contains("cannot be compared"));
    let none = found.warnings.iter().filter(|w| matches!(w, Warning::NoResult { .. })).count();
    assert_eq!(none, 3, "{:?}", found.warnings);
    let found = study(slices(6), 200);
    assert!(found.compared >= 10, "{}", found.compared);
}

#[test]
fn every_method_is_compared_not_the_first_of_each_approach_alone() {
    // Noise-free data: intervals shrink to less than what an interpolant is off by.
    let exact = |r: Observation| Observation { loss_nats: loss(r.params, r.tokens), ..r };
    let found = study(slices(6).into_iter().map(exact).collect(), 200);
    assert!(found.disagreements.iter().any(|d| d.contains("akima")), "{:?}", found.disagreements);
    assert!(found.agreement().is_none());
    assert!(warns(&found, |w| matches!(w, Warning::ApproachesDisagree { .. })));
}

#[test]
fn runs_in_another_unit_leave_no_best_split() {
    let mut rows = slices(6);
    rows.iter_mut().step_by(3).for_each(|row| row.params = 1e300);
    let found = study(rows, 50);
    assert!(found.compute.checked().is_err());
    assert!(
        found.compute.describe().contains("off by e^")
            || found.compute.describe().contains("factor")
    );
    for row in &found.exponents {
        assert!(
            row.params.is_none() && row.refusal.as_ref().unwrap().contains("C does not follow")
        );
    }
}

#[test]
fn one_run_in_another_unit_is_left_out_by_name() {
    let clean = study(slices(6), 50);
    let mut rows = slices(6);
    rows[3].params = 1e300;
    let found = study(rows, 50);
    assert_eq!(found.spoiled.len(), 1);
    assert_eq!(found.spoiled[0].run, "r0-3");
    assert!(found.compute.checked().is_ok());
    let exponent = |study: &Study| study.law().unwrap().exponents.unwrap().params.point;
    assert!((exponent(&found) - exponent(&clean)).abs() < 0.01);
}

#[test]
fn held_out_forecasts_of_a_law_that_is_none_are_refused_by_name() {
    let found = study(slices(1), 0);
    assert_eq!(found.held_out.len(), 2);
    for held in &found.held_out {
        let why = held.refusal().unwrap().to_string();
        assert!(!why.contains("rows can be used"), "{why}");
        assert!(why.contains("hint: "), "{why}");
    }
    assert!(!warns(&found, |w| matches!(w, Warning::LawLosesToNaive { .. })));
}

#[test]
fn the_value_of_a_next_run_is_scaled_to_the_interval_shown() {
    let table = Table::new(slices(6)).unwrap();
    let fit = fit_law(&table, &Hoffmann, &FitOptions::default()).unwrap();
    let result = fit.result().unwrap();
    let runs = next_runs(&table, &Hoffmann, result, 4).unwrap();
    let drawn = result.exponents.unwrap().params.standard_error.unwrap();
    assert!(runs.iter().all(|r| (r.before / drawn - 1.0).abs() < 1e-9 && r.after < r.before));
    let fit = fit_law(&table, &Tied, &FitOptions::default()).unwrap();
    let error = next_runs(&table, &Tied, fit.result().unwrap(), 4).unwrap_err().to_string();
    assert!(error.contains("`tied` fixes the exponent"), "{error}");
}

#[test]
fn effects_on_a_loss_that_never_varies_are_refused() {
    let flat: Vec<_> = slices(6).into_iter().map(|r| Observation { loss_nats: 3.0, ..r }).collect();
    let error = effects(&Table::new(flat).unwrap(), 50, 0.95, 0).unwrap_err().to_string();
    assert!(error.contains("the loss is the same in all 54 runs"), "{error}");
}

#[test]
fn slices_name_the_runs_that_no_curve_was_fitted_to() {
    let mut rows = slices(6);
    let far = 4e7 * 40.0;
    rows.push(Observation::new("far", far, 3e17 / 6.0 / far, 3e17, loss(far, 3e17 / 6.0 / far)));
    let options = IsoflopOptions { draws: 0, ..Default::default() };
    let fit = fit_isoflop(&Table::new(rows).unwrap(), &options).unwrap();
    assert_eq!(fit.slices[0].unused, ["far"]);
    assert_eq!(fit.slices[0].used + 1, fit.slices[0].runs.len());
}
