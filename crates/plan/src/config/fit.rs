//! `[fit]`: how the results are fitted. Nothing here touches a training run.

use crate::Convention;

use super::entries::{Entries, quoted};
use super::grid::CONVENTIONS;
use super::range::from_below;
use super::section::Section;

/// Resolved `[fit]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct FitConfig {
    /// How N and C are counted in the fits that stand first; all the others are reported too.
    pub convention: Convention,
    /// Bootstrap resamples.
    pub bootstrap: usize,
    /// Level of the intervals, such as .95.
    pub confidence: f64,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl FitConfig {
    pub(crate) fn read(s: Section<'_>) -> Self {
        let config = Self {
            convention: s.choice("convention", CONVENTIONS).unwrap_or(Convention::Exact),
            bootstrap: s.whole("bootstrap", 0..=1_000_000).unwrap_or(1000) as usize,
            confidence: s.number("confidence", from_below(0.5, 1.0)).unwrap_or(0.95),
            seed: s.whole("seed", 0..=i64::MAX as u64).unwrap_or(0),
        };
        s.finish();
        config
    }

    pub(crate) fn entries(&self) -> Entries {
        let mut e = Entries::new("fit");
        e.put("convention", quoted(self.convention.name()));
        e.put("bootstrap", self.bootstrap.to_string());
        e.number("confidence", self.confidence);
        e.put("seed", self.seed.to_string());
        e
    }
}
