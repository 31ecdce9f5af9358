//! The whole study on real tables.

mod support;

use isoflop_fit::study::{StudyOptions, run};

#[test]
fn studies_of_real_tables_hold_together() {
    if support::reference().is_none() {
        return;
    }
    for (name, table) in [
        ("epoch240", support::table("epoch_chinchilla_240.csv")),
        ("llama3", support::llama3_clean()),
        ("rw_1", support::table("porian_rw_1_kaplan_repro.csv")),
        ("rw_5", support::table("porian_rw_5_tuned_no_decay.csv")),
        ("gemstones", support::table("gemstones_hot.csv")),
        ("cs336", support::table("cs336_toy_isoflop.csv")),
    ] {
        let started = std::time::Instant::now();
        let study = run(&table, &[], &StudyOptions::default()).unwrap();
        println!("== {name} {:?}", started.elapsed());
        for row in &study.exponents {
            println!(
                "   {}: {:?} {}",
                row.approach,
                row.params.map(|e| (e.point, e.interval)),
                row.refusal.clone().unwrap_or_default()
            );
        }
        for row in &study.objectives {
            println!("   {}: {:?}", row.objective.name(), row.exponent);
        }
        for h in &study.held_out {
            println!(
                "   held out {:?}",
                h.given().map(|h| (h.budgets, h.law_error, h.naive_error))
            );
        }
        for w in &study.warnings {
            println!("   ! {w}\n     {}", w.advice());
        }
        let text = serde_json::to_string(&study).unwrap();
        assert!(!text.is_empty());
    }
}

#[test]
fn intervals_known_to_be_narrow_are_marked_and_no_default() {
    use isoflop_fit::intervals::Resampling;
    use isoflop_fit::isoflop::Method;
    use isoflop_fit::{Observation, Table, Warning};
    let mut rows = Vec::new();
    for k in 0..6 {
        let flops = 1e18 * 10f64.powf(0.5 * f64::from(k));
        for i in 0..7 {
            let n = 8e7 * 10f64.powf(0.2563 * f64::from(k)) * 4f64.powf(f64::from(i) / 3.0 - 1.0);
            let d = flops / 6.0 / n;
            let wave = (f64::from(7 * k + i) * 12.9898).sin() * 43758.5453;
            let noise = 0.004 * (2.0 * (wave - wave.floor()) - 1.0);
            let loss = 1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658);
            rows.push(Observation::new(format!("{k}-{i}"), n, d, flops, loss * noise.exp()));
        }
    }
    let table = Table::new(rows).unwrap();
    let narrow = |options: &StudyOptions| {
        let study = run(&table, &[], options).unwrap();
        assert!(study.law().is_some() && study.isoflop().is_some());
        let is_narrow = |w: &&Warning| matches!(w, Warning::NarrowIntervals { .. });
        study.warnings.iter().filter(is_narrow).count()
    };
    let mut options = StudyOptions::default();
    options.fit.intervals.draws = 50;
    options.isoflop.draws = 50;
    assert_eq!(narrow(&options), 0);
    options.fit.intervals.resampling = Some(Resampling::Wild);
    assert_eq!(narrow(&options), 1);
    options.isoflop.method = Method::Parabola;
    assert_eq!(narrow(&options), 2);
}

#[test]
fn minima_too_few_for_a_power_law_are_kept() {
    use isoflop_fit::isoflop::SliceRefusal;
    use isoflop_fit::{Observation, Table};
    let mut rows = Vec::new();
    for k in 0..3 {
        let flops = 1e18 * 10f64.powf(0.5 * f64::from(k));
        for i in 0..7 {
            // The smallest budget lacks the models above its optimum.
            if k == 0 && i > 3 {
                continue;
            }
            let n = 1.7e8 * 10f64.powf(0.25 * f64::from(k)) * 4f64.powf(f64::from(i) / 3.0 - 1.0);
            let d = flops / 6.0 / n;
            let loss = 1.7 + 406.0 / n.powf(0.34) + 410.0 / d.powf(0.34);
            rows.push(Observation::new(format!("{k}-{i}"), n, d, flops, loss));
        }
    }
    let study = run(&Table::new(rows).unwrap(), &[], &StudyOptions::default()).unwrap();
    let row = &study.approach2[0];
    assert!(row.answer.refusal().is_some(), "{row:?}");
    let found: Vec<bool> = row.slices.iter().map(|s| s.minimum.is_some()).collect();
    assert_eq!(found, [false, true, true], "{:?}", row.slices);
    assert_eq!(row.slices[0].refusal, Some(SliceRefusal::FallsTowardsLarge));
    assert!(!row.slices[1].curve.is_empty());
}
