//! Devices that fail, simulated where training tells of itself: what panics there ends as what panics in a device does.

use isoflop_ledger::{Contents, read};
use isoflop_plan::{Config, DataFacts, Grid};

use super::stack::Next;
use crate::events::{Observer, Update};
use crate::run::{End, RunOptions, run};
use crate::stop::Never;

const STUDY: &str = r#"
    [data]
    source = "synthetic"
    valid_tokens = 2048
    [model]
    context = 32
    [grid]
    budgets = [2e9]
    widths = [16]
    seeds = [0, 1, 2, 3]
    [train]
    batch_tokens = 256
    stack = 4
    [device]
    name = "cpu"
    [fit]
    bootstrap = 50
"#;

/// A device that fails so many times, with these words, as soon as a stack is ready.
struct Failing {
    times: usize,
    words: &'static str,
    warnings: Vec<String>,
}

impl Observer for Failing {
    fn tell(&mut self, update: &Update) {
        match update {
            Update::StackReady { .. } if self.times > 0 => {
                self.times -= 1;
                panic!("{}", self.words);
            }
            Update::Warning { text } => self.warnings.push((*text).to_owned()),
            _ => {}
        }
    }
}

/// Cells that failed, what the folder holds, and the warnings.
fn study(times: usize, words: &'static str) -> (usize, Contents, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::parse(STUDY, "a.toml").unwrap();
    config.study.results = folder.path().join("results");
    let mut observer = Failing { times, words, warnings: Vec::new() };
    let end = run(config, &RunOptions::default(), &mut observer, &Never).unwrap();
    let End::Done { failed, .. } = end else { panic!("it was not asked to stop") };
    (failed, read(&folder.path().join("results")).unwrap(), observer.warnings)
}

#[test]
fn a_stack_that_is_too_large_is_halved_and_told() {
    let (_, whole, _) = study(0, "");
    assert_eq!(whole.records[0].run.stack_width, 4);
    let (failed, halved, warnings) = study(1, "Out of memory");
    assert_eq!(failed, 0);
    assert_eq!(halved.deterministic_jsonl(), whole.deterministic_jsonl());
    assert!(halved.records.iter().all(|record| record.run.stack_width == 2));
    assert!(
        warnings.iter().any(|text| text.contains("two stacks of half the width")),
        "{warnings:?}"
    );
}

#[test]
fn what_fails_alone_is_recorded_as_failed() {
    let (failed, contents, _) = study(100, "cannot allocate 12 GiB");
    assert_eq!((failed, contents.records.len()), (4, 4));
    assert!(contents.records.iter().all(|record| record.result.status.word() == "failed"));
}

#[test]
fn a_failure_of_another_kind_is_tried_once_more_and_not_halved() {
    let (failed, contents, warnings) = study(1, "a hiccup");
    assert_eq!(failed, 0);
    assert!(contents.records.iter().all(|record| record.run.stack_width == 4));
    assert!(warnings.iter().any(|text| text.contains("tried once more")), "{warnings:?}");
    let (failed, _, warnings) = study(2, "an assertion");
    assert_eq!(failed, 4);
    assert!(warnings.iter().any(|text| text.contains("an assertion")), "{warnings:?}");
}

#[test]
fn what_is_done_follows_from_what_the_device_says() {
    let config = Config::parse(STUDY, "a.toml").unwrap();
    let facts = DataFacts {
        vocab: 64,
        train_tokens: None,
        data_sha256: "00".repeat(32),
        bytes_per_token: None,
    };
    let stack = Grid::build(&config, &facts).unwrap().stacks.remove(0);
    let halves = || stack.halves(|_| true);
    let gone = || Err("Parent device is lost".to_owned());
    assert!(matches!(Next::after("x", gone(), halves(), 1), Next::Leave(_)));
    assert!(matches!(Next::after("BufferTooBig", Ok(()), halves(), 0), Next::Halve(_)));
    assert_eq!(Next::after("out of memory", Ok(()), None, 1), Next::Again);
    assert_eq!(Next::after("out of memory", Ok(()), None, 0), Next::Fail);
    assert_eq!(Next::after("a hiccup", Ok(()), halves(), 1), Next::Again);
    assert_eq!(Next::after("a hiccup", Ok(()), halves(), 0), Next::Fail);
}
