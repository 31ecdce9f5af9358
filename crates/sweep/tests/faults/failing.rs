//! A disk that is full or failing: told, nothing lost, and gone on from.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::aims::{Aim, aims};
use crate::studies::{Ended, Kind, RESULTS, Study};
use crate::tally::Tally;
use crate::trace::{self, Disturbed};

#[test]
fn a_failing_disk_is_told_and_nothing_is_lost() {
    if !trace::available() {
        return;
    }
    let must = "an error that names the file, with a hint, or the study ends well; then it goes on to the same ledger";
    let mut tally = Tally::new("failing system calls", must, 31, 24, 300);
    let each = tally.number().div_ceil(Kind::ALL.len());
    for (place, kind) in Kind::ALL.into_iter().enumerate() {
        let study = Study::new(kind);
        let aims = aims(&study, &mut tally.random(place));
        let until = tally.done() + each;
        for (number, aim) in aims.iter().cycle().enumerate() {
            if tally.done() >= until {
                break;
            }
            let part = 10_000 * (place + 1) + number;
            if !tally.wants(part) {
                continue;
            }
            if let Err(problem) = fail_once(&study, aim, &mut tally.random(part), &mut tally) {
                tally.fail(format!("{kind:?}, part {part}: {problem}"));
            }
        }
    }
    tally.end();
}

fn fail_once(
    study: &Study,
    aim: &Aim,
    random: &mut ChaCha8Rng,
    tally: &mut Tally,
) -> Result<(), String> {
    let error = match aim.call.as_str() {
        "write" | "mkdir" | "openat" | "rename" | "renameat" => &["ENOSPC", "EIO", "EDQUOT"][..],
        _ => &["EIO"],
    };
    let error = error.choose(random).expect("there are errors");
    // A disk that is full stays so. Without a path it would be for what is not on it as well.
    let lasting = *error != "EIO" && aim.path.is_some() && random.random_bool(0.5);
    study.begins_anew();
    let what = format!("error={error}");
    let Disturbed { ended, hit, looked, mute } =
        aim.at(&study.command(RESULTS), &what, lasting).run();
    // Each thread counts for itself, and one of them loads libraries before there is a program.
    if ended.code() == Some(127) {
        return Ok(());
    }
    if !hit {
        // Something else was met, or nothing was.
        return if ended.panicked() { Err(format!("{aim}: {ended}")) } else { Ok(()) };
    }
    let shown = format!("{error} at {aim}{}", if lasting { " and after" } else { "" });
    let told = judge(study, &ended, mute, aim.matters() && !looked);
    tally.count(if ended.success() { "ended well" } else { "refused and gone on" });
    told.map_err(|problem| format!("{shown}: {problem}"))?;
    study
        .goes_on(RESULTS)
        .map_err(|problem| format!("{shown}, then {problem}; before: {ended}"))?;
    Ok(())
}

/// What the disturbed run has to have done. It need not tell of a file that it could not look into, if all ends well.
fn judge(study: &Study, ended: &Ended, mute: bool, matters: bool) -> Result<(), String> {
    if ended.success() {
        study.is_whole(RESULTS)?;
        return match matters && !mute && !ended.said.contains("os error") {
            true => Err(format!("not a word about it: {ended}")),
            false => Ok(()),
        };
    }
    if mute && ended.code() == Some(1) && !ended.panicked() {
        return Ok(());
    }
    // The folder that holds both is where their names are.
    let at_fault = ["cache", "cannot sync ."].into_iter().find(|name| ended.said.contains(name));
    ended.refuses(at_fault.unwrap_or(RESULTS))
}
