//! One JSON object per line on stderr, for programs.

use std::time::{Duration, Instant};

use crate::print;
use isoflop::{Observer, Update};

/// Least time between two updates of the kind that only tells how far things are.
const INTERVAL: Duration = Duration::from_secs(1);

/// Writes every update as a line of JSON.
#[derive(Default)]
pub struct Json {
    last: Option<Instant>,
}

impl Observer for Json {
    fn tell(&mut self, update: &Update) {
        // What a person waits for, a program need not know.
        if matches!(update, Update::Testing { .. } | Update::Tested | Update::Compiling { .. }) {
            return;
        }
        if matches!(update, Update::Step { .. } | Update::Preparing { .. }) {
            if self.last.is_some_and(|last| last.elapsed() < INTERVAL) {
                return;
            }
            self.last = Some(Instant::now());
        }
        print::say(&line(update));
    }
}

/// Losses that are no numbers become `null`: JSON has no others.
fn line(update: &Update) -> String {
    serde_json::to_string(update).expect("an update is plain data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use isoflop::{Overall, StackName};

    #[test]
    fn updates_are_tagged_objects() {
        let overall = Overall {
            done_flops: 1e9,
            total_flops: 4e9,
            done_cells: 1,
            total_cells: 3,
            seconds_left: None,
        };
        let update = Update::Step {
            stack: StackName { id: "ab", label: "L2 d64" },
            step: 3,
            steps: 9,
            loss_nats: &[2.5, f64::NAN],
            tokens_per_second: 100.0,
            overall,
        };
        let value: serde_json::Value = serde_json::from_str(&line(&update)).unwrap();
        assert_eq!(value["event"], "step");
        assert_eq!(value["stack"]["label"], "L2 d64");
        assert_eq!(value["loss_nats"][0], 2.5);
        assert!(value["loss_nats"][1].is_null());
        assert!(value["overall"]["seconds_left"].is_null());
    }
}
