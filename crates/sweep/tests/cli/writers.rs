//! Who may write to a results folder, and with which configuration.

use crate::support::{Bench, stderr};

#[test]
fn a_second_process_is_refused_by_name() {
    let bench = Bench::new();
    let running = bench.start("results");
    let refused = bench.output(&["--config", "tiny.toml", "--results", "results"]);
    let text = stderr(&refused);
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(
        text.contains(&format!("results is in use by process {}", running.child.id())),
        "{text}"
    );
    assert!(text.contains("--config tiny.toml --results results --json"), "{text}");
    assert!(text.contains("\nhint: "), "{text}");
    drop(running);
    bench.finish("results");
}

#[test]
fn a_changed_configuration_is_refused_with_what_changed() {
    let bench = Bench::new();
    bench.finish("results");
    let before = std::fs::read(bench.path("results/ledger.jsonl")).unwrap();

    bench.changed("batch_tokens = 256", "batch_tokens = 128");
    let refused = bench.output(&["--config", "tiny.toml", "--results", "results"]);
    let text = stderr(&refused);
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("train.batch_tokens: 256.0 -> 128.0"), "{text}");
    assert!(text.contains("\nhint: "), "{text}");
    assert_eq!(std::fs::read(bench.path("results/ledger.jsonl")).unwrap(), before);

    // What only the fit reads may change.
    bench.changed("bootstrap = 50", "bootstrap = 60");
    let output = bench.finish("results");
    assert!(stderr(&output).contains("fit.bootstrap: 50 -> 60"), "{}", stderr(&output));
    assert_eq!(std::fs::read(bench.path("results/ledger.jsonl")).unwrap(), before);
}

#[test]
fn a_grid_is_extended_on_request() {
    let bench = Bench::new();
    bench.finish("results");
    let before = bench.contents("results");

    bench.changed("widths = [16, 24, 32]", "widths = [12, 16, 24, 32]");
    let refused = bench.output(&["--config", "tiny.toml", "--results", "results"]);
    assert!(stderr(&refused).contains("--extend"), "{}", stderr(&refused));

    let output = bench.output(&["--config", "tiny.toml", "--results", "results", "--extend"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let after = bench.contents("results");
    assert_eq!(after.records[..before.records.len()], before.records[..]);
    assert_eq!(after.records.len(), before.records.len() * 4 / 3);
}

#[test]
fn a_torn_line_is_told_of_and_its_cell_trained_again() {
    let bench = Bench::new();
    bench.finish("results");
    let whole = bench.contents("results").deterministic_jsonl();
    let path = bench.path("results/ledger.jsonl");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 40]).unwrap();
    let output = bench.finish("results");
    assert!(stderr(&output).contains("was cut short"), "{}", stderr(&output));
    assert_eq!(bench.contents("results").deterministic_jsonl(), whole);
}
