//! How wide stacks pay on this device: measured once for a study and kept beside its results, so that a run that goes on
//! finds the stacks that it left.

use std::path::Path;

use anyhow::Context;
use isoflop_ledger::{CHECKPOINT_FOLDER, write_atomic};
use isoflop_plan::{Cell, Config, Grid, Hyper, StackWidths, WidthSample, stack_memory};
use isoflop_report::number;
use isoflop_train::device::TrainDevice;
use isoflop_train::{Load, Workers};

use crate::measure::spread;
use crate::progress::Progress;
use crate::study::stack_limits;
use crate::train::workers;

/// Where a study keeps them.
const FILE: &str = "stacks.json";

/// A wider stack pays if it trains so many times as many tokens per second as the widest before it.
pub const PAYS: f64 = 1.05;

/// Models that are measured, from the one with the cheapest step to the one with the costliest, at most.
const MODELS: usize = 3;

/// All measurements together take about this share of the training, which is expected to be this many.
const SHARE: f64 = 0.005;
const MEASUREMENTS: f64 = 8.0;

/// Bounds of one measurement, seconds.
const SHORTEST: f64 = 0.05;
const LONGEST: f64 = 1.0;

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

/// Times stacks of doubling width of a few models, all workers at once, as long as the wider one pays.
fn measure(
    config: &Config,
    grid: &Grid,
    device: &TrainDevice,
    progress: &mut Progress,
) -> anyhow::Result<Option<StackWidths>> {
    let groups = crowds(grid);
    if groups.is_empty() {
        return Ok(None);
    }
    progress.note("measuring how wide stacks pay");
    let workers = workers(config, device, grid.stacks.iter())?;
    let bench = Bench { config, device, workers: &workers, whole: grid.train_flops() };
    // What pays does not depend on how many of these very models there are: others lie between.
    let most = groups.iter().map(Vec::len).max().unwrap_or(1);
    let mut samples = Vec::new();
    for index in ends_first(spread(groups.len(), MODELS)) {
        if !is_open(&samples) {
            break;
        }
        let cell = groups[index][0];
        let Some(sample) = bench.widest(cell, most, progress) else { continue };
        progress.note(format!(
            "{}: stacks of {} ({} x the speed of one)",
            cell.shape,
            sample.replicas,
            number::significant(sample.speedup, 3)
        ));
        samples.push(sample);
    }
    let (device, stacks_at_once) = (device.info.label(), workers.count());
    Ok((!samples.is_empty()).then_some(StackWidths { device, stacks_at_once, samples }))
}

/// Tokens and FLOPs per second of all stacks together.
#[derive(Default, Clone, Copy)]
struct Rate {
    tokens: f64,
    flops: f64,
}

/// The same with the last in the second place.
fn ends_first(mut indices: Vec<usize>) -> Vec<usize> {
    if indices.len() > 2 {
        let last = indices.pop().expect("there are more than two");
        indices.insert(1, last);
    }
    indices
}

/// Whether models between those that were measured could take another width: not where the ends are at most one doubling
/// apart.
fn is_open(ends: &[WidthSample]) -> bool {
    let widths = ends.iter().map(|s| s.replicas);
    let (least, most) = (widths.clone().min().unwrap_or(1), widths.max().unwrap_or(1));
    ends.len() < 2 || most > 2 * least
}

/// Where measurements are made.
struct Bench<'a> {
    config: &'a Config,
    device: &'a TrainDevice,
    workers: &'a Workers,
    /// FLOPs of the whole grid.
    whole: f64,
}

impl Bench<'_> {
    /// The width up to `most` that pays for models like `cell`; `None` where not even one can be measured.
    fn widest(&self, cell: &Cell, most: usize, progress: &mut Progress) -> Option<WidthSample> {
        let mut seconds = SHORTEST;
        let (mut alone, mut best) = (0.0, (1, Rate::default()));
        let mut replicas = 1;
        loop {
            if !self.fits(cell, replicas) {
                break;
            }
            let hyper = self.hyper(cell);
            let load = Load { shape: &cell.shape, hyper: &hyper, replicas, rounds: 1, seconds };
            let speed = match isoflop_train::measure(&load, &self.device.device, self.workers) {
                Ok(speed) => speed,
                Err(error) => {
                    progress.warn(format!("{} in a stack of {replicas}: {error}", cell.shape));
                    break;
                }
            };
            if replicas == 1 {
                alone = speed.tokens_per_second;
                let whole = self.whole / speed.flops_per_second;
                seconds = (whole * SHARE / MEASUREMENTS).clamp(SHORTEST, LONGEST);
            }
            let pays = speed.tokens_per_second > best.1.tokens * PAYS;
            if pays {
                let rate = Rate { tokens: speed.tokens_per_second, flops: speed.flops_per_second };
                best = (replicas, rate);
            }
            if !pays || replicas == most {
                break;
            }
            replicas = (2 * replicas).min(most);
        }
        (best.1.tokens > 0.0).then(|| WidthSample {
            width: cell.shape.width,
            step_flops: cell.step_flops(),
            replicas: best.0,
            speedup: best.1.tokens / alone,
            flops_per_second: best.1.flops / self.workers.count() as f64,
        })
    }

    fn hyper(&self, cell: &Cell) -> Hyper {
        let batch = cell.hyper.batch_sequences;
        let most = self.config.train.micro_batch_sequences.unwrap_or(batch);
        Hyper { batch_sequences: batch.min(most), ..cell.hyper }
    }

    /// Whether all workers together have the memory.
    fn fits(&self, cell: &Cell, replicas: usize) -> bool {
        let hyper = self.hyper(cell);
        let need = stack_memory(&cell.shape, &hyper, replicas, hyper.batch_sequences).total();
        let have = stack_limits(self.config, self.device).memory_bytes;
        have.is_none_or(|have| need.saturating_mul(self.workers.count() as u64) <= have)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widths(device: &str) -> StackWidths {
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
    fn the_middle_is_measured_where_the_ends_differ() {
        assert_eq!(ends_first(vec![0, 4, 9]), [0, 9, 4]);
        assert_eq!(ends_first(vec![0, 1]), [0, 1]);
        let ends = |a, b| [a, b].map(|replicas| WidthSample { replicas, ..widths("a").samples[0] });
        assert!(is_open(&[]) && is_open(&ends(1, 1)[..1]));
        assert!(!is_open(&ends(4, 4)) && !is_open(&ends(2, 1)) && is_open(&ends(1, 4)));
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
