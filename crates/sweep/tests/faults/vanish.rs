//! What a study writes to is taken away under it: never `done` without a ledger, and nothing lost that was in memory.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::studies::{Kind, Process, RESULTS, Study};
use crate::tally::Tally;

/// What happens to the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    FolderRemoved,
    FolderMoved,
    FolderEmptied,
    OtherStudyInItsPlace,
    LedgerRemoved,
    LedgerMoved,
    CopyInPlaceOfLedger,
    OtherLedgerInItsPlace,
    CheckpointsRemoved,
    LockRemoved,
}

const LOSSES: [Loss; 10] = [
    Loss::FolderRemoved,
    Loss::LedgerRemoved,
    Loss::FolderMoved,
    Loss::LockRemoved,
    Loss::FolderEmptied,
    Loss::CopyInPlaceOfLedger,
    Loss::OtherStudyInItsPlace,
    Loss::CheckpointsRemoved,
    Loss::LedgerMoved,
    Loss::OtherLedgerInItsPlace,
];

#[test]
fn what_vanishes_is_missed() {
    let must = "an error that names the folder and where the records are now, from which the study goes on; never `done` without a ledger";
    let mut tally = Tally::new("vanished folders and files", must, 41, 10, 50);
    let studies = Kind::ALL.map(Study::new);
    let mut attempt = 0;
    while tally.done() < tally.number() {
        let mut random = tally.random(attempt);
        let loss = LOSSES[tally.done() % LOSSES.len()];
        let study = &studies[attempt % studies.len()];
        let other = &studies[(attempt + 1) % studies.len()];
        match vanish(study, other, loss, &mut random) {
            Ok(Some(outcome)) => tally.count(outcome),
            // It was over before.
            Ok(None) => {}
            Err(problem) => {
                tally.count("failed");
                tally.fail(format!("{:?}, part {attempt}, {loss:?}: {problem}", study.kind));
            }
        }
        attempt += 1;
        assert!(attempt < 20 * tally.number(), "the studies end too soon");
    }
    tally.end();
}

fn vanish(
    study: &Study,
    other: &Study,
    loss: Loss,
    random: &mut ChaCha8Rng,
) -> Result<Option<&'static str>, String> {
    clean(study);
    let results = study.bench.path(RESULTS);
    let mut process = Process::start(study.command(RESULTS));
    let begun = Instant::now();
    while !results.join("ledger.jsonl").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no ledger after a minute");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(random.random_range(Duration::ZERO..study.seconds));
    if process.is_over() {
        return Ok(None);
    }
    let known = study.ended_cells(RESULTS)?;
    inflict(loss, study, other);
    if loss == Loss::LockRemoved {
        return second_writer(study, process);
    }
    let ended = process.wait();
    if matches!(loss, Loss::OtherStudyInItsPlace | Loss::OtherLedgerInItsPlace) {
        is_untouched(&results.join("ledger.jsonl"), &other.bench.path("whole/ledger.jsonl"))?;
    }
    if ended.success() {
        return match study.is_whole(RESULTS) {
            Ok(()) => Ok(Some("ended well, with its ledger")),
            Err(problem) => Err(format!("it said done, and {problem}")),
        };
    }
    ended.refuses(RESULTS)?;
    if loss == Loss::CheckpointsRemoved {
        // One was about to be written. The ledger is where it was.
        study.goes_on(RESULTS).map_err(|problem| format!("{problem}; before: {ended}"))?;
        return Ok(Some("told, and gone on"));
    }
    match rescued(study) {
        Some(folder) => {
            if !ended.said.contains(&folder) {
                return Err(format!("{folder} is not named: {ended}"));
            }
            let found = study.ended_cells(&folder)?;
            let lost = known.iter().filter(|cell| !found.contains(cell)).count();
            if lost > 0 {
                return Err(format!("{lost} of {} records are not in {folder}", known.len()));
            }
            study.goes_on(&folder).map_err(|problem| format!("{problem}; before: {ended}"))?;
            Ok(Some("told, with the records beside, and gone on from there"))
        }
        None if known.is_empty() => Ok(Some("told; there were no records yet")),
        None => Err(format!("{} records are nowhere: {ended}", known.len())),
    }
}

fn inflict(loss: Loss, study: &Study, other: &Study) {
    let results = study.bench.path(RESULTS);
    let ledger = results.join("ledger.jsonl");
    let (moved, aside) = (study.bench.path("moved"), study.bench.path("aside"));
    match loss {
        Loss::FolderRemoved => remove_all(&results),
        Loss::FolderMoved => std::fs::rename(&results, &moved).unwrap(),
        Loss::FolderEmptied => {
            std::fs::rename(&results, &moved).unwrap();
            std::fs::create_dir(&results).unwrap();
        }
        Loss::OtherStudyInItsPlace => {
            copy_folder(&other.bench.path("whole"), &aside);
            std::fs::rename(&results, &moved).unwrap();
            std::fs::rename(&aside, &results).unwrap();
        }
        Loss::LedgerRemoved => std::fs::remove_file(&ledger).unwrap(),
        Loss::LedgerMoved => std::fs::rename(&ledger, &moved).unwrap(),
        Loss::CopyInPlaceOfLedger => {
            std::fs::copy(&ledger, &aside).unwrap();
            std::fs::rename(&aside, &ledger).unwrap();
        }
        Loss::OtherLedgerInItsPlace => {
            std::fs::copy(other.bench.path("whole/ledger.jsonl"), &aside).unwrap();
            std::fs::rename(&aside, &ledger).unwrap();
        }
        Loss::CheckpointsRemoved => remove_all(&results.join("checkpoints")),
        Loss::LockRemoved => std::fs::remove_file(results.join("ledger.lock")).unwrap(),
    }
}

/// The lock is gone, and a second process comes: one of the two has to notice.
fn second_writer(study: &Study, mut first: Process) -> Result<Option<&'static str>, String> {
    let second = Process::start(study.command(RESULTS));
    std::thread::sleep(Duration::from_millis(200));
    if first.is_over() {
        return Ok(None);
    }
    let (first, second) = (first.wait(), second.wait());
    if first.success() && second.success() {
        return Err("two processes wrote to one folder, and neither said a word".into());
    }
    for ended in [&first, &second].into_iter().filter(|ended| !ended.success()) {
        ended.refuses(RESULTS)?;
    }
    let folder = if first.success() || second.success() {
        RESULTS.to_owned()
    } else {
        rescued(study).unwrap_or_else(|| RESULTS.to_owned())
    };
    let both = || format!("the first: {first}; the second: {second}");
    study.goes_on(&folder).map_err(|problem| format!("{problem}; {}", both()))?;
    Ok(Some("a second writer was noticed"))
}

/// Name of the folder that was written beside the one that is gone.
fn rescued(study: &Study) -> Option<String> {
    let entries = std::fs::read_dir(study.bench.path("")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.into_iter().find(|name| name.starts_with(&format!("{RESULTS}.")))
}

fn is_untouched(found: &Path, original: &Path) -> Result<(), String> {
    let same = std::fs::read(found).ok() == std::fs::read(original).ok();
    if same { Ok(()) } else { Err("the other study's ledger was written to".into()) }
}

fn clean(study: &Study) {
    study.begins_anew();
    for name in ["moved", "aside"].map(str::to_owned).into_iter().chain(rescued(study)) {
        let path = study.bench.path(&name);
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Removes a folder that a process may be writing to.
fn remove_all(path: &PathBuf) {
    let begun = Instant::now();
    while path.exists() && std::fs::remove_dir_all(path).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(5), "{} stays", path.display());
    }
}

pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_folder(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}
