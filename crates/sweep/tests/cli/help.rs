//! What the program says of itself, and of plans and devices.

use crate::support::{Bench, stderr, stdout};

#[test]
fn help() {
    let bench = Bench::new();
    let output = bench.output(&["--help"]);
    assert!(output.status.success());
    insta::assert_snapshot!(stdout(&output));
}

#[test]
fn nothing_to_do_is_misuse() {
    let bench = Bench::new();
    for args in [&[][..], &["--quiet"], &["run"], &["frobnicate"]] {
        let output = bench.output(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn an_option_that_is_not_understood_ends_in_a_hint() {
    let bench = Bench::new();
    for (args, command) in [
        (&["fit", "--nosuch"][..], "sweep fit"),
        (&["fit", "--csv", "a.csv", "--draws", "x"], "sweep fit"),
        (&["bench", "--shapes", "L1", "--operations", "--kernels", "on"], "sweep bench"),
        (&["fit", "--prior", "alpha=1,1"], "sweep fit"),
        (&["frobnicate"], "sweep"),
        (&["--nosuch"], "sweep run"),
    ] {
        let output = bench.output(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let text = stderr(&output);
        assert!(text.ends_with(&format!("\nhint: see `{command} --help`\n")), "{args:?}: {text}");
        assert!(text.starts_with("error: "), "{args:?}: {text}");
    }
}

#[test]
fn devices_end_with_the_choice() {
    let bench = Bench::new();
    let output = bench.output(&["devices", "--device", "cpu"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.lines().any(|line| line.starts_with("cpu ")), "{text}");
    assert!(text.contains("\ncpu picks cpu: "), "{text}");

    let output = bench.output(&["devices", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(json["devices"].as_array().unwrap().iter().any(|device| device["id"] == "cpu"));
    assert!(json["picked"]["why"].is_string());
}

#[test]
fn an_unknown_device_is_misuse() {
    let bench = Bench::new();
    let output = bench.output(&["--config", "tiny.toml", "--device", "no such adapter"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("hint: "), "{}", stderr(&output));
}

#[test]
fn plan() {
    let bench = Bench::new();
    let output = bench.output(&["plan", "--config", "tiny.toml", "--no-measure", "--quiet"]);
    assert!(output.status.success(), "{}", stderr(&output));
    insta::assert_snapshot!(stdout(&output));
    assert!(!bench.path("runs").exists(), "a plan leaves no results");
}

#[test]
fn plan_as_json_with_a_time() {
    let bench = Bench::new();
    let output = bench.output(&["plan", "--config", "tiny.toml", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(json["grid"]["cells"].as_array().unwrap().len(), 6);
    let seconds = json["seconds"].as_f64().unwrap();
    assert!(seconds > 0.1 && seconds < 600.0, "{seconds}");
}
