//! What a study says of its own doubts: which approaches agree, which intervals stand on too little, what was left out.

mod support;

use isoflop_fit::envelope::{EnvelopeOptions, curves_of, fit_envelope};
use isoflop_fit::law::LawKind;
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::study::{StudyOptions, clusters_ignored, run};
use isoflop_fit::{LeftOutReason, Observation, Table, Warning};
use support::made::{loss, quick, ripple, slices, study, warns};

fn clustered(count: usize) -> Vec<Observation> {
    let cluster = |k: usize| Some(format!("{}", k % count));
    let rows = slices(6).into_iter().enumerate();
    rows.map(|(k, r)| Observation { cluster: cluster(k), ..r }).collect()
}

#[test]
fn methods_of_one_approach_alone_are_no_agreement() {
    // Two clusters: the law and the envelope have no intervals, and neither have the slices.
    let found = study(clustered(2), 100);
    let slices = found.isoflop().unwrap();
    assert!(slices.params.exponent.interval.is_none());
    assert!(slices.no_interval.as_ref().unwrap().contains("2 clusters to resample"));
    assert!(slices.bracketed > 3);
    for slice in slices.slices.iter().filter(|s| s.minimum.is_some()) {
        assert!(slice.minimum.unwrap().params.interval.is_none() && slice.no_interval.is_some());
    }
    assert_eq!(found.compared, 0);
    assert!(found.agreement().unwrap().contains("cannot be compared"));
    // Twelve are enough.
    assert!(study(clustered(12), 100).isoflop().unwrap().params.exponent.interval.is_some());
}

#[test]
fn an_approach_that_cannot_be_compared_is_named() {
    let mut options = quick(200);
    options.fit.intervals.draws = 0;
    let found = run(&Table::new(slices(6)).unwrap(), &[], &options).unwrap();
    assert_eq!(found.not_compared, ["3 (law)"]);
    let sentence = found.agreement().unwrap();
    assert!(sentence.contains("approach 3 (law) has none"), "{sentence}");
    let found = study(slices(6), 200);
    assert!(found.not_compared.is_empty());
    assert!(found.agreement().unwrap().starts_with("No two approaches"));
}

#[test]
fn a_law_without_a_best_split_is_warned_of() {
    let mut rows = slices(6);
    for (k, row) in rows.iter_mut().enumerate() {
        row.flops *= (2.0 * ripple(k as i32)).exp();
    }
    let found = study(rows.clone(), 0);
    assert!(found.law().is_some());
    let refused = |w: &Warning| {
        matches!(w, Warning::NoResult { approach, why }
            if approach.starts_with('3') && why.starts_with("C does not follow"))
    };
    assert!(warns(&found, refused), "{:?}", found.warnings);
    // A law of one variable was never to have one.
    let options = StudyOptions { law: Some(LawKind::parse("power-n").unwrap()), ..quick(0) };
    let found = run(&Table::new(rows).unwrap(), &[], &options).unwrap();
    assert!(!warns(
        &found,
        |w| matches!(w, Warning::NoResult { approach, .. } if approach.starts_with('3'))
    ));
}

#[test]
fn a_refused_law_is_refused_under_every_objective_and_in_every_forecast() {
    let table = Table::new(slices(6)).unwrap();
    let least = table.rows().iter().map(|r| r.loss_nats).fold(f64::INFINITY, f64::min);
    // Above every loss; and above those of the largest budget alone.
    for floor_nats in [99.0, least + 0.02] {
        let options = StudyOptions { law: Some(LawKind::Pinned { floor_nats }), ..quick(0) };
        let found = run(&table, &[], &options).unwrap();
        assert!(found.objectives.is_empty(), "{:?}", found.objectives);
        assert!(found.held_out.iter().all(|h| h.refusal().is_some()));
        assert!(found.without_slice.is_empty());
    }
}

#[test]
fn forecasts_leave_three_budgets_or_are_refused() {
    let refusals = |budgets| {
        let found = study(slices(budgets), 0);
        let why = |k: usize| found.held_out[k].refusal().map(|e| e.to_string());
        (why(0), why(1))
    };
    let (one, two) = refusals(3);
    for why in [one, two] {
        let why = why.unwrap();
        assert!(why.contains("the runs have 3 budgets") && why.contains("hint: "), "{why}");
    }
    let (one, two) = refusals(4);
    assert!(one.is_none() && two.unwrap().contains("top 2 budgets"));
    // No slices: tenths of the runs, and labelled as that.
    let rows = slices(6).into_iter().enumerate().map(|(k, r)| {
        let tokens = r.tokens * (1.0 + 0.7 * f64::from(k as i32 % 9) + 0.11 * f64::from(k as i32));
        let loss_nats = loss(r.params, tokens) * (0.002 * ripple(k as i32)).exp();
        Observation { tokens, flops: 6.0 * r.params * tokens, loss_nats, ..r }
    });
    let found = study(rows.collect(), 0);
    let held: Vec<_> = found.held_out.iter().map(|h| h.given().unwrap()).collect();
    assert_eq!((held[0].budgets, held[0].test_runs, held[1].test_runs), (0, 6, 11));
    assert_eq!(held[0].what(), "11% of the runs, of largest C");
    assert!(held[1].scale_up > held[0].scale_up && held[0].scale_up > 1.0);
}

#[test]
fn laws_of_one_variable_are_compared_by_their_own_exponent() {
    for (name, exponent) in [("power-c", "alpha"), ("offset-n", "alpha"), ("hoffmann", "a")] {
        let options = StudyOptions { law: Some(LawKind::parse(name).unwrap()), ..quick(0) };
        let rows = slices(6);
        let found = run(&Table::new(rows).unwrap(), &[], &options).unwrap();
        assert_eq!(found.exponent_name, exponent);
        let converged = |r: &&isoflop_fit::study::ObjectiveRow| r.outcome.is_result();
        assert!(found.objectives.iter().filter(converged).all(|r| r.exponent.is_some()));
        let law = found.law().unwrap();
        let own = law.parameter(exponent).copied().or(law.exponents.map(|e| e.params)).unwrap();
        assert!((found.objectives[0].exponent.unwrap() / own.point - 1.0).abs() < 1e-9);
    }
}

#[test]
fn seeds_of_one_cell_are_one_curve_to_the_bootstrap_of_the_envelope() {
    let rows = |seeds: i32| {
        let one = |r: Observation| {
            (0..seeds).map(move |s| Observation {
                run: format!("{} seed {s}", r.run),
                seed: Some(s.to_string()),
                loss_nats: r.loss_nats * (1.0 + 1e-7 * f64::from(s)),
                ..r.clone()
            })
        };
        Table::new(slices(6).into_iter().flat_map(one).collect()).unwrap()
    };
    let width = |seeds| {
        let options = EnvelopeOptions { draws: 800, ..Default::default() };
        let fit = fit_envelope(&curves_of(&rows(seeds)), &options).unwrap();
        let interval = fit.params.interval.unwrap();
        interval.hi - interval.lo
    };
    // Four seeds that say the same tell nothing new; drawn singly, a cell would hardly ever be missing.
    let (one, four) = (width(1), width(4));
    assert!((four / one).ln().abs() < 0.1, "{one} {four}");
}

#[test]
fn rows_left_out_are_told_by_reason() {
    let asked = |k: usize| ("asked".to_string(), format!("r{k}"));
    let bad =
        Err(("bad".into(), LeftOutReason::Unreadable { column: "loss".into(), cell: "".into() }));
    let rows: Vec<_> = slices(6).into_iter().map(Ok).chain([bad]).collect();
    let table = Table::read(rows).unwrap();
    let (why, prefix) = asked(0);
    let all = table.filter(&why, |r| !r.run.starts_with(&prefix)).unwrap();
    let found = run(&all, &[], &quick(0)).unwrap();
    let text = found.warnings[0].to_string();
    assert_eq!(
        text,
        "10 rows left out, 9 of them on purpose: asked (9: r0-0, r0-1, r0-2, r0-3, r0-4, r0-5, r0-6, r0-7, r0-8); loss is missing (1: bad)"
    );
    let table = Table::new(slices(6)).unwrap().filter("asked", |r| r.run != "r0-0").unwrap();
    let text = run(&table, &[], &quick(0)).unwrap().warnings[0].to_string();
    assert_eq!(text, "1 row left out on purpose: asked (1: r0-0)");
}

#[test]
fn refusals_are_told_once_and_in_words_that_hold_without_a_command_line() {
    let found = study(slices(6)[..1].to_vec(), 50);
    assert!(found.warnings.len() >= 3, "{:?}", found.warnings);
    for warning in &found.warnings {
        let text = format!("{warning}\n{}", warning.advice());
        assert!(text.matches("gave no result").count() <= 1, "{text}");
        assert!(!text.contains("gave no result: approach"), "{text}");
        for slip in ["1 budgets", "1 runs", "1 slices", "1 sizes", "1 groups", "1 clusters"] {
            assert!(!text.contains(slip), "{text}");
        }
        if text.contains("--") {
            assert!(text.contains("of `sweep fit`"), "{text}");
        }
    }
    let table = Table::new(clustered(2)).unwrap();
    let doubt = clusters_ignored(&table, "profiles").unwrap();
    assert!(doubt.to_string().contains("54 runs form 2 clusters"), "{doubt}");
    assert!(clusters_ignored(&Table::new(slices(6)).unwrap(), "profiles").is_none());
}

#[test]
fn repeated_data_that_nobody_repeated_and_one_column_for_two_are_refused_by_name() {
    let law = LawKind::Repeated.law();
    for share in [1.0, 3.0] {
        let fresh = |r: Observation| Observation { unique_tokens: Some(share * r.tokens), ..r };
        let table = Table::new(slices(6).into_iter().map(fresh).collect()).unwrap();
        let error = fit_law(&table, law.as_ref(), &FitOptions::default()).unwrap_err().to_string();
        assert!(error.contains("no run repeats its data") && error.contains("hint: "), "{error}");
    }
    let same = |r: Observation| Observation { tokens: r.params, ..r };
    let error = Table::new(slices(6).into_iter().map(same).collect()).unwrap_err().to_string();
    assert!(error.contains("equals D (tokens) in all 54 rows"), "{error}");
}
