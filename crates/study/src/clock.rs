//! Where the time of a sweep went: what steps take is the work, the rest is overhead.

use std::time::Instant;

use isoflop_ledger::{Record, RunInfo, Status};

use crate::events::Share;
use crate::overheads::Overheads;

/// What is neither a step nor an evaluation is broken down where it takes more than this share of the whole.
const WORTH_TELLING: f64 = 0.02;

/// Keeps the seconds of the parts of a sweep, one after the other.
pub struct Clock {
    began: Instant,
    parts: Vec<Share>,
}

/// Seconds of the device, over all places at which stacks train.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Training {
    steps: f64,
    evaluation: f64,
}

impl Clock {
    /// Starts with the first part.
    pub fn start() -> Self {
        Self { began: Instant::now(), parts: Vec::new() }
    }

    /// What was done since the last part, or the start, was this.
    pub fn lap(&mut self, part: &'static str) {
        let before: f64 = self.parts.iter().map(|part| part.seconds).sum();
        self.parts.push(Share::new(part, self.began.elapsed().as_secs_f64() - before));
    }

    /// As [`Clock::lap`] for training that gave these records: steps, evaluation and what neither of them is. Records of
    /// resumed cells count the time of earlier processes too, and those of failed ones none, so with one of them it stays a single
    /// part.
    pub fn lap_training(&mut self, records: &[Record], overheads: &Overheads) {
        self.lap("training");
        let whole = self.parts.pop().map_or(0.0, |part| part.seconds);
        self.parts.extend(split(whole, of_records(records), overheads));
    }

    /// Seconds in all and the parts, in their order. Parts of parts only where they are worth telling.
    pub fn end(mut self) -> (f64, Vec<Share>) {
        let seconds = self.parts.iter().map(|part| part.seconds).sum();
        for part in &mut self.parts {
            if part.seconds <= WORTH_TELLING * seconds {
                part.of_it.clear();
            }
        }
        (seconds, self.parts)
    }
}

/// What the records count; `None` if one of them does not tell what this process did.
fn of_records(records: &[Record]) -> Option<Training> {
    let failed = |record: &Record| matches!(record.result.status, Status::Failed { .. });
    if records.iter().any(failed) {
        return None;
    }
    of_runs(records.iter().map(|record| &record.run))
}

fn of_runs<'a>(runs: impl Iterator<Item = &'a RunInfo>) -> Option<Training> {
    let mut sum = Training { steps: 0.0, evaluation: 0.0 };
    for run in runs {
        if run.resumed > 0 {
            return None;
        }
        sum.steps += run.train_seconds * run.device_share;
        sum.evaluation += run.eval_seconds * run.device_share;
    }
    Some(sum)
}

fn split(whole: f64, training: Option<Training>, overheads: &Overheads) -> Vec<Share> {
    let Some(Training { steps, evaluation }) = training else {
        return vec![Share::new("training", whole)];
    };
    let rest = whole - steps - evaluation;
    vec![
        Share::new("steps", steps),
        Share::new("evaluation", evaluation),
        Share { of_it: overheads.parts_of(rest), ..Share::new("rest of training", rest) },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up() {
        let mut clock = Clock::start();
        clock.lap("data");
        std::thread::sleep(std::time::Duration::from_millis(20));
        clock.lap_training(&[], &Overheads::of(1));
        clock.lap("report");
        let began = clock.began;
        let (whole, parts) = clock.end();
        let names: Vec<_> = parts.iter().map(|share| share.part).collect();
        assert_eq!(names, ["data", "steps", "evaluation", "rest of training", "report"]);
        let seconds = |index: usize| parts[index].seconds;
        assert_eq!((seconds(1), seconds(2)), (0.0, 0.0));
        assert!(seconds(3) >= 0.02 && seconds(0) < seconds(3), "{parts:?}");
        assert_eq!(parts[3].of_it, [Share::new("between steps", seconds(3))]);
        let sum: f64 = parts.iter().map(|share| share.seconds).sum();
        assert!(sum == whole && sum <= began.elapsed().as_secs_f64());
    }

    #[test]
    fn a_small_rest_stays_one_figure() {
        for (rest, told) in [(1.9, 0), (2.1, 1)] {
            let known = Some(Training { steps: 98.0 - rest, evaluation: 2.0 });
            let mut clock = Clock::start();
            clock.parts = split(100.0, known, &Overheads::of(2));
            let (seconds, parts) = clock.end();
            assert_eq!((seconds, parts[2].of_it.len()), (100.0, told));
        }
    }

    #[test]
    fn what_is_not_known_is_not_split() {
        let run = |resumed| RunInfo {
            resumed,
            train_seconds: 4.0,
            eval_seconds: 1.0,
            device_share: 0.5,
            ..RunInfo::default()
        };
        let known = Training { steps: 4.0, evaluation: 1.0 };
        assert_eq!(of_runs([run(0), run(0)].iter()), Some(known));
        assert_eq!(of_runs([run(0), run(1)].iter()), None);
        let none = Overheads::of(1);
        assert_eq!(split(3.0, None, &none), [Share::new("training", 3.0)]);
        let known = split(3.0, Some(Training { steps: 2.0, evaluation: 0.5 }), &none);
        assert_eq!(known.iter().map(|share| share.seconds).collect::<Vec<_>>(), [2.0, 0.5, 0.5]);
    }
}
