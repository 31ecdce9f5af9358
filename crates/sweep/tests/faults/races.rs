//! Processes that begin at once, on one cache and on one folder.

use std::time::Duration;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::studies::{Ended, Kind, Process, RESULTS, Study};
use crate::tally::Tally;

#[test]
fn processes_that_begin_at_once_do_each_other_no_harm() {
    let must = "each ends with the same ledger; in one folder all but one are refused by name";
    let mut tally = Tally::new("races", must, 51, 10, 100);
    let study = Study::new(Kind::Text);
    for round in 0..tally.number() {
        let mut random = tally.random(round);
        match race(&study, round % 2 == 0, &mut random) {
            Ok(outcome) => tally.count(outcome),
            Err(problem) => {
                tally.count("failed");
                tally.fail(format!("part {round}: {problem}"));
            }
        }
    }
    tally.end();
}

fn race(study: &Study, one_folder: bool, random: &mut ChaCha8Rng) -> Result<&'static str, String> {
    study.begins_anew();
    let processes = random.random_range(2..=4);
    let folder = |i: usize| match one_folder {
        true => RESULTS.to_owned(),
        false => format!("{RESULTS}-{i}"),
    };
    let start = |i: usize| {
        std::thread::sleep(Duration::from_millis(random.random_range(0..15)));
        Process::start(study.command(&folder(i)))
    };
    let running: Vec<Process> = (0..processes).map(start).collect();
    let ended: Vec<Ended> = running.into_iter().map(Process::wait).collect();
    if one_folder {
        let refused = |ended: &Ended| {
            ended.code() == Some(2) && ended.said.contains("results is in use by process")
        };
        if let Some(odd) = ended.iter().find(|ended| !ended.success() && !refused(ended)) {
            return Err(format!("{processes} in one folder: {odd}"));
        }
        if !ended.iter().any(Ended::success) {
            return Err(format!("none of {processes} took the folder"));
        }
        study.is_whole(RESULTS)?;
        return Ok("for one folder: one trained, the others were refused");
    }
    for (i, ended) in ended.iter().enumerate() {
        if !ended.success() {
            return Err(format!("{processes} on one cache: {ended}"));
        }
        study.is_whole(&folder(i))?;
        std::fs::remove_dir_all(study.bench.path(&folder(i))).unwrap();
    }
    Ok("for one cache: all trained")
}
