//! How many disturbances there are, and what came of them.
//!
//! `ISOFLOP_FAULTS=long` takes the long form, a number as many of each kind. `ISOFLOP_FAULTS_OUT` is a folder for the figures,
//! a file for each kind. `ISOFLOP_FAULTS_SEED` takes another seed than the fixed ones.

use std::collections::BTreeMap;
use std::time::Instant;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Failures that are shown; all of them are counted.
const SHOWN: usize = 20;

/// The record of one kind of disturbance.
pub struct Tally {
    kind: &'static str,
    must: &'static str,
    number: usize,
    seed: u64,
    begun: Instant,
    outcomes: BTreeMap<String, usize>,
    failures: Vec<String>,
}

impl Tally {
    /// `must` says in words what has to hold.
    pub fn new(
        kind: &'static str,
        must: &'static str,
        seed: u64,
        short: usize,
        long: usize,
    ) -> Self {
        let number = match std::env::var("ISOFLOP_FAULTS").as_deref() {
            Err(_) | Ok("") => short,
            Ok("long") => long,
            Ok(number) => number.parse().expect("ISOFLOP_FAULTS is `long` or a number"),
        };
        let seed = std::env::var("ISOFLOP_FAULTS_SEED")
            .map_or(seed, |seed| seed.parse().expect("ISOFLOP_FAULTS_SEED is a number"));
        println!("{kind}: {number}, seed {seed}");
        let (outcomes, failures) = (BTreeMap::new(), Vec::new());
        Self { kind, must, number, seed, begun: Instant::now(), outcomes, failures }
    }

    /// How many disturbances are wanted.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The generator of one part, so that it may be repeated by itself.
    pub fn random(&self, part: usize) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(part as u64);
        random
    }

    /// Disturbances so far.
    pub fn done(&self) -> usize {
        self.outcomes.values().sum()
    }

    /// One more disturbance, and what came of it.
    pub fn count(&mut self, outcome: &str) {
        *self.outcomes.entry(outcome.to_owned()).or_default() += 1;
        if self.done().is_multiple_of(50) {
            println!("{}: {} after {:.0?}", self.kind, self.done(), self.begun.elapsed());
        }
    }

    /// What had to hold and did not.
    pub fn fail(&mut self, what: String) {
        println!("{}: FAILED: {what}", self.kind);
        self.failures.push(what);
    }

    /// Writes the figures where they are asked for, and fails if anything did.
    pub fn end(self) {
        let outcomes: Vec<String> =
            self.outcomes.iter().map(|(outcome, number)| format!("{number} {outcome}")).collect();
        println!(
            "{}: {} in {:.0?}: {}",
            self.kind,
            self.done(),
            self.begun.elapsed(),
            outcomes.join(", ")
        );
        if let Some(folder) = std::env::var_os("ISOFLOP_FAULTS_OUT") {
            let json = serde_json::json!({
                "kind": self.kind,
                "must": self.must,
                "seed": self.seed,
                "number": self.done(),
                "outcomes": self.outcomes,
                "failed": self.failures.len(),
                "seconds": self.begun.elapsed().as_secs(),
            });
            let file = format!("{}.json", self.kind.replace(' ', "-"));
            let path = std::path::Path::new(&folder).join(file);
            std::fs::write(&path, format!("{json:#}\n")).unwrap();
        }
        assert!(
            self.failures.is_empty(),
            "{}, seed {}: {} of {} failed:\n{}",
            self.kind,
            self.seed,
            self.failures.len(),
            self.done(),
            self.failures[..self.failures.len().min(SHOWN)].join("\n")
        );
        assert!(self.done() >= self.number, "{}: {} of {}", self.kind, self.done(), self.number);
    }
}
