//! What a person, a log or a program is told while a command works. Writes to stderr only: stdout is for results.

mod bars;
mod fit;
mod json;
mod plain;

use std::io::IsTerminal;

pub use fit::FitProgress;
use isoflop::{Observer, Update};

use crate::cli::OutputArgs;

/// Bars where both streams are terminals, plain lines elsewhere, JSON or next to nothing where asked for.
pub fn observer(output: &OutputArgs) -> Box<dyn Observer> {
    let terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
    if output.json && output.quiet {
        Box::new(Quiet(json::Json::default()))
    } else if output.json {
        Box::new(json::Json::default())
    } else if output.quiet {
        Box::new(Quiet(plain::Plain::default()))
    } else if terminal {
        Box::new(bars::Bars::default())
    } else {
        Box::new(plain::Plain::default())
    }
}

/// Passes warnings on and nothing else.
struct Quiet<O>(O);

impl<O: Observer> Observer for Quiet<O> {
    fn tell(&mut self, update: &Update) {
        if matches!(update, Update::Warning { .. }) {
            self.0.tell(update);
        }
    }
}
