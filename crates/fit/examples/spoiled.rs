//! What bad rows do to the fits: how often the 95% interval of the exponent holds the truth, on clean tables and on tables of
//! which 2% or 5% of the rows were spoiled in each of six ways. With bad rows left out, as by default, and with all rows.
//!
//! `cargo run --release -p isoflop-fit --example spoiled -- [tables]`

use std::collections::HashSet;

use isoflop_fit::isoflop::{IsoflopOptions, SpoiledRuns, fit_isoflop};
use isoflop_fit::law::LawKind;
use isoflop_fit::parametric::fit_law;
use isoflop_fit::study::{Sifted, StudyOptions, sift};
use isoflop_fit::{Estimate, Observation, Table};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;

/// E, A, alpha, B, beta of Besiroglu et al. 2024.
const LAW: [f64; 5] = [1.8172, 482.01, 0.3478, 2085.43, 0.3658];
const EXPONENT: f64 = LAW[4] / (LAW[2] + LAW[4]);
/// Standard deviation of ln L.
const NOISE: f64 = 0.002;

#[derive(Clone, Copy)]
enum Design {
    /// 6 budgets x 8 sizes.
    Slices,
    /// 54 runs of any C, N within a factor 5 of the best.
    Free,
}

fn table(design: Design, random: &mut ChaCha8Rng) -> Vec<Observation> {
    let best = |flops: f64| 1.03e8 * (flops / 1e18).powf(EXPONENT);
    let sizes: Vec<(f64, f64)> = match design {
        Design::Slices => (0..48)
            .map(|k| {
                let flops = 1e17 * 3f64.powi(k / 8);
                (best(flops) * 4f64.powf(f64::from(k % 8) / 3.5 - 1.0), flops)
            })
            .collect(),
        Design::Free => (0..54)
            .map(|_| {
                let flops = 1e17 * 300f64.powf(random.random());
                (best(flops) * 5f64.powf(2.0 * random.random::<f64>() - 1.0), flops)
            })
            .collect(),
    };
    let [e, a, alpha, b, beta] = LAW;
    let mut run = |(k, &(n, flops)): (usize, &(f64, f64))| {
        let d = flops / 6.0 / n;
        let noise: f64 = NOISE * random.sample::<f64, _>(StandardNormal);
        let loss = (e + a / n.powf(alpha) + b / d.powf(beta)) * noise.exp();
        Observation::new(format!("{k}"), n, d, flops, loss)
    };
    sizes.iter().enumerate().map(&mut run).collect()
}

const WAYS: [&str; 6] =
    ["diverged", "crashed early", "mistuned", "loss mistyped", "N mistyped", "D mistyped"];

fn spoil(row: &mut Observation, way: usize, design: Design, random: &mut ChaCha8Rng) {
    let mut either = |a: f64, b: f64| if random.random_bool(0.5) { a } else { b };
    match way {
        0 => row.loss_nats = 10.8,
        1 => row.loss_nats *= 1.2 + random.random::<f64>(),
        2 => row.loss_nats *= 1.03 + 0.07 * random.random::<f64>(),
        3 => row.loss_nats *= either(10.0, 0.9),
        4 => row.params *= either(10.0, 0.1),
        _ => row.tokens *= either(10.0, 0.1),
    }
    // A table of budgets has a C of its own; elsewhere C = 6 N D.
    if matches!(design, Design::Free) {
        row.flops = 6.0 * row.params * row.tokens;
    }
}

/// Intervals that held the exponent, and their widths.
#[derive(Default)]
struct Tally {
    held: usize,
    widths: Vec<f64>,
}

impl Tally {
    fn add(&mut self, estimate: Option<Estimate>) {
        if let Some(interval) = estimate.and_then(|e| e.interval) {
            self.held += usize::from(interval.contains(EXPONENT));
            self.widths.push(interval.hi - interval.lo);
        }
    }

    /// Share of all tables whose interval held the truth, and the median width.
    fn cells(&mut self, tables: u64) -> String {
        self.widths.sort_by(f64::total_cmp);
        let width = self.widths.get(self.widths.len() / 2).copied().unwrap_or(f64::NAN);
        format!("{:.0}% | {width:.4}", 100.0 * self.held as f64 / tables as f64)
    }
}

/// Exponents of approaches 2 and 3.
fn exponents(
    rows: &[Observation],
    spoiled: SpoiledRuns,
) -> ([Option<Estimate>; 2], HashSet<String>) {
    let mut options = StudyOptions { law: Some(LawKind::Hoffmann), ..StudyOptions::default() };
    options.fit.intervals.draws = 200;
    options.isoflop = IsoflopOptions { spoiled, draws: 200, ..options.isoflop };
    let table = Table::new(rows.to_vec()).expect("rows are usable");
    let slices = fit_isoflop(&table, &options.isoflop).ok();
    let Sifted { table, spoiled, law, .. } =
        sift(&table, slices.as_ref(), &options).expect("Hoffmann's law takes any table");
    let fit = fit_law(&table, law.law().as_ref(), &options.fit).ok();
    let third = fit.and_then(|f| f.result).and_then(|r| r.exponents).map(|e| e.params);
    let second = slices.map(|fit| fit.params.exponent);
    ([second, third], spoiled.into_iter().map(|s| s.run).collect())
}

fn main() {
    let argument = std::env::args().nth(1);
    let tables: u64 = argument.map_or(400, |text| text.parse().expect("a number of tables"));
    let clean = std::iter::once((None, 0.0));
    let cases: Vec<(Option<usize>, f64)> =
        clean.chain((0..6).flat_map(|way| [(Some(way), 0.02), (Some(way), 0.05)])).collect();
    for (design, name) in [(Design::Slices, "6 budgets x 8 sizes"), (Design::Free, "54 free runs")]
    {
        println!("\n{name}, {tables} tables\n");
        println!(
            "| rows spoiled | found | clean rows lost | 2: held | width | all rows: held | width | 3: held | width | all rows: held | width |"
        );
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        for (way, share) in &cases {
            let one = |seed: u64| {
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                let mut rows = table(design, &mut random);
                let mut bad = HashSet::new();
                for row in &mut rows {
                    if let Some(way) = way
                        && random.random_bool(*share)
                    {
                        spoil(row, *way, design, &mut random);
                        bad.insert(row.run.clone());
                    }
                }
                let (robust, out) = exponents(&rows, SpoiledRuns::LeaveOut);
                let (all, _) = exponents(&rows, SpoiledRuns::Keep);
                let found = out.intersection(&bad).count();
                (robust, all, bad.len(), found, out.len() - found)
            };
            let all: Vec<_> = (0..tables).into_par_iter().map(one).collect();
            let mut tallies: [Tally; 4] = Default::default();
            let (mut bad, mut found, mut lost) = (0, 0, 0);
            for (robust, plain, b, f, l) in all {
                let estimates = [robust[0], plain[0], robust[1], plain[1]];
                tallies.iter_mut().zip(estimates).for_each(|(tally, e)| tally.add(e));
                (bad, found, lost) = (bad + b, found + f, lost + l);
            }
            let what = way.map_or("none".into(), |w| format!("{:.0}% {}", 100.0 * share, WAYS[w]));
            let cells = tallies.each_mut().map(|tally| tally.cells(tables)).join(" | ");
            println!("| {what} | {found} of {bad} | {lost} | {cells} |");
        }
    }
}
