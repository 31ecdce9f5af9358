//! More widths where a slice is open at an end.

use serde_json::{Value, json};

use crate::support::{Bench, stderr, stdout};

#[test]
fn widths_are_added_at_the_open_end_and_trained() {
    let bench = Bench::new();
    bench.changed(
        "budgets = [5e9, 1e10]\nwidths = [16, 24, 32]",
        "budgets = [5e9]\nmin_steps = 20\ntolerance = 0.05\nwidths = [40, 48, 56, 64]",
    );
    bench.finish("results");
    let before = bench.contents("results");

    let output = bench.output(&["extend", "results", "--dry-run", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&told["slices"], &told["cells"]), (&json!(1), &json!(2)), "{told}");
    assert_eq!(told["open"][0]["widths"], json!([24, 32]), "{told}");
    let output = bench.output(&["extend", "results", "--dry-run"]);
    let text = stdout(&output);
    assert!(text.contains("    [24, 32, 40, 48, 56, 64],  # 5e9 FLOPs: + 24, 32\n"), "{text}");
    let output = bench.output(&["fit", "results", "--draws", "0"]);
    let fitted = stdout(&output);
    assert!(
        fitted.contains("# 5e9 FLOPs: + 24, 32") && fitted.contains("`sweep extend results`"),
        "{fitted}"
    );
    assert_eq!(bench.contents("results"), before, "nothing is trained yet");

    let output = bench.output(&["extend", "results"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let after = bench.contents("results");
    assert_eq!(after.records.len(), 6);
    assert_eq!(after.records[..4], before.records[..]);
    let config = std::fs::read_to_string(bench.path("results/config.resolved.toml")).unwrap();
    assert!(config.contains("widths = [24, 32, 40, 48, 56, 64]"), "{config}");
}

#[test]
fn what_is_not_done_is_trained_first() {
    let bench = Bench::new();
    drop(bench.start("results"));
    let output = bench.output(&["extend", "results"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(text.contains(" of 6 cells done, and nobody trains the others"), "{text}");
    assert!(text.contains("hint: train them to the end first"), "{text}");
}
