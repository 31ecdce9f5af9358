//! Writes a large table of runs around Besiroglu et al.'s law, to time `sweep fit` on: nine budgets, or any C with `free`.
//!
//! `cargo run --release -p isoflop-fit --example large -- 1000000 [free] > runs.csv`

use std::io::{BufWriter, Write};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let rows: usize = arguments.next().map_or(100_000, |n| n.parse().expect("a number of rows"));
    let free = arguments.next().is_some_and(|word| word == "free");
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut out = BufWriter::new(std::io::stdout().lock());
    writeln!(out, "params,tokens,flops,loss")?;
    for _ in 0..rows {
        let place =
            if free { 8.0 * random.random::<f64>() } else { f64::from(random.random_range(0..9)) };
        let flops = 1e17 * 10f64.powf(0.5 * place);
        let best = 1.03e8 * (flops / 1e18).powf(0.5126);
        let n = best * (3.0 * (random.random::<f64>() - 0.5)).exp();
        let d = flops / 6.0 / n;
        let noise: f64 = 0.002 * random.sample::<f64, _>(StandardNormal);
        let loss = (1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658)) * noise.exp();
        writeln!(out, "{n:.6e},{d:.6e},{flops:.6e},{loss:.6}")?;
    }
    out.flush()
}
