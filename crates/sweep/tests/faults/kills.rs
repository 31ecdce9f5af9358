//! Killed at any instant and continued, a study comes to the same results.

use std::time::Duration;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::aims::{Aim, aims};
use crate::studies::{Ended, Kind, Process, RESULTS, Study};
use crate::tally::Tally;
use crate::trace;

#[test]
fn no_kill_changes_a_result() {
    let must = "the study goes on to the same ledger, bit for bit";
    let mut tally = Tally::new("kills", must, 12, 60, 1000);
    let each = tally.number().div_ceil(Kind::ALL.len());
    let aimed = trace::available();
    for (place, kind) in Kind::ALL.into_iter().enumerate() {
        let study = Study::new(kind);
        let aims = match aimed {
            true => aims(&study, &mut tally.random(place)),
            false => Vec::new(),
        };
        let until = tally.done() + each;
        let mut study_number = 0;
        while tally.done() < until {
            let part = 10_000 * (place + 1) + study_number;
            let told = disturb(&study, &aims, study_number, &mut tally.random(part), &mut tally);
            if let Err(problem) = told {
                tally.fail(format!("{kind:?}, part {part}: {problem}"));
            }
            study_number += 1;
        }
    }
    tally.end();
}

/// Trains one study with a few disturbances, the first of them at the next instant in order.
fn disturb(
    study: &Study,
    aims: &[Aim],
    number: usize,
    random: &mut ChaCha8Rng,
    tally: &mut Tally,
) -> Result<(), String> {
    study.begins_anew();
    let mut history = Vec::new();
    for disturbance in 0..random.random_range(1..=4) {
        let first = aims.get(number % aims.len().max(1)).filter(|_| disturbance == 0);
        let aim = first.or_else(|| aims.choose(random).filter(|_| random.random_bool(0.5)));
        let (what, hit, ended) = match aim {
            Some(aim) => {
                let ended = aim.at(&study.command(RESULTS), "signal=SIGKILL", false).run().ended;
                ("killed at a system call", ended.killed(), ended)
            }
            None => by_the_clock(study, random),
        };
        history.push(aim.map_or_else(|| what.to_owned(), Aim::to_string));
        if ended.panicked() || !(hit || ended.success()) {
            return Err(format!("{}: {ended}", history.join(", ")));
        }
        if hit {
            tally.count(what);
        }
        if ended.success() {
            break;
        }
    }
    match study.goes_on(RESULTS) {
        Ok(_) => Ok(()),
        Err(problem) => Err(format!("{}: {problem}", history.join(", "))),
    }
}

/// A signal at an instant by chance: what was done, whether it met a process and ended or delayed it as it should.
fn by_the_clock(study: &Study, random: &mut ChaCha8Rng) -> (&'static str, bool, Ended) {
    let mut process = Process::start(study.command(RESULTS));
    std::thread::sleep(random.random_range(Duration::ZERO..study.seconds));
    if process.is_over() {
        return ("over", false, process.wait());
    }
    let (what, signals, code): (_, &[&str], _) = match random.random_range(0..8) {
        0 => ("interrupted (SIGINT)", &["INT"], Some(130)),
        1 => ("terminated (SIGTERM)", &["TERM"], Some(143)),
        2 => ("stopped and continued", &["STOP", "CONT"], Some(0)),
        _ => ("killed at a moment by chance", &["KILL"], None),
    };
    for signal in signals {
        process.signal(signal);
        if *signal == "STOP" {
            std::thread::sleep(Duration::from_millis(random.random_range(1..100)));
        }
    }
    let ended = process.wait();
    let hit = match code {
        None => ended.killed(),
        Some(code) => ended.code() == Some(code),
    };
    (what, hit, ended)
}
