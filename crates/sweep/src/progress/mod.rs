//! What a person, a log or a program is told while a command works.

mod bars;
mod forecast;
mod json;
mod plain;
mod screen;
mod training;
mod update;

use std::io::IsTerminal;
use std::time::Instant;

use isoflop_report::number;
use isoflop_train::device::Opening;

use screen::{Quiet, Screen};
pub use training::{CellEnd, StackPlan, Training};
pub use update::{Share, Update};

use crate::cli::OutputArgs;

/// Tells what is going on, in the way that was asked for. Writes to stderr only.
pub struct Progress {
    screen: Box<dyn Screen + Send>,
}

impl Progress {
    /// Bars where both streams are terminals, plain lines elsewhere, JSON or next to nothing where asked for.
    pub fn new(output: &OutputArgs) -> Self {
        let terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        let screen: Box<dyn Screen + Send> = if output.json {
            Box::new(json::Json::default())
        } else if output.quiet {
            Box::new(Quiet)
        } else if terminal {
            Box::new(bars::Bars::default())
        } else {
            Box::new(plain::Plain::default())
        };
        Self { screen }
    }

    /// Tells something.
    pub fn tell(&mut self, update: &Update) {
        self.screen.show(update);
    }

    /// A remark.
    pub fn note(&mut self, text: impl AsRef<str>) {
        self.tell(&Update::Note { text: text.as_ref() });
    }

    /// Something to doubt or to change.
    pub fn warn(&mut self, text: impl AsRef<str>) {
        self.tell(&Update::Warning { text: text.as_ref() });
    }

    /// What the opening of a device reports to.
    pub fn opening(&mut self) -> impl FnMut(Opening) {
        let mut began: Option<Instant> = None;
        move |opening| match opening {
            Opening::Opens { device, shader, kernels } => {
                began = None;
                self.tell(&Update::Tested);
                let without = if kernels { "" } else { ", without kernels of the model's own" };
                self.note(format!("opening {device} with {shader} shaders{without}"));
            }
            Opening::Tests(step) => {
                if began.is_none() {
                    self.note(
                        "self-test: it computes what training does, compared with the CPU; later starts know the verdict",
                    );
                }
                let seconds = began.get_or_insert_with(Instant::now).elapsed().as_secs_f64();
                self.tell(&Update::Testing {
                    operation: &step.operation,
                    precision: step.precision.word(),
                    done: step.done,
                    total: step.total,
                    seconds,
                });
            }
            Opening::Tested { seconds, comparisons } => {
                began = None;
                self.tell(&Update::Tested);
                self.note(format!(
                    "self-test passed: {comparisons} comparisons in {}",
                    number::duration(seconds)
                ));
            }
            Opening::Doubt(text) => self.warn(text),
        }
    }

    /// What the preparation of data reports to.
    pub fn data(&mut self) -> impl FnMut(isoflop_data::Progress) {
        |progress| {
            if progress.stage == isoflop_data::Stage::Fetch {
                return self.note(format!("data: {}", progress.stage.label()));
            }
            self.tell(&Update::Preparing {
                stage: progress.stage.label(),
                done_bytes: progress.done_bytes,
                total_bytes: progress.total_bytes,
            });
        }
    }

    /// Takes moving things off the terminal, before results are printed.
    pub fn clear(&mut self) {
        self.screen.clear();
    }
}
