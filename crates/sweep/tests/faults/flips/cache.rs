//! The cache of prepared text: what it says of the data, its tokenizer and its tokens.

use std::path::PathBuf;

use rand_chacha::ChaCha8Rng;

use super::{Flipped, MUST};
use crate::studies::{Ended, Kind, RESULTS, Study};
use crate::tally::Tally;
use crate::vanish::copy_folder;

const WHOLE: &str = "whole";
/// A copy of the cache as it was written.
const KEPT: &str = "kept";

#[test]
fn a_flip_in_a_cache_changes_no_data() {
    flips("flips in a cache", &["meta.json", "tokenizer.json"], 65);
}

#[test]
fn a_flip_in_a_token_file_changes_no_data() {
    flips("flips in token files", &["train.tokens", "valid.tokens", "valid.bytes"], 66);
}

fn flips(kind: &'static str, files: &[&str], seed: u64) {
    let mut tally = Tally::new(kind, MUST, seed, 25, 300);
    let study = Study::new(Kind::Text);
    let data = data(&study, WHOLE);
    copy_folder(&study.bench.path("cache"), &study.bench.path(KEPT));
    for part in 0..tally.number() {
        let file = files[part % files.len()];
        // Every tenth time cells are trained on what is read.
        let anew = part % 10 == 9;
        match judge(&study, &data, file, anew, &mut tally.random(part)) {
            Ok(outcome) => tally.count(outcome),
            Err(problem) => {
                tally.count("failed");
                tally.fail(format!("part {part}: {problem}"));
            }
        }
    }
    tally.end();
}

fn judge(
    study: &Study,
    data: &str,
    file: &str,
    anew: bool,
    random: &mut ChaCha8Rng,
) -> Result<&'static str, String> {
    study.begins_anew();
    copy_folder(&study.bench.path(KEPT), &study.bench.path("cache"));
    let folder = entry(study);
    let mut flipped = Flipped::anywhere(&folder.join(file), random);
    // It is put back with the whole cache.
    flipped.path = study.bench.path("undone");
    let results = if anew { RESULTS } else { WHOLE };
    let ended = Ended::of(study.bench.command(&["--config", "tiny.toml", "--results", results]));
    let what = &flipped.what;
    let name = folder.file_name().unwrap().to_string_lossy();
    let told = ended.said.contains(&*name) || ended.said.contains(file);
    if !ended.success() {
        ended.refuses(&name).map_err(|problem| format!("{what}: {problem}"))?;
        return Ok("refused");
    }
    study.is_whole(results).map_err(|problem| format!("{what}: {problem}: {ended}"))?;
    match (told, self::data(study, results) == data) {
        (true, true) => Ok("told, and prepared anew"),
        (false, true) => Ok("without an effect"),
        (_, false) => Err(format!("{what}: data.json says otherwise now: {ended}")),
    }
}

/// What a results folder remembers of its data, up to the notes, which say that the cache was made again.
fn data(study: &Study, results: &str) -> String {
    let text = std::fs::read_to_string(study.bench.path(results).join("data.json")).unwrap();
    let (facts, _) = text.split_once("\"notes\":").expect("notes come last");
    facts.to_owned()
}

/// The folder of the one corpus in the cache.
fn entry(study: &Study) -> PathBuf {
    let mut entries = std::fs::read_dir(study.bench.path("cache")).unwrap();
    entries.next().expect("a corpus").unwrap().path()
}
