//! What the program says of data.

use crate::support::{Bench, stderr, stdout};

const TEXT: &str = r#"
[data]
source = "text"
paths = ["texts"]
valid_tokens = 256
[model]
context = 32
[grid]
budgets = [5e9]
widths = [16, 24]
"#;

/// Enough text for both sides of the split, one file twice.
fn with_texts() -> Bench {
    let bench = Bench::with(TEXT);
    std::fs::create_dir(bench.path("texts")).unwrap();
    for file in 0..40 {
        let lines: Vec<String> =
            (0..40).map(|i| format!("line {} of file {file}", i * i)).collect();
        std::fs::write(bench.path(&format!("texts/{file}.txt")), lines.join("\n")).unwrap();
    }
    std::fs::copy(bench.path("texts/0.txt"), bench.path("texts/again.txt")).unwrap();
    bench
}

#[test]
fn text_is_assessed() {
    let bench = with_texts();
    let output = bench.output(&["data", "--config", "tiny.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for word in ["documents", "duplicate", "tokens", "entropy", "1 epoch", "4 epochs"] {
        assert!(text.to_lowercase().contains(word), "{word} is not in\n{text}");
    }

    let output = bench.output(&["data", "--config", "tiny.toml", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    // A budget four times as long is 4^(1 / (1 - .5)) as large; a slice's smallest model is longer
    // than the optimum's run.
    let budget = |i: usize, what: &str| json["largest_budgets"][i][what].as_f64().unwrap();
    assert!((budget(1, "run_flops") / budget(0, "run_flops") - 16.0).abs() < 1e-9, "{json}");
    let tokens = json["train_tokens"].as_f64().unwrap();
    let optimal = budget(0, "run_flops") / (6.0 * 0.09 * budget(0, "run_flops").sqrt());
    assert!((optimal / tokens - 1.0).abs() < 1e-9, "{json}");
    assert!(budget(0, "slice_flops") > 0.0, "{json}");
    assert!(!bench.path("runs/tiny").exists(), "an assessment leaves no results");
}

#[test]
fn a_synthetic_language_is_assessed() {
    let bench = Bench::new();
    let output = bench.output(&["data", "--config", "tiny.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("entropy"), "{}", stdout(&output));
}

#[test]
fn missing_text_is_misuse() {
    let bench = Bench::with(TEXT);
    let output = bench.output(&["data", "--config", "tiny.toml"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("matches no file"), "{}", stderr(&output));
    assert!(stderr(&output).contains("\nhint: "), "{}", stderr(&output));
}

#[test]
fn the_assessment_stands_without_a_grid() {
    let bench = with_texts();
    std::fs::write(bench.path("tiny.toml"), TEXT.replace("[5e9]", "[1e6]")).unwrap();
    let output = bench.output(&["data", "--config", "tiny.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("documents"), "{}", stdout(&output));
    assert!(stdout(&output).contains("unknown: the grid is refused"), "{}", stdout(&output));
    assert!(stderr(&output).contains("`grid.budgets`"), "{}", stderr(&output));

    let output = bench.output(&["data", "--config", "tiny.toml", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(json["largest_budgets"].is_null());
}

#[test]
fn crates_that_are_missing_are_fetched_or_the_reason_is_told() {
    let bench = Bench::with(&TEXT.replace("source = \"text\"\npaths = [\"texts\"]", ""));
    let output = bench
        .command(&["data", "--config", "tiny.toml"])
        .env("CARGO_HOME", bench.path("nothing"))
        .env("CARGO", "/no/such/cargo")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let told = stderr(&output);
    assert!(told.contains("data: fetching crates with `cargo fetch --locked`"), "{told}");
    assert!(told.contains("/no/such/cargo did not start"), "{told}");
    assert!(told.contains("\nhint: it takes Cargo and a network"), "{told}");
}

/// A study of text that trains in a second or two.
fn study(paths: &str) -> String {
    let text =
        TEXT.replace("[5e9]", "[5e8]").replace("[16, 24]", "[8, 12]").replace("texts", paths);
    text + "min_steps = 10\n[train]\nbatch_tokens = 128\n[device]\nname = \"cpu\"\n[fit]\nbootstrap = 20\n"
}

#[test]
fn the_same_text_elsewhere_goes_on_and_other_text_is_refused() {
    let bench = with_texts();
    std::fs::write(bench.path("tiny.toml"), study("texts")).unwrap();
    bench.finish("out");
    let records = bench.contents("out").records.len();
    std::fs::rename(bench.path("texts"), bench.path("moved")).unwrap();
    std::fs::write(bench.path("tiny.toml"), study("moved/*")).unwrap();
    let told = stderr(&bench.finish("out"));
    assert!(told.contains("data.paths: [\"texts\"] -> [\"moved/*\"]"), "{told}");
    assert!(told.contains(&format!("all {records} cells are in")), "{told}");

    let resolved = || std::fs::read_to_string(bench.path("out/config.resolved.toml")).unwrap();
    let before = resolved();
    std::fs::write(bench.path("moved/new.txt"), "a line that is new\n".repeat(99)).unwrap();
    std::fs::write(bench.path("tiny.toml"), study("moved")).unwrap();
    let output = bench.output(&["--config", "tiny.toml", "--results", "out"]);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("the data is not that of the study in out"), "{told}");
    assert!(told.contains("documents: 41 -> 42"), "{told}");
    assert_eq!(told.matches("\nhint: ").count(), 2, "{told}");
    assert_eq!(bench.contents("out").records.len(), records);
    assert_eq!(resolved(), before, "what is refused changes nothing");
}

#[test]
fn a_study_may_live_in_the_folder_of_its_text() {
    let bench = with_texts();
    std::fs::write(bench.path("tiny.toml"), study(".")).unwrap();
    for glob in [".", "**/*", "."] {
        std::fs::write(bench.path("tiny.toml"), study(glob)).unwrap();
        let told = stderr(&bench.finish("runs/tiny"));
        assert!(told.contains("data: 41 files read, "), "{told}");
        assert!(told.contains("tiny.toml") && told.contains("(of a study)"), "{told}");
    }
}
