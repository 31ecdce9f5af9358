//! BPE and `tokenizer.json`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::fixture::{prepare, text_config};
use isoflop_data::{Corpus, Encoded, Stage};
use isoflop_plan::TokenizerConfig;

/// Sentences with enough variety for a few hundred merges, and characters of several bytes.
fn write_sentences(folder: &Path) {
    let words =
        ["über", "quick", "fox", "jumps", "naïve", "→", "lazy", "dog", "sequence", "window"];
    fs::create_dir_all(folder.join("text")).unwrap();
    for file in 0..80_u64 {
        let text: String = (0..200_u64)
            .map(|i| words[(file * 31 + i * i * 7 + i * file) as usize % words.len()])
            .flat_map(|word| [word, " "])
            .collect();
        fs::write(folder.join(format!("text/{file:02}.txt")), text + "日本語\n").unwrap();
    }
}

fn cached_tokenizer(cache: &Path) -> PathBuf {
    let folder = fs::read_dir(cache).unwrap().next().unwrap().unwrap().path();
    folder.join("tokenizer.json")
}

#[test]
fn bpe_is_deterministic_exact_in_size_and_accounts_for_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    write_sentences(folder.path());
    let config = text_config(folder.path(), TokenizerConfig::Bpe { vocab: 300 });
    let corpus = prepare(&config).unwrap();
    assert_eq!(corpus.vocab(), 300);
    let summary = corpus.summary().unwrap().clone();
    let trained = fs::read(cached_tokenizer(&config.cache)).unwrap();
    let tokenizer = corpus.tokenizer().unwrap();
    let mut encoded = Encoded::default();
    let text = "the <|endoftext|> naïve fox → 日本語 \u{1f980}\n";
    tokenizer.encode(text, &mut encoded).unwrap();
    assert_eq!(encoded.bytes.iter().map(|&b| usize::from(b)).sum::<usize>(), text.len());
    assert_eq!(encoded.ids.len(), encoded.bytes.len());
    assert!(encoded.ids.iter().all(|&id| id < 300 && id != tokenizer.separator()));

    assert!(summary.train.bytes as f64 / summary.train.tokens as f64 > 2.0);
    let context = 50;
    let share = corpus.valid_bytes(context) / (corpus.valid_sequences(context) * context) as f64;
    let all = summary.valid.bytes as f64 / summary.valid.tokens as f64;
    assert!((share / all - 1.0).abs() < 0.05, "{share} and {all} bytes per token");

    fs::remove_dir_all(&config.cache).unwrap();
    let again = prepare(&config).unwrap();
    assert_eq!(again.sha256(), corpus.sha256());
    assert!(fs::read(cached_tokenizer(&config.cache)).unwrap() == trained);
}

#[test]
fn bpe_needs_enough_text() {
    let folder = tempfile::tempdir().unwrap();
    write_sentences(folder.path());
    let config = text_config(folder.path(), TokenizerConfig::Bpe { vocab: 50_000 });
    let error = prepare(&config).unwrap_err().to_string();
    assert!(error.contains("of 50000 tokens") && error.contains("hint: "), "{error}");
}

#[test]
fn a_tokenizer_file_gives_the_tokens_of_the_tokenizer_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    write_sentences(folder.path());
    let bpe = text_config(folder.path(), TokenizerConfig::Bpe { vocab: 300 });
    let trained = prepare(&bpe).unwrap();
    let path = folder.path().join("mine.json");
    fs::copy(cached_tokenizer(&bpe.cache), &path).unwrap();
    let file = text_config(folder.path(), TokenizerConfig::File { path });
    let loaded = prepare(&file).unwrap();
    assert_eq!(loaded.sha256(), trained.sha256());
}

#[test]
fn unknown_tokens_and_broken_files_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    write_sentences(folder.path());
    let path = folder.path().join("words.json");
    let words = r#"{"version":"1.0","added_tokens":[],"pre_tokenizer":{"type":"Whitespace"},
        "model":{"type":"WordLevel","vocab":{"[UNK]":0,"</s>":1,"fox":2,"dog":9},"unk_token":"[UNK]"}}"#;
    fs::write(&path, words).unwrap();
    let config = text_config(folder.path(), TokenizerConfig::File { path: path.clone() });
    let corpus = prepare(&config).unwrap();
    assert_eq!(corpus.vocab(), 10, "ids may have holes");
    assert!(corpus.notes().iter().any(|n| n.contains("unknown")), "{:?}", corpus.notes());

    fs::write(&path, words.replace("</s>", "x")).unwrap();
    let error = prepare(&config).unwrap_err().to_string();
    assert!(error.contains("cannot be separated") && error.contains("hint: "), "{error}");
    fs::write(&path, "{}").unwrap();
    let error = prepare(&config).unwrap_err().to_string();
    assert!(error.contains("words.json") && error.contains("hint: "), "{error}");
}

#[test]
fn text_without_blanks_has_a_vocabulary_and_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("text")).unwrap();
    let mut state = 1_u32;
    let genome: String = (0..300_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"ACGT"[(state >> 30) as usize] as char
        })
        .collect();
    fs::write(folder.path().join("text/genome.txt"), genome).unwrap();
    let config = text_config(folder.path(), TokenizerConfig::Bpe { vocab: 400 });
    let mut stages = Vec::new();
    let corpus = Corpus::prepare(&config, &mut |progress| stages.push(progress.stage)).unwrap();
    assert_eq!(corpus.vocab(), 400);
    let train = corpus.summary().unwrap().train;
    assert!(train.bytes as f64 / train.tokens as f64 > 2.5, "{train:?}");
    assert!(stages.contains(&Stage::CountMerges), "{stages:?}");
}
