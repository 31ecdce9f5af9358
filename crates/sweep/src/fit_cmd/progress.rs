//! What a long fit is doing, on stderr.

use std::time::{Duration, Instant};

use crate::cli::OutputArgs;

/// A fit that is done sooner says nothing.
const PATIENCE: Duration = Duration::from_secs(5);

/// Says what is being done, once it takes long.
pub struct Progress {
    begun: Instant,
    quiet: bool,
    json: bool,
}

impl Progress {
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
            say(&line.to_string());
        } else {
            say(&format!("fitting, after {seconds} s: {what}"));
        }
    }
}

/// A closed stderr is no reason to stop.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
