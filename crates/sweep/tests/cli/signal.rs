//! Ctrl-C and SIGTERM leave within seconds, with a checkpoint and the command to continue.
#![cfg(unix)]

use std::io::{BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Bench, Running};

fn leaves(signal: &str, code: i32) {
    let bench = Bench::new();
    bench.finish("whole");

    let mut running = bench.start("results");
    running.wait_for("step");
    let asked = Instant::now();
    running.signal(signal);
    let end = running.wait_for("interrupted");
    let command = end["continue"].as_str().unwrap();
    assert!(command.ends_with("--config tiny.toml --results results --json"), "{command}");
    let status = running.child.wait().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(code));
    let checkpoints = std::fs::read_dir(bench.path("results/checkpoints")).unwrap().count();
    // One of each of the study's three stacks that was running.
    assert!((1..=3).contains(&checkpoints), "{checkpoints}");

    bench.finish("results");
    let (whole, continued) = (bench.contents("whole"), bench.contents("results"));
    assert_eq!(whole.deterministic_jsonl(), continued.deterministic_jsonl());
    assert!(continued.records.iter().any(|record| record.run.resumed == 1));
}

#[test]
fn ctrl_c_leaves_a_checkpoint() {
    leaves("INT", 130);
}

#[test]
fn sigterm_leaves_a_checkpoint() {
    leaves("TERM", 143);
}

#[test]
fn two_signals_in_one_instant_still_save() {
    let bench = Bench::new();
    bench.finish("whole");
    let mut running = bench.start("results");
    running.wait_for("step");
    for name in ["STOP", "INT", "TERM", "CONT"] {
        running.signal(name);
    }
    running.wait_for("interrupted");
    let code = running.child.wait().unwrap().code();
    assert!(matches!(code, Some(130 | 143)), "{code:?}");
    bench.finish("results");
    let (whole, continued) = (bench.contents("whole"), bench.contents("results"));
    assert_eq!(whole.deterministic_jsonl(), continued.deterministic_jsonl());
    assert!(continued.records.iter().any(|record| record.run.resumed == 1));
}

#[test]
fn people_are_told_how_to_continue() {
    let bench = Bench::new();
    let mut child = bench
        .command(&["--config", "tiny.toml", "--results", "my results"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut running = Running { child, stderr };
    // Early on: before training as well as during.
    while !bench.path("my results").exists() {
        assert!(running.child.try_wait().unwrap().is_none(), "it ended early");
        std::thread::sleep(Duration::from_millis(2));
    }
    running.signal("INT");
    let mut text = String::new();
    running.stderr.read_to_string(&mut text).unwrap();
    assert_eq!(running.child.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("to continue:"), "{text}");
    assert!(text.contains("--config tiny.toml --results 'my results'"), "{text}");
}

#[test]
fn a_hang_up_leaves_a_checkpoint_and_nohup_goes_on() {
    let bench = Bench::new();
    // Long enough to be under way when the signal comes.
    bench.changed("budgets = [5e9, 1e10]", "budgets = [4e10, 8e10]");
    let mut running = bench.start("hung-up");
    running.wait_for("step");
    running.signal("HUP");
    running.wait_for("interrupted");
    assert_eq!(running.child.wait().unwrap().code(), Some(129));

    let mut command = Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_sweep"));
    command.args(["--config", "tiny.toml", "--results", "hung-up", "--json"]);
    command.current_dir(bench.path("")).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut running = Running { child, stderr };
    running.wait_for("started");
    running.signal("HUP");
    std::io::copy(&mut running.stderr, &mut std::io::sink()).unwrap();
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
}

/// The terminal was closed, or the reader of the progress has gone: training goes on.
#[test]
fn nobody_has_to_listen() {
    for format in [&["--quiet"][..], &["--json"], &[]] {
        let bench = Bench::new();
        let args = [&["--config", "tiny.toml", "--results", "results"], format].concat();
        let mut child =
            bench.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stderr.take());
        assert!(child.wait().unwrap().success(), "{format:?}");
        assert_eq!(bench.contents("results").records.len(), 6);
    }
}

/// What has been measured is worth printing.
#[test]
fn a_stopped_bench_prints_what_it_has() {
    let bench = Bench::new();
    let shapes = ["L1d16h2V64x2x16", "L1d24h2V64x2x16"];
    let args = ["bench", "--device", "cpu", "--seconds", "1", "--json", "--shapes"];
    let mut command = bench.command(&[&args[..], &shapes].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let mut stdout = child.stdout.take().unwrap();
    let mut running = Running { child, stderr };
    while !running.wait_for("note")["text"].as_str().unwrap().contains(shapes[1]) {}
    running.signal("TERM");
    let heard = running.wait_for("interrupted");
    assert_eq!((&heard["signal"], &heard["measurements"]), (&"SIGTERM".into(), &1.into()));
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(json[shapes[0]]["tokens_per_second"].is_f64(), "{json}");
    assert!(json[shapes[1]].is_null() && json["passport"].is_object(), "{json}");
    assert_eq!(running.child.wait().unwrap().code(), Some(143));
}
