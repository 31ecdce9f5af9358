use isoflop_ledger::{Ledger, LedgerError, Settled};
use isoflop_plan::Config;

use crate::samples::finished;

const TEXT: &str = r#"
[study]
name = "demo"
[data]
source = "synthetic"
[grid]
budgets = [1e11, 2e11]
widths = [32, 64]
[train]
learning_rate = 1e-3
"#;

fn config(change: impl Fn(&str) -> String) -> Config {
    Config::parse(&change(TEXT), "demo.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

fn unchanged(text: &str) -> String {
    text.to_owned()
}

#[test]
fn the_resolved_configuration_is_written_and_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    let config = config(unchanged);
    assert_eq!(ledger.settle_config(&config, false).unwrap(), Settled::New);
    ledger.append(finished(0)).unwrap();
    assert_eq!(ledger.settle_config(&config, false).unwrap(), Settled::Same);
    let text = std::fs::read_to_string(folder.path().join("config.resolved.toml")).unwrap();
    assert_eq!(text, config.sealed_toml());
}

#[test]
fn a_change_that_records_contradict_is_refused_with_the_change() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    ledger.settle_config(&config(unchanged), false).unwrap();
    ledger.append(finished(0)).unwrap();
    let rate = config(|text| text.replace("1e-3", "2e-3").replace("2e11", "4e11"));
    let error = ledger.settle_config(&rate, false).unwrap_err();
    let LedgerError::ConfigChanged { changes, .. } = &error else { panic!("{error}") };
    assert_eq!(changes.len(), 2, "{changes:?}");
    let message = error.to_string();
    assert!(
        message.contains("train.learning_rate") && message.contains("grid.budgets"),
        "{message}"
    );
    assert!(message.contains("hint: "), "{message}");
    // The folder is as it was.
    assert_eq!(ledger.settle_config(&config(unchanged), false).unwrap(), Settled::Same);
}

#[test]
fn a_grid_may_be_extended_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    ledger.settle_config(&config(unchanged), false).unwrap();
    ledger.append(finished(0)).unwrap();
    let wider = config(|text| text.replace("[32, 64]", "[32, 64, 96]"));
    let error = ledger.settle_config(&wider, false).unwrap_err();
    assert!(error.to_string().contains("grid.widths: [32, 64] -> [32, 64, 96]"), "{error}");
    assert!(error.to_string().contains("--extend"), "{error}");
    assert!(matches!(ledger.settle_config(&wider, true).unwrap(), Settled::Updated(_)));

    // A change of the cells themselves is another study.
    let rate = config(|text| text.replace("1e-3", "2e-3"));
    let error = ledger.settle_config(&rate, true).unwrap_err();
    assert!(!error.to_string().contains("--extend"), "{error}");
}

#[test]
fn a_change_that_touches_no_record_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    ledger.settle_config(&config(unchanged), false).unwrap();
    ledger.append(finished(0)).unwrap();
    let fit = config(|text| text.to_owned() + "[fit]\nbootstrap = 17\n");
    match ledger.settle_config(&fit, false).unwrap() {
        Settled::Updated(changes) => {
            assert!(changes[0].starts_with("fit.bootstrap"), "{changes:?}")
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(ledger.settle_config(&fit, false).unwrap(), Settled::Same);
}

#[test]
fn anything_may_change_before_there_is_work_to_lose() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    ledger.settle_config(&config(unchanged), false).unwrap();
    let rate = config(|text| text.replace("1e-3", "2e-3"));
    assert!(matches!(ledger.settle_config(&rate, false).unwrap(), Settled::Updated(_)));

    // A checkpoint is work.
    std::fs::create_dir(folder.path().join("checkpoints")).unwrap();
    std::fs::write(folder.path().join("checkpoints/ab.safetensors"), "").unwrap();
    let error = ledger.settle_config(&config(unchanged), false).unwrap_err();
    assert!(matches!(error, LedgerError::ConfigChanged { .. }), "{error}");
}

#[test]
fn records_without_a_readable_configuration_are_not_guessed_at() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    ledger.append(finished(0)).unwrap();
    let error = ledger.settle_config(&config(unchanged), false).unwrap_err();
    assert!(matches!(error, LedgerError::ConfigMissing { records: 1, .. }), "{error}");
    std::fs::write(folder.path().join("config.resolved.toml"), "[study]\nnaem = 1\n").unwrap();
    let error = ledger.settle_config(&config(unchanged), false).unwrap_err();
    assert!(matches!(error, LedgerError::ConfigUnreadable { .. }), "{error}");
}
