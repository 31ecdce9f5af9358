//! How wide stacks pay.

use isoflop_model::is_host;
use isoflop_plan::{Cell, Grid};

use crate::rates::{Rates, Sample};
use crate::timing::Speed;
use crate::trials::{News, Trials, spread};

/// A wider stack pays if it trains so many times as many tokens per second as the widest before it.
pub const PAYS: f64 = 1.05;

/// Models that are measured, at most: the one with the costliest step, the one with the cheapest, one in between.
const MODELS: usize = 3;

/// All measurements together take about this share of the training, which is expected to be this many.
const SHARE: f64 = 0.005;
const MEASUREMENTS: f64 = 8.0;

/// Bounds of one measurement, seconds. Steps on an adapter do not meet what else the processor does: half as many of them tell as much.
const SHORTEST: f64 = 0.1;
const SHORTEST_ON_ADAPTERS: f64 = 0.05;
const LONGEST: f64 = 1.0;

/// Groups of several cells that can share a stack.
pub fn sharing_stacks(grid: &Grid) -> Vec<Vec<&Cell>> {
    grid.alike().into_iter().filter(|cells| cells.len() > 1).collect()
}

/// Times stacks of doubling width of a few of the grid's models, all workers at once, as long as the wider one pays.
/// `None` where no two cells can share a stack or nothing could be measured.
pub fn measure_widths(trials: &Trials, grid: &Grid, tell: &mut dyn FnMut(News)) -> Option<Rates> {
    let groups = sharing_stacks(grid);
    let workers = trials.workers.count();
    let shortest = if is_host(trials.device) { SHORTEST } else { SHORTEST_ON_ADAPTERS };
    // What pays does not depend on how many of these very models there are: others lie between.
    let most = groups.iter().map(Vec::len).max()?;
    let mut samples: Vec<Sample> = Vec::new();
    for index in ends_first(spread(groups.len(), MODELS)) {
        if !is_open(&samples) {
            break;
        }
        let cell = groups[index][0];
        let rates = samples.iter().map(|s| s.flops_per_second);
        // A small model by itself makes the training seem longer than it will be.
        let fastest = rates.fold(0.0, f64::max) * workers as f64;
        let mut seconds = shortest;
        let found = widest(most, |replicas| {
            let speed = trials.time(cell, replicas, seconds, tell)?;
            if seconds == shortest {
                let whole = grid.train_flops() / speed.flops_per_second.max(fastest);
                seconds = (whole * SHARE / MEASUREMENTS).clamp(shortest, LONGEST);
            }
            Some(Rate::of(&speed))
        });
        let Some(found) = found else { continue };
        let Widest { replicas, rate, speedup } = found;
        tell(News::Widest { shape: cell.shape, replicas, speedup });
        let flops_per_second = rate.flops / workers as f64;
        samples.push(Sample {
            speedup: Some(speedup),
            ..Sample::of(cell, replicas, flops_per_second)
        });
    }
    let (device, stacks_at_once) = (trials.label.clone(), workers);
    (!samples.is_empty()).then_some(Rates { device, stacks_at_once, samples })
}

/// Tokens and FLOPs per second of all stacks together.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate {
    tokens: f64,
    flops: f64,
}

impl Rate {
    fn of(speed: &Speed) -> Self {
        Self { tokens: speed.tokens_per_second, flops: speed.flops_per_second }
    }
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
fn is_open(ends: &[Sample]) -> bool {
    let widths = ends.iter().map(|s| s.replicas);
    let (least, most) = (widths.clone().min().unwrap_or(1), widths.max().unwrap_or(1));
    ends.len() < 2 || most > 2 * least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_measured_where_the_ends_differ() {
        assert_eq!(ends_first(vec![0, 4, 9]), [9, 0, 4]);
        assert_eq!(ends_first(vec![0, 1]), [1, 0]);
        assert_eq!(ends_first(vec![0]), [0]);
        let sample = |replicas| Sample {
            width: 16,
            step_flops: 1e8,
            replicas,
            speedup: Some(1.2),
            flops_per_second: 1e10,
        };
        let ends = |a, b| [a, b].map(sample);
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
