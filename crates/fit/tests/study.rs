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
