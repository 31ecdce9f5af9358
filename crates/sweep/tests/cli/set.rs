//! A file by its name alone, and other values for its keys.

use crate::support::{Bench, stderr, stdout};

#[test]
fn a_configuration_is_run_by_its_name() {
    let bench = Bench::new();
    let sets =
        ["--set", "grid.widths=[16]", "--set", "grid.budgets=[5e9]", "--set", "study.name=other"];
    let output = bench.output(&[&["tiny.toml", "--quiet"], &sets[..]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(bench.contents("runs/other").records.len(), 1);
    assert!(!bench.path("runs/tiny").exists());
}

#[test]
fn plans_and_data_take_the_same() {
    let bench = Bench::new();
    let plan = |args: &[&str]| {
        let output = bench.output(&[&["plan", "--no-measure", "--json"], args].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
        json["grid"]["cells"].as_array().unwrap().clone()
    };
    assert_eq!(plan(&["tiny.toml"]), plan(&["--config", "tiny.toml"]));
    let cells =
        plan(&["tiny.toml", "--set", "grid.widths=[8, 12]", "--set", "train.learning_rate=2e-3"]);
    assert_eq!(cells.len(), 4);
    assert!(cells.iter().all(|cell| cell["cell"]["hyper"]["learning_rate"] == 2e-3), "{cells:?}");
    let output = bench.output(&["data", "tiny.toml", "--set", "data.vocab=32", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let output = bench.output(&["plan", "tiny.toml", "--config", "tiny.toml"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn mistakes_name_the_option() {
    let bench = Bench::new();
    for (set, told) in [
        ("train.learning_rat=1", "hint: did you mean `learning_rate`?"),
        ("learning_rate=1", "hint: write `--set train.learning_rate=1`"),
        ("grid.budgets=[1e9", "hint: is a bracket"),
        ("data.valid_tokens=1", "--> --set data.valid_tokens=1"),
    ] {
        let output = bench.output(&["plan", "tiny.toml", "--no-measure", "--set", set]);
        assert_eq!(output.status.code(), Some(2), "{set}: {}", stderr(&output));
        let text = stderr(&output);
        assert!(text.contains(told) && text.contains(&format!("--> --set {set}")), "{set}: {text}");
    }
}

#[test]
fn a_path_that_is_no_configuration_is_explained() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("books")).unwrap();
    std::fs::write(bench.path("books/a.txt"), "a").unwrap();
    for (word, told) in [
        ("books/", "`sweep init --text books/` writes a configuration"),
        ("books/a.txt", "`sweep init --text books/a.txt` writes a configuration"),
        ("none.toml", "none.toml"),
        ("reprot", "report"),
    ] {
        let output = bench.output(&[word]);
        assert_eq!(output.status.code(), Some(2), "{word}");
        assert!(stderr(&output).contains(told), "{word}: {}", stderr(&output));
        assert!(stderr(&output).contains("hint: "), "{word}: {}", stderr(&output));
    }
    let output = bench.output(&["books", "--json"]);
    let line: serde_json::Value = serde_json::from_str(&stderr(&output)).unwrap();
    assert_eq!(line["event"], "error");
}
