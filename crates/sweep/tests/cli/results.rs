//! A whole study, and what it leaves behind.

use crate::support::{Bench, files, stderr, stdout};

#[test]
fn a_study_leaves_everything_that_was_promised() {
    let bench = Bench::new();
    let output = bench.finish("results");
    let left = files(&bench.path("results"));
    for name in ["config.resolved.toml", "ledger.jsonl", "passport.json", "fit.json", "report.html"]
    {
        assert!(left.iter().any(|file| file == name), "{name} is not in {left:?}");
    }
    for kind in [".svg", ".png"] {
        assert!(
            left.iter().any(|file| file.starts_with("plots/") && file.ends_with(kind)),
            "{left:?}"
        );
    }
    assert!(
        !left.iter().any(|file| file.contains("checkpoint") || file.ends_with(".tmp")),
        "{left:?}"
    );

    let contents = bench.contents("results");
    assert_eq!(contents.records.len(), 6);
    for record in &contents.records {
        let valid = record.result.valid.unwrap();
        assert!(valid.loss_nats > 0.0 && valid.loss_nats < 10.0);
        assert!(valid.true_loss_nats.unwrap() < valid.loss_nats);
        assert!(!record.result.curve.is_empty());
        assert!(contents.passports.contains_key(&record.run.passport));
        assert!(record.run.tokens_per_second.unwrap() > 0.0);
    }
    let text = stdout(&output);
    assert!(!text.is_empty() && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn quiet_runs_say_nothing_but_the_result() {
    let bench = Bench::new();
    let output = bench.output(&["--config", "tiny.toml", "--quiet"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stdout(&output).is_empty());
    assert!(
        stderr(&output)
            .lines()
            .all(|line| line.starts_with("warning: ") || line.starts_with("hint: "))
    );
    assert!(bench.path("runs/tiny/ledger.jsonl").exists());
}

#[test]
fn json_runs_speak_json_only() {
    let bench = Bench::new();
    let output = bench.output(&["--config", "tiny.toml", "--results", "results", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let result: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(result["cells"]["finished"], 6);
    for line in stderr(&output).lines() {
        let event: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(event["event"].is_string(), "{line}");
    }
}

#[test]
fn the_time_of_a_study_is_accounted_for() {
    let bench = Bench::new();
    let rest_of_it = std::cell::RefCell::new(Vec::<f64>::new());
    let spent = || -> (f64, Vec<(String, f64)>) {
        let output = bench.output(&["--config", "tiny.toml", "--results", "results", "--json"]);
        assert!(output.status.success(), "{}", stderr(&output));
        let last: serde_json::Value =
            serde_json::from_str(stderr(&output).lines().last().unwrap()).unwrap();
        assert_eq!(last["event"], "spent");
        let part = |part: &serde_json::Value| {
            (part["part"].as_str().unwrap().to_owned(), part["seconds"].as_f64().unwrap())
        };
        let parts = last["parts"].as_array().unwrap().iter().map(part).collect();
        let seconds = |part: &serde_json::Value| part["seconds"].as_f64().unwrap();
        for part in last["parts"].as_array().unwrap() {
            if let Some(of_it) = part["of_it"].as_array() {
                rest_of_it.replace(of_it.iter().map(seconds).collect());
            }
        }
        (last["seconds"].as_f64().unwrap(), parts)
    };
    let named = |parts: &[(String, f64)], names: &[&str]| {
        assert_eq!(parts.iter().map(|part| part.0.as_str()).collect::<Vec<_>>(), names);
    };

    let (seconds, parts) = spent();
    named(
        &parts,
        &[
            "device",
            "data",
            "measurements",
            "steps",
            "evaluation",
            "rest of training",
            "fit and report",
        ],
    );
    assert!((parts.iter().map(|part| part.1).sum::<f64>() / seconds - 1.0).abs() < 1e-9);
    assert!(parts.iter().all(|part| part.1 >= 0.0), "{parts:?}");
    // The rest of training is broken down where it is worth it, and its parts are all of it.
    let (rest, of_it) = (parts[5].1, rest_of_it.borrow().clone());
    assert_eq!(rest > 0.02 * seconds, !of_it.is_empty(), "{rest} of {seconds}: {of_it:?}");
    let sum: f64 = of_it.iter().sum();
    assert!(of_it.is_empty() || (sum / rest - 1.0).abs() < 0.01, "{sum} {rest}");
    let records = bench.contents("results").records;
    let steps: f64 = records.iter().map(|r| r.run.train_seconds * r.run.device_share).sum();
    assert!(steps > 0.0 && (parts[3].1 / steps - 1.0).abs() < 1e-9, "{parts:?}, {steps}");

    named(&spent().1, &["device", "data", "fit and report"]);
}

#[test]
fn the_report_can_be_made_anew() {
    let bench = Bench::new();
    bench.finish("results");
    let page = std::fs::read(bench.path("results/report.html")).unwrap();
    std::fs::remove_file(bench.path("results/report.html")).unwrap();
    let output = bench.output(&["report", "results"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(std::fs::read(bench.path("results/report.html")).unwrap(), page);
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("sweep --config config.resolved.toml --results NEW"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\nPage        results/report.html\n"), "{text}");
    assert!(text.contains("`sweep fit results`"), "{text}");

    let output = bench.output(&["report", "nowhere"]);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("hint: "), "{}", stderr(&output));
}

#[test]
fn a_finished_study_is_not_trained_again() {
    let bench = Bench::new();
    bench.finish("results");
    let before = std::fs::read(bench.path("results/ledger.jsonl")).unwrap();
    let output = bench.finish("results");
    assert!(stderr(&output).contains("all 6 cells are in"), "{}", stderr(&output));
    assert_eq!(std::fs::read(bench.path("results/ledger.jsonl")).unwrap(), before);
}

#[test]
fn a_refused_fit_is_told_in_the_words_of_the_configuration() {
    for (key, hint) in [
        ("[train]\nschedule = \"constant\"", "hint: set `train.schedule` to \"cosine\" or \"wsd\""),
        ("[train]\nlearning_rate = 10", "hint: lower `train.learning_rate`"),
    ] {
        let bench = Bench::new();
        bench.changed("[train]", key);
        let output = bench.output(&["--config", "tiny.toml", "--results", "results"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stderr(&output).contains("no fit: "), "{}", stderr(&output));
        assert!(stderr(&output).contains(hint), "{}", stderr(&output));
        let page = std::fs::read_to_string(bench.path("results/report.html")).unwrap();
        assert!(page.contains("No fit: "));
        for command in ["fit", "report"] {
            let output = bench.output(&[command, "results"]);
            assert!(stderr(&output).contains(hint), "{command}: {}", stderr(&output));
        }
    }
}

#[test]
fn studies_in_which_most_cells_diverge_say_so() {
    let bench = Bench::new();
    bench.changed(
        "budgets = [5e9, 1e10]\nwidths = [16, 24, 32]",
        "cells = [{ width = 16, flops = 5e9, learning_rate = 10 }, { width = 24, flops = 5e9, learning_rate = 9 }, { width = 32, flops = 5e9, learning_rate = 3e-3 }]",
    );
    let output = bench.output(&["--config", "tiny.toml", "--results", "results"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("2 of 3 cells diverged, at learning rates from 9e0 to 1e1; the"),
        "{text}"
    );
    assert!(text.contains("highest rate that ended well is 3e-3"), "{text}");
    assert!(text.contains("lower `train.learning_rate`"), "{text}");
}
