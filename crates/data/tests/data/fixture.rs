//! Folders of small text files, and configurations that read them.

use std::collections::HashSet;
use std::path::Path;

use isoflop_data::{Corpus, DataError};
use isoflop_plan::{DataConfig, DataSource, TextConfig, TokenizerConfig};

/// Reads `folder/text` as bytes, caches in `folder/cache`.
pub fn text_config(folder: &Path, tokenizer: TokenizerConfig) -> DataConfig {
    DataConfig {
        source: DataSource::Text(TextConfig::new(vec![
            folder.join("text").to_string_lossy().into_owned(),
        ])),
        tokenizer: Some(tokenizer),
        valid_fraction: 0.2,
        valid_tokens: 2000,
        max_bytes: None,
        seed: 0,
        cache: folder.join("cache"),
    }
}

/// The text of one file: lines that name file and line.
pub fn text(file: usize) -> String {
    (0..20).map(|line| format!("file {file:03} line {line:02} of it\n")).collect()
}

/// Writes files `0..files`.
pub fn write_text(folder: &Path, files: usize) {
    std::fs::create_dir_all(folder.join("text/sub")).unwrap();
    for file in 0..files {
        let place = if file % 2 == 0 { "text" } else { "text/sub" };
        std::fs::write(folder.join(format!("{place}/{file:03}.txt")), text(file)).unwrap();
    }
}

pub fn prepare(config: &DataConfig) -> Result<Corpus, DataError> {
    Corpus::prepare(config, &mut |_| {})
}

/// The numbers of the files that turn up in bytes of text.
pub fn files_in(bytes: &[u8]) -> HashSet<String> {
    bytes
        .windows(8)
        .filter(|w| w.starts_with(b"file "))
        .map(|w| String::from_utf8_lossy(&w[5..]).into_owned())
        .collect()
}

/// All held-out bytes.
pub fn valid_text(corpus: &Corpus, context: usize) -> Vec<u8> {
    let mut window = vec![0; context + 1];
    let mut out = Vec::new();
    for index in 0..corpus.valid_sequences(context) {
        corpus.valid_sequence(index, context, &mut window);
        out.extend(window[1..].iter().map(|&id| id as u8));
    }
    out
}
