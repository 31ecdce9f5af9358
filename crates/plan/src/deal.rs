//! Stacks dealt out to processes that share nothing, in packings that take about as long.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::stack::Stack;

/// A packing is good enough at this many times the mean.
const GOOD: f64 = 1.02;

/// Stacks that cost more than these shares of the mean are halved, if it pays.
const SHARES: [f64; 5] = [1.0, 0.5, 0.25, 0.125, 0.0625];

/// Stacks that one process trains, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Packing {
    /// The costliest first.
    pub stacks: Vec<Stack>,
    /// What they cost together, in the unit that was dealt by.
    pub cost: f64,
}

/// What keeps packings from taking equally long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// They do, to 2%.
    Nothing,
    /// A run takes longer than the mean of all packings.
    LongestRun,
    /// There are fewer runs than packings.
    FewRuns,
    /// Runs are too long beside the packings to come out even.
    Grain,
}

/// Stacks in packings.
#[derive(Debug, Clone, PartialEq)]
pub struct Dealt {
    /// The costliest first. None is empty: there may be fewer than were asked for.
    pub packings: Vec<Packing>,
    /// The mean over the packings that were asked for, over the costliest: the share of the ideal time.
    pub balance: f64,
    pub limit: Limit,
}

/// Deals stacks out to `count` packings: the costliest first, each to the packing that has least (longest processing time first;
/// Graham 1969, SIAM J. Appl. Math. 17, 416: at most 4/3 of the best). Where that is uneven, stacks that cost more than a share
/// of the mean are halved, but for those that are to stay `whole`, and no more of them than it takes. `cost` is of seconds or of FLOPs.
pub fn deal(
    stacks: &[Stack],
    count: usize,
    cost: impl Fn(&Stack) -> f64,
    whole: impl Fn(&Stack) -> bool,
) -> Dealt {
    let mut parts: Vec<(f64, Stack)> =
        stacks.iter().map(|stack| (cost(stack), stack.clone())).collect();
    let mut bins = pack(&mut parts, count);
    for share in SHARES {
        let mean = mean(&bins);
        if highest(&bins) <= GOOD * mean {
            break;
        }
        let mut finer = cut(&parts, share * mean, &cost, &whole);
        let packed = pack(&mut finer, count);
        if highest(&packed) < highest(&bins) {
            (parts, bins) = (finer, packed);
        }
    }
    let total: f64 = parts.iter().map(|(cost, _)| cost).sum();
    let balance = if total > 0.0 { total / count.max(1) as f64 / highest(&bins) } else { 1.0 };
    let runs = stacks.iter().map(|stack| stack.replicas(|_| true).len()).sum();
    let limit = limit(&bins, count, runs, balance);
    let mut stacks: Vec<Option<Stack>> = parts.into_iter().map(|(_, stack)| Some(stack)).collect();
    let mut packings: Vec<Packing> = bins
        .into_iter()
        .filter(|bin| !bin.parts.is_empty())
        .map(|bin| Packing {
            stacks: bin.parts.iter().filter_map(|&part| stacks[part].take()).collect(),
            cost: bin.cost,
        })
        .collect();
    packings.sort_by(|a, b| b.cost.total_cmp(&a.cost));
    Dealt { packings, balance, limit }
}

/// Places of parts, and what they cost.
struct Bin {
    parts: Vec<usize>,
    cost: f64,
    /// Of the one that costs most.
    largest: f64,
}

/// Sorts the parts by falling cost and puts each where least is.
fn pack(parts: &mut [(f64, Stack)], count: usize) -> Vec<Bin> {
    parts.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
    let count = count.max(1);
    let mut bins: Vec<Bin> =
        (0..count).map(|_| Bin { parts: Vec::new(), cost: 0.0, largest: 0.0 }).collect();
    // Costs are not negative, so their bits sort as they do.
    let mut least: BinaryHeap<Reverse<(u64, usize)>> =
        (0..count).map(|b| Reverse((0, b))).collect();
    for (part, (cost, _)) in parts.iter().enumerate() {
        let Some(Reverse((_, bin))) = least.pop() else { break };
        bins[bin].parts.push(part);
        bins[bin].cost += cost;
        bins[bin].largest = bins[bin].largest.max(*cost);
        least.push(Reverse((bins[bin].cost.to_bits(), bin)));
    }
    bins
}

fn highest(bins: &[Bin]) -> f64 {
    bins.iter().map(|bin| bin.cost).fold(0.0, f64::max)
}

fn mean(bins: &[Bin]) -> f64 {
    bins.iter().map(|bin| bin.cost).sum::<f64>() / bins.len() as f64
}

/// Halves what costs more, again and again, as far as it is several runs.
fn cut(
    parts: &[(f64, Stack)],
    most: f64,
    cost: impl Fn(&Stack) -> f64,
    whole: impl Fn(&Stack) -> bool,
) -> Vec<(f64, Stack)> {
    let (mut waiting, mut done) = (parts.to_vec(), Vec::new());
    while let Some((cost_now, stack)) = waiting.pop() {
        match stack.halves(|_| true).filter(|_| cost_now > most && !whole(&stack)) {
            Some(halves) => waiting.extend(halves.map(|half| (cost(&half), half))),
            None => done.push((cost_now, stack)),
        }
    }
    done
}

fn limit(bins: &[Bin], count: usize, runs: usize, balance: f64) -> Limit {
    let mean = mean(bins);
    let largest = bins.iter().map(|bin| bin.largest).fold(0.0, f64::max);
    match () {
        () if balance * GOOD >= 1.0 => Limit::Nothing,
        () if runs < count => Limit::FewRuns,
        () if largest > GOOD * mean => Limit::LongestRun,
        () => Limit::Grain,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Config, DataFacts, Grid};

    fn grid(seeds: usize) -> Grid {
        let seeds: Vec<String> = (0..seeds).map(|seed| seed.to_string()).collect();
        let text = format!(
            "[model]\ncontext = 64\n[grid]\nbudgets = [1e10, 2e10, 4e10]\nsizes = 5\nseeds = [{}]\n",
            seeds.join(", ")
        );
        let facts = DataFacts {
            vocab: 64,
            train_tokens: None,
            data_sha256: "00".repeat(32),
            bytes_per_token: None,
        };
        Grid::build(&Config::parse(&text, "a.toml").unwrap(), &facts).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_cell_is_dealt_once_and_nearly_as_well_as_can_be(seeds in 1..4_usize, count in 1..20_usize) {
            let grid = grid(seeds);
            let dealt = deal(&grid.stacks, count, Stack::cost_flops, |_| false);
            let cells = |stacks: &[Stack]| {
                let mut ids: Vec<_> =
                    stacks.iter().flat_map(|s| s.cells.iter().map(|c| c.id.clone())).collect();
                ids.sort();
                ids
            };
            let all: Vec<Stack> = dealt.packings.iter().flat_map(|p| p.stacks.clone()).collect();
            prop_assert_eq!(cells(&all), cells(&grid.stacks));
            prop_assert!(dealt.packings.len() <= count);
            prop_assert!(dealt.packings.is_sorted_by(|a, b| a.cost >= b.cost));
            for packing in &dealt.packings {
                let sum: f64 = packing.stacks.iter().map(Stack::cost_flops).sum();
                prop_assert!((packing.cost / sum - 1.0).abs() < 1e-9);
            }
            // No packing does better than the mean, or than the longest part.
            let costs = || all.iter().map(Stack::cost_flops);
            let bound = (costs().sum::<f64>() / count as f64).max(costs().fold(0.0, f64::max));
            prop_assert!(dealt.packings[0].cost <= 4.0 / 3.0 * bound, "{} {bound}", dealt.packings[0].cost);
            prop_assert!(dealt.balance <= 1.0 + 1e-9);
            prop_assert_eq!(dealt.limit == Limit::Nothing, dealt.balance * GOOD >= 1.0);
        }
    }

    #[test]
    fn wide_stacks_are_halved_until_it_is_even() {
        let grid = grid(8);
        let wide = grid.stacks.iter().map(|s| s.cells.len()).max().unwrap();
        let dealt = deal(&grid.stacks, 12, Stack::cost_flops, |_| false);
        assert!(dealt.balance > 0.95, "{}", dealt.balance);
        let widest = dealt.packings.iter().flat_map(|p| &p.stacks).map(|s| s.cells.len()).max();
        assert!(widest.unwrap() < wide, "{wide}");
        // What is to stay whole is not cut.
        let whole = deal(&grid.stacks, 12, Stack::cost_flops, |_| true);
        assert!(whole.packings.iter().flat_map(|p| &p.stacks).all(|s| grid.stacks.contains(s)));
        // Nothing is cut where one process trains all.
        let one = deal(&grid.stacks, 1, Stack::cost_flops, |_| false);
        assert_eq!((one.packings[0].stacks.len(), one.limit), (grid.stacks.len(), Limit::Nothing));
    }

    #[test]
    fn what_limits_is_said() {
        let grid = grid(1);
        let many = deal(&grid.stacks, 64, Stack::cost_flops, |_| false);
        assert_eq!((many.limit, many.packings.len()), (Limit::FewRuns, 15));
        let some = deal(&grid.stacks, 14, Stack::cost_flops, |_| false);
        assert_eq!(some.limit, Limit::LongestRun);
        // As many runs as packings, of which some stay empty: nobody is done before the longest.
        let all = deal(&grid.stacks, 15, Stack::cost_flops, |_| false);
        assert_eq!(all.limit, Limit::LongestRun);
        assert_eq!(deal(&[], 3, Stack::cost_flops, |_| false).packings, []);
    }
}
