//! How long data takes: preparing it, and windows per second by each way to read them (medians):
//!
//! ```text
//! cargo run --release -p isoflop-data --example throughput
//! ```

use std::time::Instant;

use burn_dataset::transform::{
    Mapper, MapperDataset, SamplerDataset, SamplerDatasetOptions, ShuffledDataset,
};
use isoflop_data::{Corpus, DataError, Dataset, LanguageOptions, Window, assess};
use isoflop_plan::{DataConfig, DataSource, TokenizerConfig};

const CONTEXT: usize = 64;
/// Windows that a timed round reads.
const WINDOWS: usize = 100_000;
const ROUNDS: usize = 15;

fn main() -> Result<(), DataError> {
    // Half of the text on each side, so that burn's shuffling, which wants windows in the order of
    // the text, has as many to shuffle as the project's own order.
    let config = DataConfig {
        source: DataSource::Cargo,
        tokenizer: Some(TokenizerConfig::Bytes),
        valid_fraction: 0.5,
        valid_tokens: 25_600_000,
        max_bytes: None,
        seed: 0,
        cache: std::env::temp_dir().join("isoflop-throughput"),
    };
    for pass in ["first", "cached"] {
        let start = Instant::now();
        Corpus::prepare(&config, &mut |_| {})?;
        println!("prepare, {pass}: {:.2} s", start.elapsed().as_secs_f64());
    }
    let start = Instant::now();
    let (text, assessment) = assess(&config, &mut |_| {})?;
    println!("assess: {:.2} s\n\n{assessment}", start.elapsed().as_secs_f64());
    let options = LanguageOptions { vocab: 64, word_end: 0.3, exponent: 3.0, seed: 0 };
    compare("cargo, bytes", &text)?;
    compare("synthetic", &Corpus::synthetic(options, 25_600_000))
}

struct InputsAndTargets;

impl Mapper<Window, (Vec<i32>, Vec<i32>)> for InputsAndTargets {
    fn map(&self, window: &Window) -> (Vec<i32>, Vec<i32>) {
        (window.inputs().to_vec(), window.targets().to_vec())
    }
}

fn compare(name: &str, corpus: &Corpus) -> Result<(), DataError> {
    let order = corpus.windows(CONTEXT)?.train(1, WINDOWS);
    let mapped = MapperDataset::new(order, InputsAndTargets);
    let plain = corpus.windows(CONTEXT)?.valid();
    let start = Instant::now();
    let shuffled = ShuffledDataset::new(plain, 1_u64);
    let shuffling = start.elapsed().as_secs_f64();
    let options = || SamplerDatasetOptions::default().without_replacement().with_seed(1);
    let sampler = SamplerDataset::new(plain, options());
    let start = Instant::now();
    sampler.get(0).expect("a window is read from memory");
    let sampling = start.elapsed().as_secs_f64();

    let mut window = [0; CONTEXT + 1];
    let mut batch = Vec::with_capacity(WINDOWS * (CONTEXT + 1));
    let append = |batch: &mut Vec<i32>, dataset: &dyn Dataset<Window>| {
        for index in 0..WINDOWS {
            let window = dataset.get(index).expect("a window is read from memory");
            batch.extend_from_slice(&window.tokens);
        }
    };
    let mut rounds: [(&str, Vec<f64>); 6] = [
        ("Corpus::train_sequence", vec![]),
        ("WindowDataset", vec![]),
        ("MapperDataset, inputs and targets", vec![]),
        ("WindowDataset in the order of the text", vec![]),
        ("ShuffledDataset", vec![]),
        ("SamplerDataset", vec![]),
    ];
    for _ in 0..ROUNDS {
        for (way, (_, seconds)) in rounds.iter_mut().enumerate() {
            batch.clear();
            let start = Instant::now();
            match way {
                0 => {
                    for index in 0..WINDOWS as u64 {
                        corpus.train_sequence(1, index, CONTEXT, &mut window);
                        batch.extend_from_slice(&window);
                    }
                }
                1 => append(&mut batch, &order),
                2 => {
                    for index in 0..WINDOWS {
                        let pair = mapped.get(index).expect("a window is read from memory");
                        batch.extend_from_slice(&pair.0);
                        batch.extend_from_slice(&pair.1);
                    }
                }
                3 => append(&mut batch, &plain),
                4 => append(&mut batch, &shuffled),
                _ => append(&mut batch, &sampler),
            }
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    println!(
        "\n{name}, windows of {CONTEXT}: index vectors of {} windows take {:.1} ms (ShuffledDataset), {:.1} ms (SamplerDataset)",
        plain.len(),
        1e3 * shuffling,
        1e3 * sampling
    );
    let first = median(&mut rounds[0].1);
    for (way, seconds) in &mut rounds {
        let seconds = median(seconds);
        println!(
            "{way:<40} {:>6.2} million windows/s, {:>5.0} ns each, {:.2} of the first",
            WINDOWS as f64 / seconds / 1e6,
            1e9 * seconds / WINDOWS as f64,
            seconds / first
        );
    }
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
