//! Killed at any moment and continued, a study comes to the same results, bit for bit.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::{Bench, stderr};

#[test]
fn the_same_configuration_gives_the_same_ledger() {
    let bench = Bench::new();
    bench.finish("first");
    bench.finish("second");
    let (first, second) = (bench.contents("first"), bench.contents("second"));
    assert!(first.records.len() >= 6);
    assert_eq!(first.deterministic_jsonl(), second.deterministic_jsonl());
}

#[test]
fn twenty_kills_change_nothing() {
    kills_change_nothing(20, 12);
}

/// Kills a run at random moments between its start and, by and large, its end, and continues it each time.
fn kills_change_nothing(kills: u32, seed: u64) {
    let bench = Bench::new();
    let started = Instant::now();
    bench.finish("whole");
    let whole = started.elapsed();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut killed = 0;
    // A run may end before its kill; then another study is begun, so that every kill hits.
    for attempt in 0.. {
        let results = format!("killed-{attempt}");
        while killed < kills {
            let mut child = bench
                .command(&["--config", "tiny.toml", "--results", &results, "--quiet"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let latest = whole.mul_f64(2.0 / f64::from(kills.min(6)));
            std::thread::sleep(random.random_range(Duration::ZERO..latest));
            let ended = child.try_wait().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
            if let Some(status) = ended {
                assert!(status.success());
                break;
            }
            killed += 1;
        }
        let output = bench.finish(&results);
        let (whole, continued) = (bench.contents("whole"), bench.contents(&results));
        assert_eq!(
            whole.deterministic_jsonl(),
            continued.deterministic_jsonl(),
            "{}",
            stderr(&output)
        );
        assert!(!bench.path(&results).join("checkpoints").exists());
        if killed == kills {
            return;
        }
    }
}
