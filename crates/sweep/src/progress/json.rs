//! One JSON object per line on stderr, for programs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::print;
use isoflop::{Observer, Update};

/// Least time between two updates of one stack, or of the preparation of data, that only tell how far things are.
const INTERVAL: Duration = Duration::from_secs(1);

/// Writes every update as a line of JSON.
#[derive(Default)]
pub struct Json {
    /// When each last spoke, by the stack's id; that of data is empty.
    last: BTreeMap<String, Instant>,
}

impl Observer for Json {
    fn tell(&mut self, update: &Update) {
        // What a person waits for, a program need not know.
        if matches!(update, Update::Testing { .. } | Update::Tested | Update::Compiling { .. }) {
            return;
        }
        let speaker = match update {
            Update::Step { stack, .. } => Some(stack.id),
            Update::Preparing { .. } => Some(""),
            _ => None,
        };
        if let Some(speaker) = speaker {
            if self.last.get(speaker).is_some_and(|last| last.elapsed() < INTERVAL) {
                return;
            }
            self.last.insert(speaker.to_owned(), Instant::now());
        }
        if let Update::StackEnded { stack, .. } = update {
            self.last.remove(stack.id);
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
            seconds: 2.0,
            seconds_left: None,
        };
        let update = Update::Step {
            stack: StackName { id: "ab", label: "L2 d64", device: Some("cpu") },
            step: 3,
            steps: 9,
            loss_nats: &[2.5, f64::NAN],
            smoothed_loss_nats: &[2.75, f64::NAN],
            done_flops: 5e8,
            tokens_per_second: 100.0,
            overall,
        };
        let value: serde_json::Value = serde_json::from_str(&line(&update)).unwrap();
        assert_eq!(value["event"], "step");
        assert_eq!(value["stack"]["label"], "L2 d64");
        assert_eq!(value["stack"]["device"], "cpu");
        assert_eq!(value["loss_nats"][0], 2.5);
        assert!(value["loss_nats"][1].is_null());
        assert_eq!(value["smoothed_loss_nats"][0], 2.75);
        assert!(value["overall"]["seconds_left"].is_null());
    }
}
