//! `[fit]`: how the results are fitted. Nothing here touches a training run.

use crate::Convention;

use super::key::{Effect::Fit, Key, key};
use super::takes::{from_below, number, whole, whole_from, words};
use super::value::Word;

/// Resolved `[fit]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct FitConfig {
    /// How N and C are counted in the fits that stand first; all the others are reported too.
    pub convention: Convention,
    pub bootstrap: usize,
    /// Level of the intervals, such as .95.
    pub confidence: f64,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self { convention: Convention::Exact, bootstrap: 1000, confidence: 0.95, seed: 0 }
    }
}

#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("convention", words(Convention::NAMES), "\"6nd-total\"",
        "how N and C are counted in the fits that come first in the report", Fit,
        |c| Some(&mut c.fit.convention)),
    key("bootstrap", whole(0, 1_000_000, "resamples"), "1000",
        "bootstrap resamples", Fit, |c| Some(&mut c.fit.bootstrap)),
    key("confidence", number(from_below(0.5, 1.0), ""), "0.95",
        "level of the intervals", Fit, |c| Some(&mut c.fit.confidence)),
    key("seed", whole_from(0, ""), "0",
        "seed of the bootstrap", Fit, |c| Some(&mut c.fit.seed)),
];
