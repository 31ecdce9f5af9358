//! Ctrl-C and SIGTERM leave within seconds, with a checkpoint and the command to continue.
#![cfg(unix)]

use std::io::Read;
use std::time::{Duration, Instant};

use crate::support::Bench;

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
fn the_second_ctrl_c_leaves_at_once() {
    let bench = Bench::new();
    let mut running = bench.start("results");
    running.wait_for("step");
    running.signal("INT");
    running.signal("INT");
    let status = running.child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
}

#[test]
fn people_are_told_how_to_continue() {
    let bench = Bench::new();
    let mut child = bench
        .command(&["--config", "tiny.toml", "--results", "my results"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // At whatever moment: before training as well as during.
    std::thread::sleep(Duration::from_millis(700));
    let running = crate::support::Running {
        stderr: std::io::BufReader::new(child.stderr.take().unwrap()),
        child,
    };
    running.signal("INT");
    let mut running = running;
    let mut text = String::new();
    running.stderr.read_to_string(&mut text).unwrap();
    assert_eq!(running.child.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("to continue:"), "{text}");
    assert!(text.contains("--config tiny.toml --results 'my results'"), "{text}");
}
