//! How fast windows come, in nanoseconds per token:
//!
//! ```text
//! cargo run --release -p isoflop-data --example throughput
//! ```

use std::time::Instant;

use isoflop_data::{Assessment, Corpus, LanguageOptions, assess};
use isoflop_plan::{DataConfig, DataSource, TokenizerConfig};

fn main() -> Result<(), isoflop_data::DataError> {
    let config = DataConfig {
        source: DataSource::Cargo,
        tokenizer: Some(TokenizerConfig::Bytes),
        valid_fraction: 0.05,
        valid_tokens: 131_072,
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
    let (text, assessment): (Corpus, Assessment) = assess(&config, &mut |_| {})?;
    println!("assess: {:.2} s\n\n{assessment}", start.elapsed().as_secs_f64());
    measure("cargo, bytes", &text);
    let options = LanguageOptions { vocab: 64, word_end: 0.3, exponent: 3.0, seed: 0 };
    measure("synthetic", &Corpus::synthetic(options, 131_072));
    Ok(())
}

fn measure(name: &str, corpus: &Corpus) {
    const CONTEXT: usize = 128;
    const WINDOWS: u64 = 50_000;
    let mut window = [0; CONTEXT + 1];
    let start = Instant::now();
    let mut sum = 0_i64;
    for index in 0..WINDOWS {
        corpus.train_sequence(1, index, CONTEXT, &mut window);
        sum += i64::from(window[CONTEXT]);
    }
    let seconds = start.elapsed().as_secs_f64();
    let tokens = (WINDOWS * CONTEXT as u64) as f64;
    println!(
        "{name}: {:.2} ns per token, {:.2} us per window of {CONTEXT} (sum {sum})",
        1e9 * seconds / tokens,
        1e6 * seconds / WINDOWS as f64
    );
}
