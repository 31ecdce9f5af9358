//! Speed of the fits. `cargo bench -p isoflop-fit`; compare with `scripts/fit_scipy.py`.
//!
//! Data: 240 runs drawn around Epoch's law over the range of Hoffmann et al.'s runs (the real table is not ours to
//! ship; set `ISOFLOP_RUNS` to a CSV with `params,tokens,flops,loss` to use it).

use isoflop_fit::intervals::IntervalOptions;
use isoflop_fit::isoflop::{IsoflopOptions, fit_isoflop};
use isoflop_fit::law::Hoffmann;
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::{Objective, Observation, Table};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn main() {
    divan::main();
}

/// Runs of 2 to 4% scatter with a few outliers, as read from a figure.
fn made(rows: usize) -> Table {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut uniform = || random.random::<f64>();
    let one = |k: usize| {
        let n = 5e7 * 10f64.powf(2.4 * uniform());
        let d = 1e9 * 10f64.powf(2.2 * uniform());
        let scatter = 0.004
            * (uniform() + uniform() + uniform() - 1.5)
            * if k.is_multiple_of(40) { 8.0 } else { 1.0 };
        let loss = 1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658);
        Observation::new(format!("{k}"), n, d, 6.0 * n * d, loss * scatter.exp())
    };
    Table::new((0..rows).map(one).collect()).expect("made rows are usable")
}

fn runs() -> Table {
    let Some(path) = std::env::var_os("ISOFLOP_RUNS") else { return made(240) };
    let text = std::fs::read_to_string(path).expect("ISOFLOP_RUNS is a readable file");
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let at = |name: &str| header.iter().position(|h| *h == name).expect("params,tokens,flops,loss");
    let columns = [at("params"), at("tokens"), at("flops"), at("loss")];
    let row = |(k, line): (usize, &str)| {
        let cells: Vec<&str> = line.split(',').collect();
        let [n, d, c, l] = columns.map(|i| cells[i].parse().expect("a number"));
        Observation::new(format!("{k}"), n, d, c, l)
    };
    Table::new(lines.enumerate().map(row).collect()).expect("usable rows")
}

fn options(objective: Objective, draws: usize) -> FitOptions {
    let intervals = IntervalOptions { draws, ..Default::default() };
    FitOptions { objective, intervals, ..Default::default() }
}

#[divan::bench(args = ["huber", "absolute", "squared-log", "squared-linear"])]
fn multi_start_240(bencher: divan::Bencher, name: &str) {
    let objective = match name {
        "huber" => Objective::default(),
        "absolute" => Objective::Absolute,
        "squared-log" => Objective::SquaredLog,
        _ => Objective::SquaredLinear,
    };
    let table = runs();
    bencher.bench(|| fit_law(&table, &Hoffmann, &options(objective, 0)));
}

#[divan::bench(args = [1, 2], sample_count = 10)]
fn bootstrap_4000_threads(bencher: divan::Bencher, threads: usize) {
    let table = runs();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    bencher.bench(|| {
        pool.install(|| fit_law(&table, &Hoffmann, &options(Objective::default(), 4000)))
    });
}

#[divan::bench(sample_count = 10)]
fn multi_start_100_000(bencher: divan::Bencher) {
    let table = made(100_000);
    bencher.bench(|| fit_law(&table, &Hoffmann, &options(Objective::default(), 0)));
}

#[divan::bench(sample_count = 10)]
fn slices_1000_draws(bencher: divan::Bencher) {
    let mut rows = Vec::new();
    for k in 0..8 {
        let flops = 6e18 * 2f64.powi(k);
        for i in 0..12 {
            let n = 2.4e8 * 2f64.powf(f64::from(k) / 2.0 + f64::from(i) / 2.0 - 2.75);
            let d = flops / 6.0 / n;
            let wave = 1.0 + 0.002 * (f64::from(k * 12 + i) * 12.9898).sin();
            let loss = (1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658)) * wave;
            rows.push(Observation::new(format!("{k}-{i}"), n, d, flops, loss));
        }
    }
    let table = Table::new(rows).expect("usable rows");
    bencher.bench(|| fit_isoflop(&table, &IsoflopOptions::default()));
}
