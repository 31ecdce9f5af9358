//! Ledger, passports and configuration of a study that has ended.

use isoflop_ledger::{Contents, read};
use isoflop_plan::Config;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Flipped, MUST};
use crate::studies::{Ended, Kind, RESULTS, Study};
use crate::tally::Tally;
use crate::vanish::copy_folder;

const WHOLE: &str = "whole";

#[test]
fn a_flip_in_a_ledger_is_no_result() {
    flips("flips in ledger.jsonl", "ledger.jsonl", 61);
}

#[test]
fn a_flip_in_a_passport_is_told() {
    flips("flips in passport.json", "passport.json", 62);
}

#[test]
fn a_flip_in_a_configuration_is_told() {
    flips("flips in config.resolved.toml", "config.resolved.toml", 63);
}

/// What is read of an ended study.
struct Undisturbed {
    study: Study,
    contents: Contents,
    config: String,
    fitted: Ended,
}

fn flips(kind: &'static str, file: &str, seed: u64) {
    let mut tally = Tally::new(kind, MUST, seed, 25, 300);
    let studies = [Kind::Language, Kind::Shared].map(|kind| {
        let study = Study::new(kind);
        let folder = study.bench.path(WHOLE);
        let contents = read(&folder).unwrap();
        let config = config(&study).unwrap();
        let fitted = fit(&study);
        assert!(fitted.success(), "{fitted}");
        Undisturbed { study, contents, config, fitted }
    });
    for part in 0..tally.number() {
        if !tally.wants(part) {
            continue;
        }
        let undisturbed = &studies[part % studies.len()];
        let mut random = tally.random(part);
        let flipped =
            Flipped::anywhere(&undisturbed.study.bench.path(WHOLE).join(file), &mut random);
        match judge(undisturbed, file, &mut random) {
            Ok(outcome) => tally.count(outcome),
            Err(problem) => {
                tally.count("failed");
                tally.fail(format!("part {part}: {}: {problem}", flipped.what));
            }
        }
    }
    tally.end();
}

fn judge(
    undisturbed: &Undisturbed,
    file: &str,
    random: &mut ChaCha8Rng,
) -> Result<&'static str, String> {
    let Undisturbed { study, contents, config: as_written, fitted } = undisturbed;
    let ended = fit(study);
    let checked = Ended::of(study.bench.command(&["check", WHOLE]));
    if !ended.success() {
        ended.refuses(file)?;
        if checked.code() != Some(1) || checked.panicked() || !checked.printed.contains(file) {
            return Err(format!("refused, and `sweep check` finds: {} {checked}", checked.printed));
        }
        if file == "ledger.jsonl" && random.random_bool(0.1) {
            is_mended(study)?;
        }
        // To train on is no way around it.
        if random.random_bool(0.1) {
            let again = Ended::of(study.command(WHOLE));
            if !again.success() {
                again.refuses(file)?;
            } else if study.is_whole(WHOLE).is_err() {
                return Err(format!("the run did not refuse what the fit refuses: {again}"));
            }
        }
        return Ok("refused");
    }
    // An unfinished last line is told of the ledger, without its name.
    let name = if file == "ledger.jsonl" { "the ledger" } else { file };
    if ended.said.contains(name) && !fitted.said.contains(name) {
        return Ok("told");
    }
    let same = read(&study.bench.path(WHOLE)).is_ok_and(|found| found == *contents)
        && config(study).is_ok_and(|found| found == *as_written)
        && ended.printed == fitted.printed;
    match same {
        true => Ok("without an effect"),
        false => Err("read without a word".into()),
    }
}

/// What is damaged is moved aside on request, and its cells are trained again.
fn is_mended(study: &Study) -> Result<(), String> {
    let mended = study.bench.path(RESULTS);
    let _ = std::fs::remove_dir_all(&mended);
    copy_folder(&study.bench.path(WHOLE), &mended);
    let ended = Ended::of(study.bench.command(&["check", RESULTS, "--mend"]));
    if ended.panicked() {
        return Err(format!("mending: {ended}"));
    }
    study.goes_on(RESULTS).map(|_| ()).map_err(|problem| format!("mended, then {problem}; {ended}"))
}

/// The fit of what the folder holds, as a program is told it.
fn fit(study: &Study) -> Ended {
    Ended::of(study.bench.command(&["fit", WHOLE, "--draws", "0", "--json"]))
}

fn config(study: &Study) -> Result<String, String> {
    let path = study.bench.path(WHOLE).join("config.resolved.toml");
    Config::load(path).map(|config| config.resolved_toml()).map_err(|error| error.to_string())
}
