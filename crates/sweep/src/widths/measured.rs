//! Measurements of how wide stacks pay.

use isoflop_device::TrainDevice;
use isoflop_plan::{Cell, Config, Grid, Hyper, StackWidths, WidthSample};
use isoflop_report::number;
use isoflop_train::{Load, Workers};

use super::crowds;
use crate::measure::spread;
use crate::progress::Progress;
use crate::study::stack_limits;
use crate::train::workers;

/// A wider stack pays if it trains so many times as many tokens per second as the widest before it.
pub const PAYS: f64 = 1.05;

/// Models that are measured, at most: the one with the costliest step, the one with the cheapest, one in between.
const MODELS: usize = 3;

/// All measurements together take about this share of the training, which is expected to be this many.
const SHARE: f64 = 0.005;
const MEASUREMENTS: f64 = 8.0;

/// Rounds of one measurement, of which the median counts: other work on the machine must not decide.
const ROUNDS: usize = 3;

/// Bounds of one measurement, seconds.
const SHORTEST: f64 = 0.1;
const LONGEST: f64 = 1.0;

/// Times stacks of doubling width of a few models, all workers at once, as long as the wider one pays.
pub(super) fn measure(
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
    let mut samples: Vec<WidthSample> = Vec::new();
    for index in ends_first(spread(groups.len(), MODELS)) {
        if !is_open(&samples) {
            break;
        }
        let cell = groups[index][0];
        let rates = samples.iter().map(|s| s.flops_per_second);
        let fastest = rates.fold(0.0, f64::max) * workers.count() as f64;
        let Some(sample) = bench.widest(cell, most, fastest, progress) else { continue };
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
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate {
    tokens: f64,
    flops: f64,
}

/// The widest stack that pays.
#[derive(Debug, PartialEq)]
struct Widest {
    replicas: usize,
    rate: Rate,
    /// Its tokens per second over those of one replica alone.
    speedup: f64,
}

/// Doubles the width up to `most` as long as it pays by what `rate` measures. Where it seems to, the narrower stack is
/// measured again: what comes first in a process is slow, and so is what meets other work on the machine.
fn widest(most: usize, mut rate: impl FnMut(usize) -> Option<Rate>) -> Option<Widest> {
    let mut best = Widest { replicas: 1, rate: rate(1)?, speedup: 1.0 };
    while best.replicas < most {
        let replicas = (2 * best.replicas).min(most);
        let Some(wider) = rate(replicas) else { break };
        let pays = |best: &Widest| wider.tokens > PAYS * best.rate.tokens;
        if !pays(&best) {
            break;
        }
        if let Some(again) = rate(best.replicas).filter(|r| r.tokens > best.rate.tokens) {
            best.rate = again;
        }
        if !pays(&best) {
            break;
        }
        let speedup = best.speedup * wider.tokens / best.rate.tokens;
        best = Widest { replicas, rate: wider, speedup };
    }
    Some(best)
}

/// The same with the last before all others: the costliest model tells best how long the training will take.
fn ends_first(mut indices: Vec<usize>) -> Vec<usize> {
    let count = indices.len();
    indices.rotate_right(count.min(1));
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
    /// The width up to `most` that pays for models like `cell`; `None` where not even one can be measured. `fastest` are the
    /// most FLOPs per second so far: a small model by itself makes the training seem longer than it will be.
    fn widest(
        &self,
        cell: &Cell,
        most: usize,
        fastest: f64,
        progress: &mut Progress,
    ) -> Option<WidthSample> {
        let mut seconds = SHORTEST;
        let found = widest(most, |replicas| {
            let rate = self.rate(cell, replicas, seconds, progress)?;
            if seconds == SHORTEST {
                let whole = self.whole / rate.flops.max(fastest);
                seconds = (whole * SHARE / MEASUREMENTS).clamp(SHORTEST, LONGEST);
            }
            Some(rate)
        })?;
        Some(WidthSample {
            width: cell.shape.width,
            step_flops: cell.step_flops(),
            replicas: found.replicas,
            speedup: found.speedup,
            flops_per_second: found.rate.flops / self.workers.count() as f64,
        })
    }

    /// The rate of stacks of so many; `None` where they do not fit or fail.
    fn rate(
        &self,
        cell: &Cell,
        replicas: usize,
        seconds: f64,
        progress: &mut Progress,
    ) -> Option<Rate> {
        if !self.fits(cell, replicas) {
            return None;
        }
        if !self.device.info.is_cpu() {
            // Its kernels are compiled first.
            progress.note(format!("measuring {} in a stack of {replicas}", cell.shape));
        }
        let hyper = self.hyper(cell);
        let load = Load { shape: &cell.shape, hyper: &hyper, replicas, rounds: ROUNDS, seconds };
        match isoflop_train::measure(&load, &self.device.device, self.workers) {
            Ok(speed) => {
                Some(Rate { tokens: speed.tokens_per_second, flops: speed.flops_per_second })
            }
            Err(error) => {
                progress.warn(format!("{} in a stack of {replicas}: {error}", cell.shape));
                None
            }
        }
    }

    fn hyper(&self, cell: &Cell) -> Hyper {
        let batch = cell.hyper.batch_sequences;
        let most = self.config.train.micro_batch_sequences.unwrap_or(batch);
        Hyper { batch_sequences: batch.min(most), ..cell.hyper }
    }

    /// Whether all workers together have the memory.
    fn fits(&self, cell: &Cell, replicas: usize) -> bool {
        let hyper = self.hyper(cell);
        let limits = stack_limits(self.config, self.device);
        let need = limits.estimate(&cell.shape, &hyper, replicas, hyper.batch_sequences);
        limits.fits(&need, self.workers.count())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::widths;
    use super::*;

    #[test]
    fn the_middle_is_measured_where_the_ends_differ() {
        assert_eq!(ends_first(vec![0, 4, 9]), [9, 0, 4]);
        assert_eq!(ends_first(vec![0, 1]), [1, 0]);
        assert_eq!(ends_first(vec![0]), [0]);
        let ends = |a, b| [a, b].map(|replicas| WidthSample { replicas, ..widths("a").samples[0] });
        assert!(is_open(&[]) && is_open(&ends(1, 1)[..1]));
        assert!(!is_open(&ends(4, 4)) && !is_open(&ends(2, 1)) && is_open(&ends(1, 4)));
    }

    #[test]
    fn a_wider_stack_pays_against_the_better_of_two_measurements() {
        let found = |most, rates: &[(usize, f64)]| {
            let mut rates = rates.iter();
            let found = widest(most, |replicas| {
                let &(expected, tokens) = rates.next()?;
                assert_eq!(replicas, expected);
                Some(Rate { tokens, flops: 2.0 * tokens })
            });
            assert!(rates.next().is_none(), "all that was expected was measured");
            found.map(|f| (f.replicas, f.rate.tokens, f.speedup))
        };
        assert_eq!(found(1, &[(1, 10.0)]), Some((1, 10.0, 1.0)));
        assert_eq!(found(8, &[(1, 10.0), (2, 10.4)]), Some((1, 10.0, 1.0)), "by less than 5%");
        let cold = [(1, 10.0), (2, 20.0), (1, 19.5)];
        assert_eq!(found(8, &cold), Some((1, 19.5, 1.0)), "the first was slow");
        let three = [(1, 10.0), (2, 20.0), (1, 9.0), (3, 30.0), (2, 24.0)];
        assert_eq!(found(3, &three), Some((3, 30.0, 2.5)));
        assert_eq!(found(4, &[]), None);
    }
}
