//! How wide stacks pay on this device: measured once for a study and kept beside its results, so that a run that goes on
//! finds the stacks that it left.

use std::path::Path;

use isoflop_device::TrainDevice;
use isoflop_durable::write_sealed;
use isoflop_ledger::CHECKPOINT_FOLDER;
use isoflop_plan::{Config, Grid, StackLimits};
use isoflop_report::number;
use isoflop_speed::{Effort, News, Rates, Trials, measure_planned, measure_widths, sharing_stacks};

use crate::error::StudyError;
use crate::events::Observer;
use crate::limits::workers;
use crate::sealed::read_sealed;

/// Where a study keeps them.
pub(crate) const FILE: &str = "stacks.json";

/// Who measures for a study, and where.
pub(crate) struct Measurer<'a> {
    pub(crate) config: &'a Config,
    pub(crate) device: &'a TrainDevice,
    pub(crate) limits: StackLimits,
}

impl Measurer<'_> {
    /// The widths of a study that is about to train: those that its folder keeps, else measured now if it is `worth` the time,
    /// and kept. `None` where the configuration sets the width, no two cells can share a stack or nothing is measured.
    pub(crate) fn widths(
        &self,
        grid: &Grid,
        worth: bool,
        observer: &mut dyn Observer,
    ) -> Result<Option<Rates>, StudyError> {
        let (widths, fresh) = self.decide(grid, worth, observer)?;
        if let Some(widths) = widths.as_ref().filter(|_| fresh) {
            write_sealed(&self.config.study.results.join(FILE), widths)?;
        }
        Ok(widths)
    }

    /// The widths that a study would train with: as [`Self::widths`] where it is worth measuring, but nothing is written.
    pub(crate) fn widths_for_plan(
        &self,
        grid: &Grid,
        observer: &mut dyn Observer,
    ) -> Result<Option<Rates>, StudyError> {
        Ok(self.decide(grid, true, observer)?.0)
    }

    /// Groups the cells anew, in stacks as wide as was found to pay.
    pub(crate) fn restack(&self, grid: &mut Grid, widths: Option<&Rates>) {
        restack(grid, self.limits, widths);
    }

    /// The rates of a grid's stacks as they are planned.
    pub(crate) fn planned(
        &self,
        grid: &Grid,
        effort: Effort,
        observer: &mut dyn Observer,
    ) -> Result<Rates, StudyError> {
        observer.note("measuring the speed of a few models");
        let tell = &mut |news| self.tell(news, observer);
        self.with_trials(grid, |trials| measure_planned(trials, grid, effort, tell))
    }

    /// The widths, and whether they were measured just now.
    fn decide(
        &self,
        grid: &Grid,
        worth: bool,
        observer: &mut dyn Observer,
    ) -> Result<(Option<Rates>, bool), StudyError> {
        if self.config.train.stack.is_some() {
            return Ok((None, false));
        }
        let folder = &self.config.study.results;
        let started = folder.join(CHECKPOINT_FOLDER).is_dir();
        let shared = sharing_stacks(grid);
        let steps: Vec<f64> = shared.iter().map(|cells| cells[0].step_flops()).collect();
        match choose(read(folder, started)?, started, &self.device.info.label(), &steps) {
            Choice::Keep(kept) => Ok((Some(kept), false)),
            Choice::Measure if worth => Ok((self.measured_widths(grid, observer)?, true)),
            Choice::Measure | Choice::Default => Ok((None, false)),
        }
    }

    /// The widths, measured now. `None` as for [`Self::widths`].
    pub(crate) fn measured_widths(
        &self,
        grid: &Grid,
        observer: &mut dyn Observer,
    ) -> Result<Option<Rates>, StudyError> {
        if self.config.train.stack.is_some() || sharing_stacks(grid).is_empty() {
            return Ok(None);
        }
        observer.note("measuring how wide stacks pay");
        let tell = &mut |news| self.tell(news, observer);
        self.with_trials(grid, |trials| measure_widths(trials, grid, tell))
    }

    fn with_trials<T>(
        &self,
        grid: &Grid,
        work: impl FnOnce(&Trials) -> T,
    ) -> Result<T, StudyError> {
        let workers = workers(self.config, self.limits, self.device, grid.stacks.iter())?;
        Ok(work(&Trials {
            label: self.device.info.label(),
            device: &self.device.device,
            workers: &workers,
            limits: self.limits,
        }))
    }

    fn tell(&self, news: News, observer: &mut dyn Observer) {
        match news {
            // On an adapter its kernels are compiled first, which takes a while.
            News::Begins { shape, replicas } if !self.device.info.is_cpu() => {
                observer.note(format!("measuring {shape} in a stack of {replicas}"));
            }
            News::Begins { .. } => {}
            News::Failed { shape, replicas, why } => {
                observer.warn(format!("{shape} in a stack of {replicas}: {why}"));
            }
            News::Widest { shape, replicas, speedup } => observer.note(format!(
                "{shape}: stacks of {replicas} ({} x the speed of one)",
                number::significant(speedup, 3)
            )),
        }
    }
}

/// As [`Measurer::restack`], within these limits.
pub(crate) fn restack(grid: &mut Grid, limits: StackLimits, widths: Option<&Rates>) {
    match widths {
        Some(widths) => grid.restack(limits, Some(&|step| widths.replicas(step))),
        None => grid.restack(limits, None),
    }
}

/// Where the widths of a study come from.
#[derive(Debug, PartialEq)]
enum Choice {
    Keep(Rates),
    Measure,
    Default,
}

/// What was begun goes on in the same stacks, whichever device it is. Else what was kept holds on the device it was
/// measured on, for models like those that were measured.
fn choose(kept: Option<Rates>, started: bool, device: &str, steps: &[f64]) -> Choice {
    match kept {
        Some(kept) if started => Choice::Keep(kept),
        Some(kept) if kept.device == device && steps.iter().all(|&s| kept.reach(s)) => {
            Choice::Keep(kept)
        }
        None if started => Choice::Default,
        _ => Choice::Measure,
    }
}

/// What a folder keeps.
pub(crate) fn read(folder: &Path, started: bool) -> Result<Option<Rates>, StudyError> {
    let path = folder.join(FILE);
    let hint = match started {
        true => "restore it; without it what was begun is trained in other stacks, from the start",
        false => "remove it, and it is measured again",
    };
    read_sealed(&path, hint)
}

#[cfg(test)]
mod tests {
    use isoflop_speed::Sample;

    use super::*;

    fn widths(device: &str) -> Rates {
        let sample = Sample {
            width: 16,
            step_flops: 1e8,
            replicas: 4,
            speedup: Some(1.2),
            flops_per_second: 1e10,
        };
        Rates { device: device.into(), stacks_at_once: 2, samples: vec![sample] }
    }

    #[test]
    fn what_was_begun_goes_on_in_the_same_stacks() {
        let near = [2e7, 1e8];
        let keep = |device| Choice::Keep(widths(device));
        assert_eq!(choose(Some(widths("a")), false, "a", &near), keep("a"));
        assert_eq!(choose(Some(widths("a")), false, "b", &near), Choice::Measure);
        assert_eq!(choose(Some(widths("a")), false, "a", &[1e8, 1e10]), Choice::Measure);
        assert_eq!(choose(Some(widths("a")), true, "b", &[1e10]), keep("a"));
        assert_eq!(choose(None, false, "a", &near), Choice::Measure);
        assert_eq!(choose(None, true, "a", &near), Choice::Default);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(read(folder.path(), false).unwrap(), None);
        let json = serde_json::to_string(&widths("a")).unwrap();
        std::fs::write(folder.path().join(FILE), &json).unwrap();
        assert_eq!(read(folder.path(), false).unwrap(), Some(widths("a")));
        for text in ["", "{}", &json.replace("width", "breadth")] {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            let [fresh, started] =
                [false, true].map(|s| read(folder.path(), s).unwrap_err().to_string());
            assert!(fresh.contains(FILE) && fresh.contains("hint: remove it"), "{fresh}");
            assert!(started.contains("hint: restore it"), "{started}");
        }
    }
}
