//! Made studies with a known difference, and how often it is found. Shared by the test (small) and the example (large).

use isoflop_compare::gain::{Frontier, Gain, gain};
use isoflop_compare::losses::{LossOptions, Losses, losses};
use isoflop_compare::pairs::pair;
use isoflop_compare::{Run, Side, Verdict};
use isoflop_fit::isoflop::{IsoflopOptions, fit_isoflop};
use isoflop_fit::{Observation, Table};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// Standard deviation of ln L between seeds, as the quickstart's.
pub const NOISE: f64 = 0.0124;

/// A fault of the second machine: its difference of ln L at N parameters.
pub struct Fault {
    pub name: &'static str,
    pub log: fn(f64) -> f64,
}

pub const FAULTS: [Fault; 4] = [
    Fault { name: "none", log: |_| 0.0 },
    // A factor 1.5 costs about a third of what a factor 2 does: 1.4% at the quickstart's minima.
    Fault { name: "learning rate 1.5 times off", log: |_| 0.005 },
    Fault { name: "tokenizer, 0.05%", log: |_| 0.0005 },
    // Depth that does not learn: a loss that grows with size.
    Fault { name: "one layer's gradient dropped", log: |n| 0.01 + 0.02 * (n / 3e4).log10() },
];

/// The quickstart's size: six budgets of seven sizes, on a law without a floor; `gain` is in compute.
fn study(
    random: &mut ChaCha8Rng,
    seeds: usize,
    noise: f64,
    gain: f64,
    fault: &Fault,
) -> Vec<Observation> {
    let mut rows = Vec::new();
    for budget in [2.5e10, 5e10, 1e11, 2e11, 4e11, 8e11] {
        let best = 0.12 * f64::sqrt(budget / 1.2);
        for size in 0..7 {
            let params = (best * 4f64.powf((f64::from(size) - 3.0) / 3.0)).round();
            let tokens = budget / (6.0 * params);
            // The same loss at a gain-th of the compute.
            let (n, d) = (params * gain.sqrt(), tokens * gain.sqrt());
            let loss = 0.55 + 16.0 / n.powf(0.3) + 60.0 / d.powf(0.3);
            for seed in 0..seeds {
                let z: f64 = StandardNormal.sample(random);
                let noisy = loss * (noise * z + (fault.log)(params)).exp();
                let name = format!("{budget} {size} {seed}");
                rows.push(Observation {
                    budget_flops: Some(budget),
                    seed: Some(seed.to_string()),
                    ..Observation::new(name, params, tokens, budget, noisy)
                });
            }
        }
    }
    rows
}

fn side(rows: &[Observation]) -> Side {
    Side { runs: rows.iter().map(Run::of_observation).collect(), ..Side::default() }
}

/// What a fault came to over many studies.
pub struct Found {
    pub different: f64,
    pub equal: f64,
    /// Mean of the power that each study promised for the fault's mean difference.
    pub promised: f64,
}

pub fn find(fault: &Fault, studies: u64, seeds: usize) -> Found {
    let all: Vec<(Losses, f64)> = (0..studies)
        .into_par_iter()
        .filter_map(|k| {
            let mut random = ChaCha8Rng::seed_from_u64(k);
            let a = study(&mut random, seeds, NOISE, 1.0, &FAULTS[0]);
            let b = study(&mut random, seeds, NOISE, 1.0, fault);
            let mean = a.iter().map(|row| (fault.log)(row.params)).sum::<f64>() / a.len() as f64;
            let (a, b) = (side(&a), side(&b));
            let said = losses(&pair(&a, &b).pairs, [&a, &b], None, &LossOptions::default())?;
            Some((said, mean))
        })
        .collect();
    let share = |is: &dyn Fn(&Losses) -> bool| {
        all.iter().filter(|(said, _)| is(said)).count() as f64 / studies as f64
    };
    Found {
        different: share(&|said| {
            matches!(said.verdict, Verdict::Different | Verdict::DifferentWithinMargin)
        }),
        equal: share(&|said| said.verdict == Verdict::Equal),
        promised: all.iter().map(|(said, mean)| said.power(*mean)).sum::<f64>() / studies as f64,
    }
}

/// Share of studies whose interval holds a planted gain, and the median of its half width in ln G.
pub fn cover(planted: f64, studies: u64) -> (f64, f64) {
    let all: Vec<Gain> = (0..studies)
        .into_par_iter()
        .filter_map(|k| {
            let mut random = ChaCha8Rng::seed_from_u64(1_000_000 + k);
            let options = IsoflopOptions { draws: 200, ..IsoflopOptions::default() };
            let mut frontier = |gain: f64| {
                let rows = study(&mut random, 1, NOISE / 2.0, gain, &FAULTS[0]);
                Some(Frontier::of(&fit_isoflop(&Table::new(rows).ok()?, &options).ok()?))
            };
            gain(&frontier(1.0)?, &frontier(planted)?, 0.95, 1)
        })
        .collect();
    let covered = all.iter().filter(|g| g.pooled.interval.is_some_and(|i| i.contains(planted)));
    let mut widths: Vec<f64> = all.iter().map(|g| g.floor.ln()).collect();
    widths.sort_unstable_by(f64::total_cmp);
    (covered.count() as f64 / studies as f64, widths[widths.len() / 2])
}
