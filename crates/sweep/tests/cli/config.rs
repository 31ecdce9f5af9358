//! Mistakes in a configuration are told before any work, all together.

use crate::support::{Bench, stderr, stdout};

#[test]
fn every_mistake_has_its_line_and_a_hint() {
    let bench = Bench::with("[grid]\nbudgits = [1e9]\n\n[train]\nlearning_rate = \"fast\"\n");
    let output = bench.output(&["--config", "tiny.toml"]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(output.stdout.is_empty());
    assert!(text.contains("tiny.toml:2:1") && text.contains("tiny.toml:5:"), "{text}");
    assert!(text.matches("hint: ").count() >= 2, "{text}");
    assert!(!bench.path("runs").exists(), "nothing may be written");
}

#[test]
fn a_missing_file_is_named() {
    let bench = Bench::new();
    let output = bench.output(&["--config", "none.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("none.toml"), "{}", stderr(&output));
}

#[test]
fn errors_are_json_where_asked_for() {
    let bench = Bench::new();
    let output = bench.output(&["--config", "none.toml", "--json"]);
    let line = stderr(&output);
    let value: serde_json::Value =
        serde_json::from_str(line.trim()).unwrap_or_else(|e| panic!("{e}: {line}"));
    assert_eq!(value["event"], "error");
    assert!(value["text"].as_str().unwrap().contains("none.toml"), "{line}");
}

#[test]
fn a_plan_needs_no_device_and_a_measurement_does() {
    let bench = Bench::new();
    bench.changed("name = \"cpu\"", "name = \"a card elsewhere\"");
    let output = bench.output(&["plan", "--config", "tiny.toml", "--no-measure"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("planned without a device"), "{}", stderr(&output));
    assert!(stdout(&output).contains("6 cells"), "{}", stdout(&output));

    let output = bench.output(&["plan", "--config", "tiny.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("hint: "), "{}", stderr(&output));
    assert!(stderr(&output).contains("device of tiny.toml:20:8"), "{}", stderr(&output));
}

#[test]
fn what_the_data_lacks_is_told_with_its_line() {
    let bench = Bench::with(
        "[data]\nsource = \"text\"\npaths = [\"nowhere/*\"]\n[model]\ncontext = 32\n[grid]\nbudgets = [1e11]\nwidths = [16]\n[device]\nname = \"cpu\"\n",
    );
    let output = bench.output(&["--config", "tiny.toml"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("tiny.toml:3:9"), "{}", stderr(&output));
    assert!(stderr(&output).contains("hint: paths are"), "{}", stderr(&output));
}

#[test]
fn models_that_no_batch_makes_fit_are_refused() {
    let bench = Bench::new();
    bench.changed("name = \"cpu\"", "name = \"cpu\"\nmemory_gib = 1e-5");
    for command in [&["plan", "--config", "tiny.toml"][..], &["--config", "tiny.toml"]] {
        let output = bench.output(command);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let told = stderr(&output);
        assert!(told.contains("weights, gradients and moments alone"), "{told}");
        assert!(told.contains("hint: take smaller models"), "{told}");
    }
}
