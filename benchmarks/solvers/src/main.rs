//! The crate's own solver beside argmin's L-BFGS on the same task: Hoffmann's law, Huber(1e-3) on ln L, centred, with the
//! analytic gradient, 240 runs. `cargo run --release` in this folder.
//!
//! Prints first how often each ends at the best known optimum of 200 tables, since a fast wrong answer is no answer, also with
//! a delta at which the loss is all kinks; then times both.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use argmin::core::{CostFunction, Error, Executor, Gradient};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use isoflop_fit::intervals::IntervalOptions;
use isoflop_fit::law::Hoffmann;
use isoflop_fit::parametric::{FitOptions, Starts, fit_law};
use isoflop_fit::{Objective, Observation, Table};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DELTA: f64 = 1e-3;

fn main() {
    for delta in [DELTA, 1e-5] {
        compare(delta);
    }
    divan::main();
}

/// How often each ends at the best optimum known, of 200 tables.
fn compare(delta: f64) {
    let tables: Vec<Table> = (0..200).map(|k| runs(1 + k)).collect();
    let mut excess: [Vec<f64>; 4] = Default::default();
    let mut evaluations = [0, 0];
    for (k, table) in tables.iter().enumerate() {
        let task = Task::new(table, delta);
        let own = fit_law(table, &Hoffmann, &options(delta, 4)).expect("a fit");
        evaluations[0] += own.evaluations;
        let driven = task.descend(task.start());
        evaluations[1] += task.evaluations.swap(0, Relaxed);
        let wild = task.descend(task.wild(k as u64));
        let nine = (0..8).map(|k| task.descend(task.wild(k))).fold(driven, f64::min);
        let ends = [own.objective_value, driven, wild, nine];
        let best = ends.into_iter().fold(f64::INFINITY, f64::min);
        excess.iter_mut().zip(ends).for_each(|(e, v)| e.push(v / best - 1.0));
    }
    println!(
        "Huber({delta:e}): ended within 1e-6 and 1e-9 (relative) of the best known, of {} tables",
        tables.len()
    );
    let names = [
        "own, 6 starts",
        "argmin, data-driven start",
        "argmin, one wild start",
        "argmin, 9 starts",
    ];
    for (name, excess) in names.iter().zip(&excess) {
        let share = |least: f64| {
            100.0 * excess.iter().filter(|e| **e <= least).count() as f64 / tables.len() as f64
        };
        println!("  {name:28} {:5.1}% {:5.1}%", share(1e-6), share(1e-9));
    }
    let mean = |k: usize| evaluations[k] as f64 / tables.len() as f64;
    println!("  evaluations: own {:.0} over all starts, argmin {:.0} a start", mean(0), mean(1));
}

#[divan::bench(args = [0, 4])]
fn own_solver_wild_starts(bencher: divan::Bencher, wild: usize) {
    let table = runs(1);
    bencher.bench(|| fit_law(&table, &Hoffmann, &options(DELTA, wild)));
}

#[divan::bench]
fn argmin_lbfgs_one_start(bencher: divan::Bencher) {
    let task = Task::new(&runs(1), DELTA);
    bencher.bench(|| task.descend(task.start()));
}

fn options(delta: f64, wild: usize) -> FitOptions {
    let intervals = IntervalOptions { draws: 0, ..Default::default() };
    let objective = Objective::Huber { delta };
    FitOptions { objective, intervals, starts: Starts { wild, seed: 0 } }
}

/// 240 runs around Epoch's law with 0.4% noise and a few outliers.
fn runs(seed: u64) -> Table {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut uniform = || random.random::<f64>();
    let one = |k: usize| {
        let n = 5e7 * 10f64.powf(2.4 * uniform());
        let d = 1e9 * 10f64.powf(2.2 * uniform());
        let bell = uniform() + uniform() + uniform() - 1.5;
        let scatter = 0.008 * bell * if k.is_multiple_of(40) { 8.0 } else { 1.0 };
        let loss = 1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658);
        Observation::new(format!("{k}"), n, d, 6.0 * n * d, loss * scatter.exp())
    };
    Table::new((0..240).map(one).collect()).expect("made rows are usable")
}

/// Centred logarithms; parameters are `e, a, alpha, b, beta` with L = exp(e) + exp(a - alpha x) + exp(b - beta y).
struct Task {
    x: Vec<f64>,
    y: Vec<f64>,
    log_loss: Vec<f64>,
    delta: f64,
    evaluations: AtomicUsize,
}

impl Task {
    fn new(table: &Table, delta: f64) -> Task {
        let column =
            |f: &dyn Fn(&Observation) -> f64| -> Vec<f64> { table.rows().iter().map(f).collect() };
        let centred = |v: Vec<f64>| {
            let mean = v.iter().sum::<f64>() / v.len() as f64;
            v.into_iter().map(|v| v - mean).collect()
        };
        Task {
            x: centred(column(&|r| r.params.ln())),
            y: centred(column(&|r| r.tokens.ln())),
            log_loss: column(&|r| r.loss_nats.ln()),
            delta,
            evaluations: AtomicUsize::new(0),
        }
    }

    fn start(&self) -> Vec<f64> {
        let least = self.log_loss.iter().copied().fold(f64::INFINITY, f64::min);
        vec![least + 0.8f64.ln(), least + 0.2f64.ln(), 0.35, least + 0.2f64.ln(), 0.35]
    }

    /// A start away from the data-driven one.
    fn wild(&self, seed: u64) -> Vec<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut off = |width: f64| width * (2.0 * random.random::<f64>() - 1.0);
        let width = [0.3, 1.5, 0.25, 1.5, 0.25];
        self.start().iter().zip(width).map(|(v, w)| v + off(w)).collect()
    }

    /// Value and gradient.
    fn evaluate(&self, p: &[f64]) -> (f64, [f64; 5]) {
        self.evaluations.fetch_add(1, Relaxed);
        let (mut value, mut gradient) = (0.0, [0.0; 5]);
        for ((x, y), target) in self.x.iter().zip(&self.y).zip(&self.log_loss) {
            let terms = [p[0].exp(), (p[1] - p[2] * x).exp(), (p[3] - p[4] * y).exp()];
            let loss: f64 = terms.iter().sum();
            let r = target - loss.ln();
            let psi = r.clamp(-self.delta, self.delta);
            value += psi * (r - 0.5 * psi);
            let share = terms.map(|t| -psi * t / loss);
            let slopes = [share[0], share[1], -x * share[1], share[2], -y * share[2]];
            gradient.iter_mut().zip(slopes).for_each(|(g, s)| *g += s);
        }
        (value, gradient)
    }

    /// The least value that L-BFGS sees on its way; where its line search gives up, that is still something.
    fn descend(&self, start: Vec<f64>) -> f64 {
        let least = Cell::new(f64::INFINITY);
        let watched = Watched { task: self, least: &least };
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), 7);
        let run = Executor::new(watched, solver)
            .configure(|state| state.param(start).max_iters(1000))
            .run();
        // How it ended is not asked: the value says it.
        drop(run);
        least.get()
    }
}

/// The task, remembering the least value asked for.
struct Watched<'a> {
    task: &'a Task,
    least: &'a Cell<f64>,
}

impl CostFunction for Watched<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, p: &Self::Param) -> Result<f64, Error> {
        let value = self.task.evaluate(p).0;
        self.least.set(self.least.get().min(value));
        Ok(value)
    }
}

impl Gradient for Watched<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, p: &Self::Param) -> Result<Vec<f64>, Error> {
        Ok(self.task.evaluate(p).1.to_vec())
    }
}
