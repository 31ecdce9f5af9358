//! What training takes besides steps and evaluations.

use std::collections::BTreeMap;

use isoflop_train::Overhead;

use crate::events::Share;

/// Seconds of workers, by what they went to.
#[derive(Debug, Default)]
pub(crate) struct Overheads {
    workers: usize,
    seconds: BTreeMap<&'static str, f64>,
}

impl Overheads {
    /// Of so many workers; nothing yet.
    pub(crate) fn of(workers: usize) -> Self {
        Self { workers, seconds: BTreeMap::new() }
    }

    /// What the training of a stack says of itself.
    pub(crate) fn add(&mut self, on: Overhead, seconds: f64) {
        let part = match on {
            Overhead::TakingUp => "taking up stacks",
            Overhead::Checking => "checking products",
            Overhead::Checkpoint => "checkpoints",
            Overhead::Regrouping => "regrouping replicas",
        };
        self.add_part(part, seconds);
    }

    /// Records put on the disk.
    pub(crate) fn add_records(&mut self, seconds: f64) {
        self.add_part("records", seconds);
    }

    /// The terminal or the log told of progress, the wait for one's turn included.
    pub(crate) fn add_telling(&mut self, seconds: f64) {
        self.add_part("telling progress", seconds);
    }

    /// Workers without a stack, while the last ones train.
    pub(crate) fn add_waiting(&mut self, seconds: f64) {
        self.add_part("waiting for the last stacks", seconds);
    }

    /// The parts of `whole` seconds of the clock, the largest first; what none of them is went by between steps. A second of one
    /// of two workers is half a second of the clock.
    pub(crate) fn parts_of(&self, whole: f64) -> Vec<Share> {
        let workers = self.workers.max(1) as f64;
        let known = self.seconds.iter().map(|(part, seconds)| Share::new(part, seconds / workers));
        let mut parts: Vec<Share> = known.collect();
        let between = whole - parts.iter().map(|part| part.seconds).sum::<f64>();
        parts.push(Share::new("between steps", between));
        parts.retain(|part| part.seconds > 0.0);
        parts.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        parts
    }

    fn add_part(&mut self, part: &'static str, seconds: f64) {
        *self.seconds.entry(part).or_default() += seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_first_and_what_is_left_between_steps() {
        let mut overheads = Overheads::of(2);
        overheads.add(Overhead::Checkpoint, 1.0);
        overheads.add(Overhead::Checkpoint, 1.0);
        overheads.add_waiting(4.0);
        overheads.add_records(0.0);
        let parts = overheads.parts_of(3.5);
        let named: Vec<_> = parts.iter().map(|part| (part.part, part.seconds)).collect();
        assert_eq!(
            named,
            [("waiting for the last stacks", 2.0), ("checkpoints", 1.0), ("between steps", 0.5)]
        );
    }

    #[test]
    fn nothing_is_left_where_clocks_disagree() {
        let mut overheads = Overheads::of(1);
        overheads.add(Overhead::TakingUp, 1.0);
        assert_eq!(overheads.parts_of(0.999).len(), 1);
    }
}
