//! The power is cut: what was reported as on the disk is there, and the study goes on to the same results.

use std::path::Path;

use rand::Rng;

use crate::aims::recorded;
use crate::steps::{Step, What, replay};
use crate::studies::{Kind, RESULTS, Study};
use crate::tally::Tally;
use crate::trace;
use crate::volume::Tree;

#[test]
fn a_power_cut_loses_nothing_that_was_reported() {
    if !trace::available() {
        return;
    }
    let must =
        "records that were reported as written are there, and the run goes on to the same ledger";
    let mut tally = Tally::new("power cuts", must, 5, 21, 200);
    let each = tally.number().div_ceil(Kind::ALL.len());
    for (place, kind) in Kind::ALL.into_iter().enumerate() {
        let study = Study::new(kind);
        let steps = recorded(&study);
        assert!(steps.iter().any(|step| matches!(step.what, What::Sync { .. })));
        for cut in 0..each {
            let part = place * 10_000 + cut;
            let mut random = tally.random(part);
            let until = random.random_range(0..=steps.len());
            let done = &steps[..until];
            let tree = replay(done).cut(&mut random);
            tally.count("cut");
            if let Err(problem) = survives(&study, done, &tree) {
                let last = done.last().map(|step| (&step.call, &step.path));
                tally.fail(format!("{kind:?}, part {part}, after {until} ({last:?}): {problem}"));
            }
        }
    }
    tally.end();
}

/// Goes on from what a cut left.
fn survives(study: &Study, done: &[Step], tree: &Tree) -> Result<(), String> {
    let there = study.again();
    for (path, bytes) in tree {
        let path = there.bench.path(path.to_str().expect("UTF-8"));
        match bytes {
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
            None => std::fs::create_dir(path).unwrap(),
        }
    }
    let reported = reported(done);
    let found = there.ended_cells(RESULTS)?;
    let lost = reported.iter().filter(|cell| !found.contains(cell)).count();
    if lost > 0 {
        return Err(format!("{lost} of {} records that were reported are lost", reported.len()));
    }
    there.goes_on(RESULTS).map(|_| ())
}

/// The records whose writing had returned: those in front of the last sync of the ledger that had ended.
fn reported(done: &[Step]) -> Vec<String> {
    let ledger = Path::new(RESULTS).join("ledger.jsonl");
    let of_ledger = || done.iter().filter(|step| step.path == ledger);
    let is_sync = |step: &&Step| matches!(step.what, What::Sync { .. });
    let Some(synced) = of_ledger().filter(is_sync).map(|step| step.began).max() else {
        return Vec::new();
    };
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = of_ledger()
        .filter(|step| step.ended < synced)
        .filter_map(|step| match &step.what {
            What::Write { bytes, .. } => Some(bytes.to_vec()),
            _ => None,
        })
        .flatten()
        .collect();
    std::fs::write(folder.path().join("ledger.jsonl"), bytes).unwrap();
    let contents = isoflop_ledger::read(folder.path()).unwrap();
    contents.deterministic_jsonl().lines().map(str::to_owned).collect()
}
