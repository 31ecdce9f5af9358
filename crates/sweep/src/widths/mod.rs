//! How wide stacks pay on this device: measured once for a study and kept beside its results, so that a run that goes on
//! finds the stacks that it left.

mod measured;

use std::path::Path;

use anyhow::Context;
use isoflop_device::TrainDevice;
use isoflop_ledger::{CHECKPOINT_FOLDER, write_atomic};
use isoflop_plan::{Cell, Config, Grid, StackWidths};

pub use measured::PAYS;
use measured::measure;

use crate::progress::Progress;

/// Where a study keeps them.
const FILE: &str = "stacks.json";

/// The widths of a study that is about to train: those that its folder keeps, else measured now if it is `worth` the time, and
/// kept. `None` where the configuration sets the width, no two cells can share a stack or nothing is measured.
///
/// # Errors
///
/// If the folder cannot be read or written.
pub fn of_study(
    config: &Config,
    grid: &Grid,
    device: &TrainDevice,
    folder: &Path,
    worth: bool,
    progress: &mut Progress,
) -> anyhow::Result<Option<StackWidths>> {
    let (widths, fresh) = decide(config, grid, device, folder, worth, progress)?;
    if let Some(widths) = widths.as_ref().filter(|_| fresh) {
        let json = serde_json::to_string_pretty(widths).context("widths are plain data")?;
        write_atomic(&folder.join(FILE), (json + "\n").as_bytes())?;
    }
    Ok(widths)
}

/// The widths that a study would train with: as [`of_study`] where it is worth measuring, but nothing is written.
///
/// # Errors
///
/// If the folder cannot be read.
pub fn for_plan(
    config: &Config,
    grid: &Grid,
    device: &TrainDevice,
    progress: &mut Progress,
) -> anyhow::Result<Option<StackWidths>> {
    Ok(decide(config, grid, device, &config.study.results, true, progress)?.0)
}

/// The widths, and whether they were measured just now.
fn decide(
    config: &Config,
    grid: &Grid,
    device: &TrainDevice,
    folder: &Path,
    worth: bool,
    progress: &mut Progress,
) -> anyhow::Result<(Option<StackWidths>, bool)> {
    if config.train.stack.is_some() {
        return Ok((None, false));
    }
    let started = folder.join(CHECKPOINT_FOLDER).is_dir();
    let steps: Vec<f64> = crowds(grid).iter().map(|cells| cells[0].step_flops()).collect();
    match choose(read(folder, started)?, started, &device.info.label(), &steps) {
        Choice::Keep(kept) => Ok((Some(kept), false)),
        Choice::Measure if worth => Ok((measure(config, grid, device, progress)?, true)),
        Choice::Measure | Choice::Default => Ok((None, false)),
    }
}

/// Where the widths of a study come from.
#[derive(Debug, PartialEq)]
enum Choice {
    Keep(StackWidths),
    Measure,
    Default,
}

/// What was begun goes on in the same stacks, whichever device it is. Else what was kept holds on the device it was
/// measured on, for models like those that were measured.
fn choose(kept: Option<StackWidths>, started: bool, device: &str, steps: &[f64]) -> Choice {
    match kept {
        Some(kept) if started => Choice::Keep(kept),
        Some(kept) if kept.device == device && steps.iter().all(|&s| kept.reach(s)) => {
            Choice::Keep(kept)
        }
        None if started => Choice::Default,
        _ => Choice::Measure,
    }
}

/// Groups of several cells that can share a stack.
fn crowds(grid: &Grid) -> Vec<Vec<&Cell>> {
    grid.alike().into_iter().filter(|cells| cells.len() > 1).collect()
}

/// What a folder keeps.
fn read(folder: &Path, started: bool) -> anyhow::Result<Option<StackWidths>> {
    let path = folder.join(FILE);
    let advice = match started {
        true => "restore it; without it what was begun is trained in other stacks, from the start",
        false => "remove it, and it is measured again",
    };
    let hint = || format!("cannot read {}\nhint: {advice}", path.display());
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).with_context(hint)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(hint),
    }
}

#[cfg(test)]
mod tests {
    use isoflop_plan::WidthSample;

    use super::*;

    pub(super) fn widths(device: &str) -> StackWidths {
        let sample = WidthSample {
            width: 16,
            step_flops: 1e8,
            replicas: 4,
            speedup: 1.2,
            flops_per_second: 1e10,
        };
        StackWidths { device: device.into(), stacks_at_once: 2, samples: vec![sample] }
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
