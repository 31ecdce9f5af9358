//! What is printed fits into the terminal.

use std::path::Path;

use crate::support::{Bench, stderr, stdout};

/// The shipped quickstart as `quickstart`.
fn with_quickstart() -> Bench {
    let bench = Bench::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/quickstart");
    let to = bench.path("quickstart");
    std::fs::create_dir(&to).unwrap();
    for file in ["config.resolved.toml", "data.json", "ledger.jsonl", "passport.json"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    bench
}

/// What a command prints on so many columns, none of whose lines is longer.
fn printed(bench: &Bench, columns: usize, args: &[&str]) -> String {
    let output = bench.command(args).env("COLUMNS", columns.to_string()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    let text = stdout(&output);
    for line in text.lines() {
        assert!(line.chars().count() <= columns, "{args:?} at {columns}: {line}\n{text}");
    }
    text
}

#[test]
fn the_end_of_the_quickstart_is_one_screen() {
    let bench = with_quickstart();
    let wide = printed(&bench, 120, &["report", "quickstart"]);
    let text = printed(&bench, 80, &["report", "quickstart"]);
    assert!(text.lines().count() <= 40, "{text}");
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    assert!(
        readme.contains(&format!("```text\n{text}```")),
        "the README shows another end:\n{text}"
    );
    insta::assert_snapshot!("end_120", wide);
}

#[test]
fn fits_on_80_and_120_columns() {
    let bench = with_quickstart();
    let args = ["fit", "quickstart", "--draws", "200"];
    insta::assert_snapshot!("fit_80", printed(&bench, 80, &args));
    insta::assert_snapshot!("fit_120", printed(&bench, 120, &args));
    printed(&bench, 80, &["predict", "quickstart", "--draws", "200", "--flops", "8e12"]);
    printed(&bench, 80, &["compare", "quickstart", "quickstart", "--names", "a,b"]);
}

#[test]
fn plans_and_measurements_on_80_and_120_columns() {
    let bench = Bench::new();
    for columns in [80, 120] {
        let plan = ["plan", "--config", "tiny.toml", "--no-measure"];
        insta::assert_snapshot!(format!("plan_{columns}"), printed(&bench, columns, &plan));
        let shapes = ["L1d16h2V64x2x16", "gpt2:L1d16h2H40V64x2x16"];
        let args = ["bench", "--device", "cpu", "--seconds", "0.05", "--shapes"];
        printed(&bench, columns, &[&args[..], &shapes].concat());
        printed(&bench, columns, &["devices"]);
    }
}

#[test]
fn a_pipe_gets_tables_whole() {
    let bench = with_quickstart();
    let text = stdout(&bench.output(&["fit", "quickstart", "--draws", "0"]));
    assert!(text.lines().any(|line| line.chars().count() > 120), "{text}");
}
