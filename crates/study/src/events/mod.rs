//! What is told while a study is worked on.

mod reports;
mod training;
mod update;
mod work;

use std::time::Instant;

use isoflop_device::OpenEvent;
use isoflop_report::number;

pub(crate) use reports::{Ending, Reports, Steps};
pub(crate) use training::Training;
pub use update::{Overall, Share, StackName, Update, Work, cell_label};
pub(crate) use work::total_flops;

/// Somebody who is told.
pub trait Observer: Send {
    /// Takes an update.
    fn tell(&mut self, update: &Update);

    /// What moves must leave the terminal: results or errors follow.
    fn clear(&mut self) {}
}

/// What it tells, in words.
impl dyn Observer + '_ {
    /// A remark.
    pub fn note(&mut self, text: impl AsRef<str>) {
        self.tell(&Update::Note { text: text.as_ref() });
    }

    /// Something to doubt or to change.
    pub fn warn(&mut self, text: impl AsRef<str>) {
        self.tell(&Update::Warning { text: text.as_ref() });
    }

    /// What the opening of a device reports to.
    pub fn opening(&mut self) -> impl FnMut(OpenEvent) {
        let mut began: Option<Instant> = None;
        move |event| match event {
            OpenEvent::Opening { device, shader, kernels } => {
                began = None;
                self.tell(&Update::Tested);
                let without = if kernels { "" } else { ", without kernels of the model's own" };
                self.note(format!("opening {device} with {shader} shaders{without}"));
            }
            OpenEvent::Testing(step) => {
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
            OpenEvent::Tested { seconds, comparisons } => {
                began = None;
                self.tell(&Update::Tested);
                self.note(format!(
                    "self-test passed: {comparisons} comparisons in {}",
                    number::duration(seconds)
                ));
            }
            OpenEvent::Timing(what) => {
                self.note(format!("timing kernels for {what}, to take the fastest"));
            }
            OpenEvent::Timed(text) => self.note(text),
            OpenEvent::Warning(text) => self.warn(text),
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
}

/// Tells nobody.
pub struct Silent;

impl Observer for Silent {
    fn tell(&mut self, _: &Update) {}
}
