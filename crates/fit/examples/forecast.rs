//! How far forecasts of a new run's loss are off, and how often their 95% intervals hold it: simulated studies of 5 budgets x 7
//! sizes with 0.5% noise, at 3 and 10 times the largest budget, whether or not the truth is the fitted law; and tables of
//! runs, of which the largest budgets are forecast from the rest.
//!
//! `cargo run --release -p isoflop-fit --example forecast -- [studies]`, or `-- table.csv..` (columns params, tokens, flops, loss)

use isoflop_fit::forecast::Forecaster;
use isoflop_fit::isoflop::{IsoflopOptions, fit_isoflop};
use isoflop_fit::parametric::{FitOptions, LawFit, choose_law, fit_law};
use isoflop_fit::{Estimate, Observation, Table};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

#[path = "../tests/support/truths.rs"]
mod truths;

use truths::{TOP, Truth, best, hoffmann, kaplan, study};

/// Laws of N and D, in nats.
const TRUTHS: [(&str, Truth); 7] = [
    ("the law (Epoch)", hoffmann),
    ("the law (Chinchilla)", |n, d| 1.6934 + 406.4 / n.powf(0.3392) + 410.7 / d.powf(0.2849)),
    ("steeper beyond the runs", |n, d| {
        let (a, b) = (482.01 / n.powf(0.3478), 2085.43 / d.powf(0.3658));
        1.8172
            + a / (1.0 + (n / 5e8).powi(2)).powf(0.05)
            + b / (1.0 + (d / 1e10).powi(2)).powf(0.05)
    }),
    ("flatter beyond the runs", |n, d| {
        let (a, b) = (482.01 / n.powf(0.3478), 2085.43 / d.powf(0.3658));
        1.8172
            + a * (1.0 + (n / 5e8).powi(2)).powf(0.05)
            + b * (1.0 + (d / 1e10).powi(2)).powf(0.05)
    }),
    ("Kaplan's form", kaplan),
    ("saturating at small sizes", |n, d| {
        let rest = 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658);
        1.4 + 1.0 / (1.0 / (1.6 * rest) + 1.0 / 4.0)
    }),
    ("outer power", |n, d| (0.9 + 60.0 / n.powf(0.3) + 160.0 / d.powf(0.3)).powf(1.6)),
];

#[derive(Default)]
struct Tally {
    given: usize,
    held: usize,
    width: f64,
    off: Vec<f64>,
}

impl Tally {
    fn add(&mut self, estimate: &Estimate, loss: f64) {
        self.off.push((estimate.point / loss - 1.0).abs());
        let Some(i) = estimate.interval else { return };
        self.given += 1;
        self.held += usize::from(i.contains(loss));
        self.width += i.hi / i.lo - 1.0;
    }

    fn show(&mut self) -> String {
        self.off.sort_by(f64::total_cmp);
        let of = |x: f64| 100.0 * x / self.given.max(1) as f64;
        let median = self.off.get(self.off.len() / 2).map_or(f64::NAN, |m| 100.0 * m);
        format!(
            "{:5.1}% held, width {:5.2}%, median error {median:.2}%",
            of(self.held as f64),
            of(self.width)
        )
    }
}

/// Law, slices and both together, fitted to a table.
fn forecaster(table: &Table) -> Option<(Forecaster, LawFit)> {
    let options = FitOptions::default();
    let law = choose_law(table, options.starts).chosen.law();
    let fit = fit_law(table, law.as_ref(), &options).ok()?;
    let slices = fit_isoflop(table, &IsoflopOptions::default()).ok();
    Some((Forecaster::new(table, law.as_ref(), Some(&fit), slices.as_ref(), &options).ok()?, fit))
}

fn simulate(studies: usize) {
    for (name, truth) in TRUTHS {
        println!("{name}");
        for scale in [3.0, 10.0] {
            let (mut both, mut law) = (Tally::default(), Tally::default());
            let mut weight = 0.0;
            for k in 0..studies {
                let mut random = ChaCha8Rng::seed_from_u64(k as u64);
                let table = study(truth, 0.005, &mut random);
                let (n, d) = best(truth, TOP * scale);
                let z: f64 = random.sample(StandardNormal);
                let loss = truth(n, d) * (0.005 * z).exp();
                let Some((forecaster, fit)) = forecaster(&table) else { continue };
                both.add(&forecaster.at(TOP * scale).unwrap().new_run_nats, loss);
                weight += forecaster.law_weight() / studies as f64;
                let frontier = fit.result().ok().and_then(|r| r.frontier.clone());
                if let Some(frontier) = frontier {
                    law.add(&frontier.at(TOP * scale).unwrap().new_run_nats.unwrap(), loss);
                }
            }
            println!(
                "  x{scale:<3} forecast: {}; the law alone: {}; share of the law {weight:.2}",
                both.show(),
                law.show()
            );
        }
    }
}

fn read(path: &str) -> Vec<Observation> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|h| *h == name);
    let wanted = ["params", "tokens", "flops", "loss"].map(|n| column(n).unwrap());
    let outlier = column("oa_outlier");
    let mut rows = Vec::new();
    for (i, line) in lines.enumerate() {
        let fields: Vec<&str> = line.split(',').collect();
        if outlier.is_some_and(|o| fields[o] == "1") {
            continue;
        }
        let [n, d, c, l] = wanted.map(|w| fields[w].parse::<f64>().unwrap());
        rows.push(Observation::new(format!("{i}"), n, d, c, l));
    }
    rows
}

/// Forecasts the runs of one table from those of another.
fn ladder(from: &str, to: &str) {
    let table = Table::new(read(from)).unwrap();
    let (forecaster, fit) = forecaster(&table).unwrap();
    println!("{from}: share of the law {:.2}; {:?}", forecaster.law_weight(), forecaster.trials());
    for run in read(to) {
        let f = forecaster.at_split(run.params, run.tokens).unwrap();
        let best = forecaster.at(run.flops).unwrap();
        let (p, i) = (f.new_run_nats.point, f.new_run_nats.interval.unwrap());
        let law = fit
            .result()
            .unwrap()
            .frontier
            .as_ref()
            .unwrap()
            .loss_at(run.params, run.tokens)
            .1
            .unwrap();
        println!(
            "  {:.2e}: {:.4}, forecast {p:.4} [{:.4}, {:.4}] {:+.1}% {}; best split {:.4}, minima {:.4}; the law {:.4} {:+.1}%",
            run.flops,
            run.loss_nats,
            i.lo,
            i.hi,
            100.0 * (p / run.loss_nats - 1.0),
            i.contains(run.loss_nats),
            best.loss_nats.point,
            best.by_minima.unwrap().point,
            law.point,
            100.0 * (law.point / run.loss_nats - 1.0)
        );
    }
}

fn tables(paths: &[String]) {
    let (mut all, mut all_law) = (Tally::default(), Tally::default());
    for path in paths {
        if let Some((from, to)) = path.split_once(':') {
            ladder(from, to);
            continue;
        }
        let rows = read(path);
        let largest = rows.iter().map(|r| r.flops).fold(0.0, f64::max);
        let smallest = rows.iter().map(|r| r.flops).fold(f64::INFINITY, f64::min);
        let (mut both, mut law) = (Tally::default(), Tally::default());
        let mut cut = largest / 1.2;
        while cut > 8.0 * smallest {
            let (train, test): (Vec<_>, Vec<_>) = rows.iter().cloned().partition(|r| r.flops < cut);
            cut /= 2.0;
            let Ok(table) = Table::new(train) else { continue };
            let Some((forecaster, fit)) = forecaster(&table) else { continue };
            for run in test.iter().filter(|r| r.flops < 12.0 * table.largest_flops()) {
                let Some(f) = forecaster.at_split(run.params, run.tokens) else { continue };
                both.add(&f.new_run_nats, run.loss_nats);
                let frontier = fit.result().ok().and_then(|r| r.frontier.clone());
                if let Some(e) = frontier.and_then(|f| f.loss_at(run.params, run.tokens).1) {
                    law.add(&e, run.loss_nats);
                }
            }
        }
        println!("{path}\n  forecast: {}\n  the law:  {}", both.show(), law.show());
        for (to, from) in [(&mut all, both), (&mut all_law, law)] {
            to.given += from.given;
            to.held += from.held;
            to.width += from.width;
            to.off.extend(from.off);
        }
    }
    println!("all\n  forecast: {}\n  the law:  {}", all.show(), all_law.show());
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(|a| a.parse::<usize>()) {
        None => simulate(400),
        Some(Ok(studies)) => simulate(studies),
        Some(Err(_)) => tables(&args),
    }
}
