//! Made studies of known truths: 5 budgets x 7 sizes around the optimum of each.

use isoflop_fit::{Observation, Table};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Loss in nats of N and D.
pub type Truth = fn(f64, f64) -> f64;

/// The largest budget.
pub const TOP: f64 = 1.6e19;

/// Hoffmann's law, as Epoch refitted it.
pub fn hoffmann(n: f64, d: f64) -> f64 {
    1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658)
}

/// No floor, and a power law of the best loss: what a law with a floor is above at the largest budgets.
pub fn kaplan(n: f64, d: f64) -> f64 {
    ((8.8e13 / n).powf(0.8) + 5.4e13 / d).powf(0.095)
}

/// N* and D* of a budget.
pub fn best(truth: Truth, flops: f64) -> (f64, f64) {
    let loss = |x: f64| truth(x.exp(), flops / 6.0 / x.exp());
    let (mut lo, mut hi) = (1e5f64.ln(), 1e12f64.ln());
    for _ in 0..100 {
        let (a, b) = (lo + (hi - lo) / 3.0, hi - (hi - lo) / 3.0);
        if loss(a) < loss(b) { hi = b } else { lo = a }
    }
    (lo.exp(), flops / 6.0 / lo.exp())
}

/// Losses scattered by `noise`, a standard deviation of ln L.
pub fn study(truth: Truth, noise: f64, random: &mut ChaCha8Rng) -> Table {
    let mut rows = Vec::new();
    for k in 0..5 {
        let flops = TOP / 2f64.powi(4 - k);
        let centre = best(truth, flops).0.ln();
        for i in 0..7 {
            let n = (centre + 4f64.ln() * (i as f64 / 3.0 - 1.0)).exp();
            let (d, z) = (flops / 6.0 / n, random.sample::<f64, _>(StandardNormal));
            let loss = truth(n, d) * (noise * z).exp();
            rows.push(Observation::new(format!("{k}-{i}"), n, d, flops, loss));
        }
    }
    Table::new(rows).unwrap()
}
