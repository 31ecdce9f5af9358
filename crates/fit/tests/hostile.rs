//! Input that no fit can use: a clear error or a named refusal each, never a panic.

use isoflop_fit::intervals::IntervalOptions;
use isoflop_fit::isoflop::{IsoflopOptions, fit_isoflop};
use isoflop_fit::law::{Hoffmann, LawKind};
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::study::{StudyOptions, run};
use isoflop_fit::{FitError, Objective, Observation, Outcome, Table};

fn loss(n: f64, d: f64) -> f64 {
    1.8 + 480.0 / n.powf(0.35) + 2000.0 / d.powf(0.37)
}

fn row(name: &str, n: f64, d: f64) -> Observation {
    Observation::new(name, n, d, 6.0 * n * d, loss(n, d))
}

/// A ripple that is the same on every machine.
fn ripple(k: usize) -> f64 {
    let wave = (k as f64 * 12.9898).sin() * 43_758.545_3;
    2.0 * (wave - wave.floor()) - 1.0
}

fn quick() -> StudyOptions {
    let mut options = StudyOptions::default();
    options.fit.intervals = IntervalOptions { draws: 50, ..Default::default() };
    options.isoflop.draws = 50;
    options.envelope.draws = 50;
    options
}

/// Everything on one table: nothing may panic, and what is serialised may not fail.
fn everything(rows: Vec<Observation>) -> Result<isoflop_fit::study::Study, FitError> {
    let table = Table::new(rows)?;
    for name in LawKind::NAMES {
        let kind = LawKind::parse(&name.replace("=E", "=1.0")).unwrap();
        let Ok(table) = kind.prepare(&table) else { continue };
        for objective in [Objective::default(), Objective::SquaredLinear] {
            let intervals = IntervalOptions { draws: 5, ..Default::default() };
            let options = FitOptions { objective, intervals, ..Default::default() };
            if let Ok(fit) = fit_law(&table, kind.law().as_ref(), &options) {
                assert_eq!(fit.outcome.is_result(), fit.result().is_ok());
            }
        }
    }
    let study = run(&table, &[], &quick())?;
    serde_json::to_string(&study).unwrap();
    for warning in &study.warnings {
        assert!(!warning.advice().is_empty() && !warning.to_string().is_empty());
    }
    Ok(study)
}

#[test]
fn bad_numbers_are_left_out_by_name() {
    let mut rows: Vec<Observation> = (0..30)
        .map(|k| row(&format!("good{k}"), 1e7 * 1.4f64.powi(k % 6), 1e9 * 2f64.powi(k / 6)))
        .collect();
    for (k, bad) in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -3.0].into_iter().enumerate()
    {
        let mut broken =
            [row("n", 1e7, 1e9), row("d", 1e7, 1e9), row("c", 1e7, 1e9), row("l", 1e7, 1e9)];
        broken[0].params = bad;
        broken[1].tokens = bad;
        broken[2].flops = bad;
        broken[3].loss_nats = bad;
        for mut b in broken {
            b.run = format!("{}{k}", b.run);
            rows.push(b);
        }
    }
    let study = everything(rows).unwrap();
    assert_eq!(study.rows, 30);
    assert_eq!(study.left_out.len(), 20);
    assert!(study.warnings.iter().any(|w| w.to_string().starts_with("20 rows left out")));
}

#[test]
fn empty_and_unusable_tables_are_errors() {
    assert_eq!(everything(vec![]).unwrap_err(), FitError::Empty);
    let error = everything(vec![row("a", f64::NAN, 1.0)]).unwrap_err();
    assert!(error.to_string().contains("N (params) is not a finite number"), "{error}");
    assert!(error.to_string().contains("hint: "));
}

#[test]
fn a_handful_of_rows_is_refused_by_name() {
    for count in 1..6 {
        let rows: Vec<_> =
            (0..count).map(|k| row(&format!("{k}"), 1e7 * 2f64.powi(k), 1e9)).collect();
        let study = everything(rows).unwrap();
        let why = study.approach3.refusal().unwrap();
        assert!(matches!(why, FitError::TooFewRows { needed: 6, .. }), "{why}");
        assert!(study.approach2.iter().all(|r| r.answer.refusal().is_some()));
        // Five sizes in a row can be an envelope; fewer cannot.
        assert!(count == 5 || study.approach1.refusal().is_some());
    }
}

#[test]
fn one_slice_gives_no_power_law() {
    let rows = (0..9).map(|k| {
        let n = 1e8 * 1.5f64.powi(k - 4);
        row(&format!("{k}"), n, 1e19 / 6.0 / n)
    });
    let study = everything(rows.collect()).unwrap();
    let why = study.approach2[0].answer.refusal().unwrap();
    assert!(matches!(why, FitError::TooFewMinima { slices: 1, .. }), "{why}");
    // A single slice has D = k / N, which no law of both can be told from.
    let fit = study.approach3.given().unwrap();
    assert!(matches!(fit.outcome, Outcome::Degenerate { .. }) && fit.result.is_none(), "{fit:?}");
}

#[test]
fn constant_params_and_constant_ratio_are_refused() {
    let same: Vec<_> = (0..12).map(|k| row(&format!("{k}"), 1e8, 1e9 * 1.7f64.powi(k))).collect();
    let study = everything(same).unwrap();
    let why = study.approach3.refusal().unwrap();
    assert!(
        matches!(why, FitError::Constant { .. }) && why.to_string().contains("N (params)"),
        "{why}"
    );

    for noise in [0.0, 0.002] {
        let tied: Vec<_> = (0..24)
            .map(|k| {
                let n = 1e7 * 1.3f64.powi(k);
                let mut r = row(&format!("{k}"), n, 20.0 * n);
                r.loss_nats *= 1.0 + noise * ripple(k as usize);
                r
            })
            .collect();
        let table = Table::new(tied.clone()).unwrap();
        for objective in Objective::COMPARED {
            let intervals = IntervalOptions { draws: 0, ..Default::default() };
            let fit = fit_law(
                &table,
                &Hoffmann,
                &FitOptions { objective, intervals, ..Default::default() },
            )
            .unwrap();
            assert!(
                !fit.outcome.is_result(),
                "D = 20 N, noise {noise}, {}: {}",
                objective.name(),
                fit.outcome
            );
            assert!(fit.result().unwrap_err().to_string().contains("hint: "));
        }
        let study = everything(tied).unwrap();
        assert!(study.warnings.iter().any(|w| w.to_string().contains("move together")));
    }
}

#[test]
fn duplicates_are_counted_and_change_nothing() {
    let rows: Vec<_> = (0..36)
        .map(|k| {
            let mut r = row(&format!("{k}"), 1e7 * 2f64.powi(k / 6), 1e9 * 2f64.powi(k % 6));
            r.loss_nats *= 1.0 + 0.003 * ripple(k as usize);
            r
        })
        .collect();
    let twice: Vec<_> = rows.iter().chain(&rows).cloned().collect();
    let (one, two) = (Table::new(rows).unwrap(), Table::new(twice).unwrap());
    assert_eq!(two.len(), 36);
    assert_eq!(two.left_out().len(), 36);
    let point = |t: &Table| fit_law(t, &Hoffmann, &FitOptions::default()).unwrap().stopped_at;
    assert_eq!(point(&one), point(&two));
}

#[test]
fn huge_and_tiny_numbers_end_in_a_named_outcome() {
    for scale in [1e300, 1e150, 1e-150, 1e-300] {
        let rows: Vec<_> = (0..30)
            .map(|k| {
                let mut r = row(&format!("{k}"), 1e7 * 2f64.powi(k / 6), 1e9 * 2f64.powi(k % 6));
                match k % 4 {
                    0 => r.params *= scale,
                    1 => r.tokens *= scale,
                    2 => r.flops *= scale,
                    _ => r.loss_nats *= scale,
                }
                r
            })
            .collect();
        // One in four is in another unit: whatever is found of them, nothing panics.
        let mixed = everything(rows);
        assert!(mixed.is_err() || mixed.is_ok_and(|s| s.rows + s.left_out.len() == 30));
        // All losses alike.
        let flat: Vec<_> = (0..30)
            .map(|k| Observation {
                loss_nats: scale,
                ..row(&format!("{k}"), 1e7 * 2f64.powi(k / 6), 1e9 * 2f64.powi(k % 6))
            })
            .collect();
        let study = everything(flat).unwrap();
        assert!(
            study.law().is_none(),
            "a flat loss is no law: {:?}",
            study.approach3.given().map(|f| f.outcome.to_string())
        );
    }
}

#[test]
fn noise_alone_is_never_a_confident_law() {
    let rows: Vec<_> = (0..60)
        .map(|k| Observation {
            loss_nats: 3.0 + 0.5 * ripple(k),
            ..row(&format!("{k}"), 1e7 * 2f64.powi(k as i32 / 10), 1e9 * 2f64.powi(k as i32 % 10))
        })
        .collect();
    let study = everything(rows).unwrap();
    let fit = study.approach3.given().unwrap();
    assert!(!fit.outcome.is_result(), "{}", fit.outcome);
    assert!(!study.warnings.is_empty());
}

#[test]
fn a_table_of_100_000_rows_is_fitted() {
    let rows: Vec<_> = (0..100_000)
        .map(|k| {
            let n = 1e7 * 10f64.powf(2.5 * (ripple(k) + 1.0) / 2.0);
            let d = 1e9 * 10f64.powf(2.5 * (ripple(k + 1_000_003) + 1.0) / 2.0);
            let mut r = row(&format!("{k}"), n, d);
            r.loss_nats *= 1.0 + 0.01 * ripple(k + 77);
            r
        })
        .collect();
    let table = Table::new(rows).unwrap();
    let intervals = IntervalOptions { draws: 0, ..Default::default() };
    let started = std::time::Instant::now();
    let fit = fit_law(&table, &Hoffmann, &FitOptions { intervals, ..Default::default() }).unwrap();
    println!("100,000 rows: {:?}, {}", started.elapsed(), fit.outcome);
    let result = fit.result().unwrap();
    assert!((result.parameter("alpha").unwrap().point - 0.35).abs() < 0.01);
    // Runs drawn anywhere share budgets by chance alone.
    let slices = fit_isoflop(&table, &IsoflopOptions { draws: 10, ..Default::default() });
    assert!(slices.unwrap_err().to_string().contains("by chance"));
}

#[test]
fn options_outside_their_range_are_named() {
    let table = Table::new(
        (0..12)
            .map(|k| row(&format!("{k}"), 1e7 * 2f64.powi(k / 3), 1e9 * 2f64.powi(k % 3)))
            .collect(),
    )
    .unwrap();
    let bad = |options: FitOptions| fit_law(&table, &Hoffmann, &options).unwrap_err().to_string();
    let level = IntervalOptions { level: 1.5, ..Default::default() };
    assert!(bad(FitOptions { intervals: level, ..Default::default() }).contains("`level` is 1.5"));
    let objective = Objective::Huber { delta: -1.0 };
    assert!(bad(FitOptions { objective, ..Default::default() }).contains("`delta` is -1"));
    let objective = Objective::Likelihood { delta: f64::NAN };
    assert!(bad(FitOptions { objective, ..Default::default() }).contains("`delta` is NaN"));
    for name in ["", "chinchila", "pinned", "pinned=-1", "pinned=x", "power-", "power-x"] {
        assert!(LawKind::parse(name).unwrap_err().to_string().contains("hoffmann"), "{name}");
    }
}
