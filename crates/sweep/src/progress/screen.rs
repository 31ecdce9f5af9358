//! Ways of showing updates.

use super::update::Update;
use crate::print;

/// A way of showing updates. All write to stderr: stdout is for results.
pub trait Screen {
    /// Shows an update, or leaves it out where it would be too much.
    fn show(&mut self, update: &Update);

    /// Takes moving things off the terminal.
    fn clear(&mut self) {}
}

/// Warnings only.
pub struct Quiet;

impl Screen for Quiet {
    fn show(&mut self, update: &Update) {
        if let Update::Warning { text } = update {
            print::say(&format!("warning: {text}"));
        }
    }
}
