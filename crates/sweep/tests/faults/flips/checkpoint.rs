//! Checkpoints of a study that was interrupted.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::{Flipped, MUST};
use crate::studies::{Ended, Kind, Process, RESULTS, Study};
use crate::tally::Tally;
use crate::vanish::copy_folder;

/// A copy of what an interrupted study left.
const LEFT: &str = "left";

#[test]
fn a_flip_in_a_checkpoint_is_never_trained_on() {
    let mut tally = Tally::new("flips in checkpoints", MUST, 64, 24, 300);
    let each = tally.number().div_ceil(Kind::ALL.len());
    for (place, kind) in Kind::ALL.into_iter().enumerate() {
        let study = Study::new(kind);
        interrupt(&study);
        for flip in 0..each {
            let part = 10_000 * place + flip;
            let mut random = tally.random(part);
            // Tensors are by far the most of a file.
            let in_header = flip % 2 == 0;
            match judge(&study, in_header, &mut random) {
                Ok(outcome) => tally.count(outcome),
                Err(problem) => {
                    tally.count("failed");
                    tally.fail(format!("{kind:?}, part {part}: {problem}"));
                }
            }
        }
    }
    tally.end();
}

/// Trains until there is a checkpoint, and no longer.
fn interrupt(study: &Study) {
    for _ in 0..20 {
        study.begins_anew();
        let mut process = Process::start(study.command(RESULTS));
        let begun = Instant::now();
        while checkpoints(study, RESULTS).is_empty() && !process.is_over() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint after a minute");
            std::thread::sleep(Duration::from_millis(1));
        }
        if !process.is_over() {
            process.signal("TERM");
        }
        if process.wait().code() == Some(143) && !checkpoints(study, RESULTS).is_empty() {
            copy_folder(&study.bench.path(RESULTS), &study.bench.path(LEFT));
            return;
        }
    }
    panic!("no interrupted study in 20 tries");
}

fn checkpoints(study: &Study, results: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(study.bench.path(results).join("checkpoints")) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "safetensors")).collect();
    paths.sort();
    paths
}

fn judge(study: &Study, in_header: bool, random: &mut ChaCha8Rng) -> Result<&'static str, String> {
    let results = study.bench.path(RESULTS);
    let _ = std::fs::remove_dir_all(&results);
    copy_folder(&study.bench.path(LEFT), &results);
    let path = checkpoints(study, RESULTS).choose(random).expect("a checkpoint").clone();
    let bytes = std::fs::read(&path).unwrap();
    // The first eight bytes are the length of the header behind them.
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let range = if in_header { 0..header } else { header..bytes.len() };
    let what = {
        let mut flipped = Flipped::at(&path, range, in_header && random.random_bool(0.5), random);
        // A finished stack's checkpoint stays away.
        flipped.path = study.bench.path("undone");
        flipped.what.clone()
    };
    let ended = Ended::of(study.command(RESULTS));
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let told = ended.said.contains(&name);
    if ended.success() {
        return match (study.is_whole(RESULTS), told) {
            (Ok(()), true) => Ok("told, and trained anew"),
            (Ok(()), false) => Ok("without an effect"),
            (Err(problem), _) => Err(format!("{what}: {problem}; {ended}")),
        };
    }
    ended.refuses(&name).map_err(|problem| format!("{what}: {problem}"))?;
    // The way on that is left in any case.
    if random.random_bool(0.2) {
        std::fs::remove_file(&path).map_err(|error| format!("{what}: {error}"))?;
        study.goes_on(RESULTS).map_err(|problem| format!("{what}, removed: {problem}"))?;
    }
    Ok("refused")
}
