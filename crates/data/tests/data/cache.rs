//! The token cache: reused, and rebuilt when it is damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::fixture::{prepare, text_config, write_text};
use isoflop_plan::TokenizerConfig;

fn folders(cache: &Path) -> Vec<PathBuf> {
    fs::read_dir(cache).unwrap().map(|e| e.unwrap().path()).collect()
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

#[test]
fn is_reused_and_leaves_no_litter() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 30);
    let config = text_config(folder.path(), TokenizerConfig::Bytes);
    prepare(&config).unwrap();
    let [built] = &folders(&config.cache)[..] else { panic!("one folder") };
    let before = modified(&built.join("train.tokens"));
    prepare(&config).unwrap();
    assert_eq!(modified(&built.join("train.tokens")), before);
    assert_eq!(folders(&config.cache).len(), 1);
}

#[test]
fn is_rebuilt_when_damaged() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 30);
    let config = text_config(folder.path(), TokenizerConfig::Bytes);
    let corpus = prepare(&config).unwrap();
    let sha256 = corpus.sha256().to_owned();
    drop(corpus);
    let [built] = &folders(&config.cache)[..] else { panic!("one folder") };
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 6] = [
        ("train.tokens", |b| b.truncate(b.len() - 2)),
        ("train.tokens", |b| b[20] ^= 1),
        ("valid.tokens", |b| b[0] ^= 1),
        ("valid.bytes", |b| b.clear()),
        ("meta.json", |b| b.truncate(40)),
        ("meta.json", |b| b.clear()),
    ];
    for (name, damage) in damages {
        let path = built.join(name);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let corpus = prepare(&config).unwrap();
        assert_eq!(corpus.sha256(), sha256);
        assert!(corpus.notes().iter().any(|n| n.starts_with("rebuilt")), "{name}");
        assert_eq!(folders(&config.cache).len(), 1);
    }
    assert!(prepare(&config).unwrap().notes().is_empty());
}

/// What stands by the tokens decides what they mean: no flipped bit of it is taken for good.
#[test]
fn a_flipped_bit_beside_the_tokens_is_found() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 30);
    let config = text_config(folder.path(), TokenizerConfig::Bpe { vocab: 300 });
    let corpus = prepare(&config).unwrap();
    let summary = corpus.summary().unwrap().clone();
    drop(corpus);
    let [built] = &folders(&config.cache)[..] else { panic!("one folder") };
    for name in ["meta.json", "tokenizer.json"] {
        let path = built.join(name);
        let good = fs::read(&path).unwrap();
        for round in 0..60 {
            let bit = round * good.len() * 8 / 60 + round % 8;
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &flipped).unwrap();
            let corpus = prepare(&config).unwrap();
            assert_eq!(corpus.summary().unwrap(), &summary, "{name}, bit {bit}");
            let rebuilt = corpus.notes().iter().any(|note| note.starts_with("rebuilt"));
            assert!(rebuilt && fs::read(&path).unwrap() == good, "{name}, bit {bit}");
        }
        fs::write(&path, &good).unwrap();
    }
}

/// Without its file a tokenizer must not pass for bytes.
#[test]
fn a_lost_tokenizer_is_trained_again() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 30);
    let config = text_config(folder.path(), TokenizerConfig::Bpe { vocab: 300 });
    let sha256 = prepare(&config).unwrap().sha256().to_owned();
    let [built] = &folders(&config.cache)[..] else { panic!("one folder") };
    fs::remove_file(built.join("tokenizer.json")).unwrap();
    let corpus = prepare(&config).unwrap();
    let note = &corpus.notes()[0];
    assert!(note.starts_with("rebuilt") && note.contains("its tokenizer"), "{note}");
    assert_eq!(corpus.sha256(), sha256);
    assert_eq!(corpus.tokenizer().unwrap().vocab(), 300);
}

#[test]
fn flipped_tokens_are_found_and_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 30);
    let config = text_config(folder.path(), TokenizerConfig::Bytes);
    drop(prepare(&config).unwrap());
    let [built] = &folders(&config.cache)[..] else { panic!("one folder") };
    for name in ["train.tokens", "valid.tokens", "valid.bytes"] {
        let path = built.join(name);
        let right = fs::read(&path).unwrap();
        let mut bytes = right.clone();
        bytes[100] ^= 1;
        fs::write(&path, bytes).unwrap();
        let corpus = prepare(&config).unwrap();
        let [note] = corpus.notes() else { panic!("{:?}", corpus.notes()) };
        assert!(note.starts_with("rebuilt") && note.contains(name), "{note}");
        assert!(fs::read(&path).unwrap() == right);
    }
}
