//! The power is cut: what was reported as on the disk is there, and the study goes on to the same results.

use std::process::Command;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::steps::{Step, What, recorded, replay};
use crate::studies::{Kind, RESULTS, Study};
use crate::tally::Tally;
use crate::trace;
use crate::volume::Tree;

#[test]
fn a_power_cut_loses_nothing_that_was_reported() {
    if !trace::available() {
        return;
    }
    let must = "records whose cells were reported as done are there, and the run goes on to the same ledger";
    let mut tally = Tally::new("power cuts", must, 5, 21, 200);
    let each = tally.number().div_ceil(Kind::ALL.len());
    for (place, kind) in Kind::ALL.into_iter().enumerate() {
        let study = Study::new(kind);
        study.begins_anew();
        let steps = recorded(&telling(&study));
        assert_eq!(reported(&study, &steps).len(), study.whole.lines().count());
        let until = tally.done() + each;
        let mut number = 0;
        while tally.done() < until {
            let part = place * 10_000 + number;
            let mut random = tally.random(part);
            // Every fourth time the power goes again while the study goes on.
            let cuts = if number % 4 == 3 { 2 } else { 1 };
            if let Err(problem) = cut(&study, &steps, cuts, &mut random, &mut tally) {
                tally.fail(format!("{kind:?}, part {part}: {problem}"));
            }
            number += 1;
        }
    }
    tally.end();
}

/// Cuts the power at a moment by chance, as often as is asked for, and goes on.
fn cut(
    study: &Study,
    first: &[Step],
    cuts: usize,
    random: &mut ChaCha8Rng,
    tally: &mut Tally,
) -> Result<(), String> {
    let (mut steps, mut tree, mut known) = (first.to_vec(), Tree::new(), Vec::new());
    let mut history = Vec::new();
    for again in 0..cuts {
        let until = moment(&steps, random);
        let done = &steps[..until];
        if let Some(Step { call, path, .. }) = done.last() {
            history.push(format!("cut after {until}, {call} of {}", path.display()));
        }
        let shown = |problem: String| format!("{}: {problem}", history.join(", "));
        tree = replay(&tree, done).cut(random);
        tally.count(if again == 0 { "cut while it trained" } else { "cut again while it went on" });
        let there = restored(study, &tree);
        let found = there.ended_cells(RESULTS).map_err(shown)?;
        known.extend(reported(study, done));
        known.sort();
        known.dedup();
        let lost = known.iter().filter(|cell| !found.contains(cell)).count();
        if lost > 0 {
            let all = known.len();
            return Err(shown(format!("{lost} of {all} records that were reported are lost")));
        }
        // What is read after a cut is on the disk.
        known = found;
        if again + 1 == cuts {
            return there.goes_on(RESULTS).map(|_| ()).map_err(shown);
        }
        steps = recorded(&telling(&there));
    }
    Ok(())
}

/// How many of the steps come before a cut: often it falls between a write, or a write of the ledger, and the sync behind it.
fn moment(steps: &[Step], random: &mut ChaCha8Rng) -> usize {
    let behind = |matters: &dyn Fn(&Step) -> bool| -> Vec<usize> {
        (1..=steps.len()).filter(|&until| matters(&steps[until - 1])).collect()
    };
    let is_write = |step: &Step| matches!(step.what, What::Write { .. });
    let moments = match random.random_range(0..3) {
        0 => behind(&|step| is_write(step) && step.path.ends_with("ledger.jsonl")),
        1 => behind(&is_write),
        _ => Vec::new(),
    };
    moments.choose(random).copied().unwrap_or_else(|| random.random_range(0..=steps.len()))
}

/// The study as a cut left it.
fn restored(study: &Study, tree: &Tree) -> Study {
    let there = study.again();
    for (path, bytes) in tree {
        let path = there.bench.path(path.to_str().expect("UTF-8"));
        match bytes {
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
            None => std::fs::create_dir(path).unwrap(),
        }
    }
    there
}

fn telling(study: &Study) -> Command {
    study.bench.command(&["--config", "tiny.toml", "--results", RESULTS, "--json"])
}

/// The cells that were said to be done, as lines of the undisturbed ledger.
fn reported(study: &Study, done: &[Step]) -> Vec<String> {
    let said = done.iter().filter_map(|step| match &step.what {
        What::Say { text } => serde_json::from_str::<serde_json::Value>(text).ok(),
        _ => None,
    });
    let line_of = |event: serde_json::Value| {
        let id = format!("\"id\":{}", event["id"]);
        let line = study.whole.lines().find(|line| line.contains(&id));
        line.expect("a cell of the study").to_owned()
    };
    said.filter(|event| event["event"] == "cell").map(line_of).collect()
}
