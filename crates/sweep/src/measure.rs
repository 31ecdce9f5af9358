//! A short measurement of training speed on the chosen device.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use isoflop_data::Corpus;
use isoflop_device::TrainDevice;
use isoflop_plan::{Config, Grid, SpeedSample, Stack, Throughput};
use isoflop_train::{Control, Event, TrainOptions, run_stack};

use crate::progress::Progress;
use crate::study::{evaluated_at_once, stack_limits};
use crate::train::{Queue, workers};

/// How long one sample trains, after its first news (which compilation delays).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Enough for an estimate that is asked for.
    Estimate,
    /// No more than this share of what the grid will take, for training that waits for it.
    OneIn(u32),
}

impl Effort {
    /// Models that are measured, from the narrowest to the widest.
    fn samples(self) -> usize {
        match self {
            Self::Estimate => 4,
            Self::OneIn(_) => 3,
        }
    }

    /// Whether a sample of so many seconds is enough, where the grid takes `whole` seconds at the speed seen so far.
    fn is_enough(self, seconds: f64, whole: f64) -> bool {
        match self {
            Self::Estimate => seconds >= LONGEST,
            Self::OneIn(n) => seconds >= (whole / f64::from(n)).clamp(SHORTEST, LONGEST),
        }
    }
}

/// Bounds of a sample, seconds.
const SHORTEST: f64 = 0.2;
const LONGEST: f64 = 1.5;

/// Trains stacks of a few widths of the grid for a moment each, all workers at once as in the sweep, and throws the
/// weights away.
///
/// # Errors
///
/// If the device or the data refuse.
pub fn measure(
    config: &Config,
    grid: &Grid,
    corpus: &Corpus,
    device: &TrainDevice,
    effort: Effort,
    progress: &mut Progress,
) -> anyhow::Result<Throughput> {
    progress.note("measuring the speed of a few models");
    let mut by_width: BTreeMap<usize, &Stack> = BTreeMap::new();
    for stack in &grid.stacks {
        if let Some(first) = stack.cells.first() {
            by_width.entry(first.shape.width).or_insert(stack);
        }
    }
    let stacks: Vec<(usize, &Stack)> = by_width.into_iter().collect();
    let workers = workers(config, device, grid.stacks.iter())?;
    let all = grid.train_flops() / workers.count() as f64;
    let mut samples = Vec::new();
    let chosen = spread(stacks.len(), effort.samples());
    for (done, &index) in chosen.iter().enumerate() {
        let (width, stack) = stacks[index];
        if !device.info.is_cpu() {
            // Its kernels are compiled first.
            let shape = &stack.cells[0].shape;
            progress.note(format!("measuring {shape}, {} of {}", done + 1, chosen.len()));
        }
        let rates = Mutex::new(Vec::new());
        let measured =
            Queue::new(vec![index; workers.count()], workers.count()).work(&workers, |_| {
                let enough = |seconds, speed| effort.is_enough(seconds, all / speed);
                let speed = speed(config, stack, corpus, device, &enough)?;
                rates.lock().unwrap_or_else(PoisonError::into_inner).extend(speed);
                Ok(Some(0))
            });
        measured
            .with_context(|| format!("cannot measure the speed of {}", stack.cells[0].shape))?;
        let rates = rates.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !rates.is_empty() {
            let flops_per_second = rates.iter().sum::<f64>() / rates.len() as f64;
            samples.push(SpeedSample { width, flops_per_second });
        }
    }
    Ok(Throughput { device: device.info.label(), stacks_at_once: workers.count(), samples })
}

/// FLOP/s of one stack, which stops where its seconds and speed are `enough`. One that ends before it has given news twice is taken
/// as a whole, from its begin.
fn speed(
    config: &Config,
    stack: &Stack,
    corpus: &Corpus,
    device: &TrainDevice,
    enough: &dyn Fn(f64, f64) -> bool,
) -> anyhow::Result<Option<f64>> {
    let started = Instant::now();
    let options = TrainOptions {
        checkpoint_dir: None,
        checkpoint_seconds: f64::INFINITY,
        micro_batch_sequences: stack_limits(config, device).micro_batch(stack),
        eval_sequences: config.train.eval_sequences,
        evaluated_at_once: evaluated_at_once(config, device, stack),
        curve_points: 0,
        valid_points: 1,
    };
    let mut first: Option<(Instant, f64)> = None;
    let mut speed = None;
    run_stack(stack, &BTreeSet::new(), corpus, &device.device, &options, &mut |event| {
        let flops_done = match event {
            Event::Compiling { .. } => return Control::Continue,
            Event::Step { flops_done, .. } => flops_done,
            _ => return Control::Stop,
        };
        let now = Instant::now();
        match first {
            None => first = Some((now, flops_done)),
            Some((since, before)) => {
                let seconds = now.duration_since(since).as_secs_f64();
                let rate = (flops_done - before) / seconds;
                speed = Some(rate);
                if enough(seconds, rate) {
                    return Control::Stop;
                }
            }
        }
        Control::Continue
    })?;
    let whole = || {
        let shortest = stack.cells.iter().map(|cell| cell.steps).min()?;
        let flops = stack.spent_flops(|_| true, shortest);
        Some(flops / started.elapsed().as_secs_f64())
    };
    Ok(speed.or_else(whole))
}

/// At most `most` of `len` indices, evenly spread, the first and the last among them.
pub fn spread(len: usize, most: usize) -> Vec<usize> {
    let count = len.min(most);
    let mut indices: Vec<usize> = match count {
        0 => Vec::new(),
        1 => vec![0],
        _ => (0..count).map(|i| i * (len - 1) / (count - 1)).collect(),
    };
    indices.dedup();
    indices
}

#[cfg(test)]
mod tests {
    use super::{Effort, spread};

    #[test]
    fn a_sample_takes_a_share_of_the_training_within_bounds() {
        let effort = Effort::OneIn(400);
        assert!(!effort.is_enough(0.3, 160.0));
        assert!(effort.is_enough(0.4, 160.0));
        assert!(!effort.is_enough(0.1, 1.0));
        assert!(effort.is_enough(0.2, 1.0));
        assert!(!effort.is_enough(1.4, 1e6));
        assert!(effort.is_enough(1.5, 1e6));
        assert!(!Effort::Estimate.is_enough(1.4, 1.0));
        assert!(Effort::Estimate.is_enough(1.5, 1.0));
    }

    #[test]
    fn samples_reach_both_ends() {
        assert_eq!(spread(0, 4), Vec::<usize>::new());
        assert_eq!(spread(1, 4), [0]);
        assert_eq!(spread(3, 4), [0, 1, 2]);
        assert_eq!(spread(8, 4), [0, 2, 4, 7]);
    }
}
