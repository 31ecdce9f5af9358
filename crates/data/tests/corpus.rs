//! Corpora from end to end.

use std::path::Path;

use isoflop_data::{Corpus, DataError};
use isoflop_plan::{DataConfig, DataSource, TokenizerConfig};

fn text_config(folder: &Path, tokenizer: TokenizerConfig) -> DataConfig {
    DataConfig {
        source: DataSource::Text {
            paths: vec![folder.join("text").to_string_lossy().into_owned()],
            field: "text".into(),
        },
        tokenizer: Some(tokenizer),
        valid_fraction: 0.2,
        valid_tokens: 2000,
        max_bytes: None,
        seed: 0,
        cache: folder.join("cache"),
    }
}

/// Files of lines that name file and line, so that every token tells where it came from.
fn write_text(folder: &Path, files: usize) {
    std::fs::create_dir_all(folder.join("text/sub")).unwrap();
    for file in 0..files {
        let text: String = (0..20).map(|line| format!("file {file:03} line {line:02} of it\n")).collect();
        let name = if file % 2 == 0 { format!("text/{file}.txt") } else { format!("text/sub/{file}.md") };
        std::fs::write(folder.join(name), text).unwrap();
    }
}

fn prepare(config: &DataConfig) -> Result<Corpus, DataError> {
    Corpus::prepare(config, &mut |_| {})
}

#[test]
fn bytes_of_text_files() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 60);
    let config = text_config(folder.path(), TokenizerConfig::Bytes);
    let corpus = prepare(&config).unwrap();
    assert_eq!(corpus.vocab(), 256);
    let summary = corpus.summary().unwrap();
    assert_eq!(summary.documents, 60);
    assert_eq!(summary.train.pieces + summary.valid.pieces, 60);
    assert_eq!(summary.train.tokens + summary.valid.tokens, 60 + 60 * 20 * 23);
    assert!(summary.valid.tokens > 2000);
    assert_eq!(corpus.valid_tokens(), 2000);
    let again = prepare(&config).unwrap();
    assert_eq!(again.sha256(), corpus.sha256());
}
