//! How often a 95% interval holds the truth: simulated studies of 5 budgets x 6 sizes whose losses
//! carry 0.5% noise.
//!
//! `cargo run --release -p isoflop-fit --example coverage -- [data sets] [draws] [method]`

use isoflop_fit::envelope::{EnvelopeOptions, curves_of, fit_envelope};
use isoflop_fit::intervals::{IntervalOptions, Resampling};
use isoflop_fit::isoflop::{IsoflopOptions, Method, fit_isoflop};
use isoflop_fit::law::Hoffmann;
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::{Estimate, Objective, Observation, Table};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// E, A, alpha, B, beta.
const LAWS: [(&str, [f64; 5]); 3] = [
    ("epoch", [1.8172, 482.01, 0.3478, 2085.43, 0.3658]),
    ("chinchilla", [1.69337368, 406.401018, 0.33917084, 410.722827, 0.2849083]),
    ("lopsided", [1.69, 400.0, 0.465, 400.0, 0.155]),
];

fn log_params([_, a, alpha, b, beta]: [f64; 5], flops: f64) -> f64 {
    ((alpha * a / (beta * b)).ln() + beta * (flops / 6.0).ln()) / (alpha + beta)
}

fn table(law: [f64; 5], noise: f64, random: &mut ChaCha8Rng) -> Table {
    let [e, a, alpha, b, beta] = law;
    let mut rows = Vec::new();
    for k in 0..5 {
        let flops = 1e18 * 10f64.powf(0.5 * k as f64);
        let centre = log_params(law, flops);
        for i in 0..6 {
            let n = (centre + 4f64.ln() * (i as f64 / 2.5 - 1.0)).exp();
            let d = flops / 6.0 / n;
            let z: f64 = random.sample(StandardNormal);
            let loss = (e + a / n.powf(alpha) + b / d.powf(beta)) * (noise * z).exp();
            rows.push(Observation::new(format!("{k}-{i}"), n, d, flops, loss));
        }
    }
    Table::new(rows).unwrap()
}

#[derive(Default, Clone, Copy)]
struct Tally {
    given: usize,
    exponent: usize,
    far: usize,
    width: f64,
    far_width: f64,
    /// New runs at N* of 10 times the largest C, and how many their intervals held.
    runs: usize,
    held: usize,
}

impl Tally {
    fn add(&mut self, exponent: &Estimate, a: f64, far: &Estimate, n: f64) {
        let (Some(i), Some(j)) = (exponent.interval, far.interval) else { return };
        self.given += 1;
        self.exponent += usize::from(i.contains(a));
        self.far += usize::from(j.contains(n));
        self.width += i.hi - i.lo;
        self.far_width += (j.hi / j.lo).ln();
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let sets = args.next().map_or(400, |a| a.parse().expect("a number of data sets"));
    let draws = args.next().map_or(600, |a| a.parse().expect("a number of draws"));
    let only = args.next().unwrap_or_default();
    let mut methods: Vec<(String, Kind)> = Vec::new();
    for objective in [Objective::default(), Objective::SquaredLog] {
        for scheme in [Resampling::Pairs, Resampling::Slices, Resampling::Wild] {
            methods.push((
                format!("3 {} {}", objective.name(), scheme.name()),
                Kind::Law(objective, scheme),
            ));
        }
    }
    for method in Method::COMPARED {
        methods.push((format!("2 {}", method.name()), Kind::Slices(method)));
    }
    methods.push(("1 envelope".into(), Kind::Envelope));
    methods.retain(|(label, _)| label.contains(&only));
    for (name, law) in LAWS {
        println!("{name}: {sets} data sets, {draws} draws");
        let a = law[4] / (law[2] + law[4]);
        let flops = 1e22;
        let n = log_params(law, flops).exp();
        for (label, kind) in &methods {
            let mut tally = Tally::default();
            for set in 0..sets {
                let table = table(law, 0.005, &mut ChaCha8Rng::seed_from_u64(set as u64));
                match kind {
                    Kind::Law(objective, scheme) => {
                        let intervals = IntervalOptions {
                            resampling: Some(*scheme),
                            draws,
                            ..Default::default()
                        };
                        let options =
                            FitOptions { objective: *objective, intervals, ..Default::default() };
                        let fit = fit_law(&table, &Hoffmann, &options).unwrap();
                        let Ok(result) = fit.result() else { continue };
                        let far = result.frontier.as_ref().unwrap().at(flops).unwrap();
                        tally.add(&result.exponents.unwrap().params, a, &far.params, n);
                        // A new run where the true law has its best split of 1e21 FLOPs.
                        let [e, big_a, alpha, big_b, beta] = law;
                        let params = log_params(law, 1e21).exp();
                        let tokens = 1e21 / 6.0 / params;
                        let mut random = ChaCha8Rng::seed_from_u64(1_000_000 + set as u64);
                        let noise = (0.005 * random.sample::<f64, _>(StandardNormal)).exp();
                        let run =
                            noise * (e + big_a / params.powf(alpha) + big_b / tokens.powf(beta));
                        let (_, new) = result.frontier.as_ref().unwrap().loss_at(params, tokens);
                        if let Some(interval) = new.and_then(|e| e.interval) {
                            tally.runs += 1;
                            tally.held += usize::from(interval.contains(run));
                        }
                    }
                    Kind::Slices(method) => {
                        let options =
                            IsoflopOptions { method: *method, draws, ..Default::default() };
                        let Ok(fit) = fit_isoflop(&table, &options) else { continue };
                        let far = fit.at(flops).unwrap();
                        tally.add(&fit.params.exponent, a, &far.params, n);
                    }
                    Kind::Envelope => {
                        let options = EnvelopeOptions { draws, ..Default::default() };
                        let Ok(fit) = fit_envelope(&curves_of(&table), &options) else { continue };
                        let far = fit.at(flops).unwrap();
                        tally.add(&fit.params, a, &far.params, n);
                    }
                }
            }
            let share = |k: usize| 100.0 * k as f64 / tally.given as f64;
            println!(
                "  {label:40} given {:4}  a {:5.1}% (width {:.4})  N* {:5.1}% (x{:.2})  new run {}",
                tally.given,
                share(tally.exponent),
                tally.width / tally.given as f64,
                share(tally.far),
                (0.5 * tally.far_width / tally.given as f64).exp(),
                match tally.runs {
                    0 => "-".into(),
                    runs => format!("{:.1}%", 100.0 * tally.held as f64 / runs as f64),
                },
            );
        }
    }
}

enum Kind {
    Law(Objective, Resampling),
    Slices(Method),
    Envelope,
}
