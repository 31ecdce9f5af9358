//! Where the time of a sweep went: what steps take is the work, the rest is overhead.

use std::time::Instant;

use isoflop_ledger::{Record, RunInfo, Status};

use crate::events::Share;

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
        self.parts.push(Share { part, seconds: self.began.elapsed().as_secs_f64() - before });
    }

    /// As [`Clock::lap`] for training that gave these records: steps, evaluation and what neither of them is. Records of
    /// resumed cells count the time of earlier processes too, and those of failed ones none, so with one of them it stays a single
    /// part.
    pub fn lap_training(&mut self, records: &[Record]) {
        self.lap("training");
        let whole = self.parts.pop().map_or(0.0, |part| part.seconds);
        self.parts.extend(split(whole, of_records(records)));
    }

    /// The parts, in their order.
    pub fn parts(&self) -> &[Share] {
        &self.parts
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

fn split(whole: f64, training: Option<Training>) -> Vec<Share> {
    let Some(Training { steps, evaluation }) = training else {
        return vec![Share { part: "training", seconds: whole }];
    };
    vec![
        Share { part: "steps", seconds: steps },
        Share { part: "evaluation", seconds: evaluation },
        Share { part: "rest of training", seconds: whole - steps - evaluation },
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
        clock.lap_training(&[]);
        clock.lap("report");
        let names: Vec<_> = clock.parts().iter().map(|share| share.part).collect();
        assert_eq!(names, ["data", "steps", "evaluation", "rest of training", "report"]);
        let seconds = |index: usize| clock.parts()[index].seconds;
        assert_eq!((seconds(1), seconds(2)), (0.0, 0.0));
        assert!(seconds(3) >= 0.02 && seconds(0) < seconds(3), "{:?}", clock.parts());
        let sum: f64 = clock.parts().iter().map(|share| share.seconds).sum();
        assert!(sum <= clock.began.elapsed().as_secs_f64());
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
        assert_eq!(split(3.0, None), [Share { part: "training", seconds: 3.0 }]);
        let known = split(3.0, Some(Training { steps: 2.0, evaluation: 0.5 }));
        assert_eq!(known.iter().map(|share| share.seconds).collect::<Vec<_>>(), [2.0, 0.5, 0.5]);
    }
}
