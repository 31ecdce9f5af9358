//! What a long fit is doing, on stderr.

use std::time::{Duration, Instant};

use crate::cli::OutputArgs;
use crate::print;

/// A fit that is done sooner says nothing.
const PATIENCE: Duration = Duration::from_secs(5);

/// Says what is being done, once it takes long.
pub struct FitProgress {
    begun: Instant,
    quiet: bool,
    json: bool,
}

impl FitProgress {
    /// From here on.
    pub fn new(output: &OutputArgs) -> Self {
        Self { begun: Instant::now(), quiet: output.quiet, json: output.json }
    }

    /// Hears what is being done.
    pub fn tell(&self, what: &str) {
        let seconds = self.begun.elapsed();
        if self.quiet || seconds < PATIENCE {
            return;
        }
        let seconds = seconds.as_secs();
        if self.json {
            let line = serde_json::json!({ "event": "fit", "doing": what, "seconds": seconds });
            print::say(&line.to_string());
        } else {
            print::say(&format!("fitting, after {seconds} s: {what}"));
        }
    }
}
