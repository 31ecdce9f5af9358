//! The split, the windows and their order.

use crate::fixture::{files_in, prepare, text, text_config, valid_text, write_text};
use isoflop_data::DataError;
use isoflop_plan::TokenizerConfig;

#[test]
fn counts_add_up() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 60);
    let corpus = prepare(&text_config(folder.path(), TokenizerConfig::Bytes)).unwrap();
    assert_eq!(corpus.vocab(), 256);
    let summary = corpus.summary().unwrap();
    assert_eq!(summary.documents, 60);
    assert_eq!(summary.train.pieces + summary.valid.pieces, 60);
    assert_eq!(summary.train.bytes + summary.valid.bytes, summary.bytes);
    assert_eq!(summary.train.tokens + summary.valid.tokens, 60 * (1 + text(0).len() as u64));
    assert_eq!(corpus.valid_tokens(), 2000);
    assert_eq!(corpus.valid_sequences(64), 31);
    assert!(corpus.notes().is_empty(), "{:?}", corpus.notes());
}

#[test]
fn held_out_documents_are_never_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 60);
    let corpus = prepare(&text_config(folder.path(), TokenizerConfig::Bytes)).unwrap();
    let context = 40;
    let held_out = files_in(&valid_text(&corpus, context));
    assert!(held_out.len() >= 3, "{held_out:?}");
    let mut seen = std::collections::HashSet::new();
    let mut window = vec![0; context + 1];
    for index in 0..3 * corpus.train_windows(context).unwrap() {
        corpus.train_sequence(5, index, context, &mut window);
        let bytes: Vec<u8> = window.iter().map(|&id| id as u8).collect();
        seen.extend(files_in(&bytes));
    }
    assert!(seen.is_disjoint(&held_out));
    assert_eq!(seen.len() + held_out.len(), 60, "three epochs see every other file");
}

#[test]
fn new_files_do_not_move_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 40);
    let config = text_config(folder.path(), TokenizerConfig::Bytes);
    let before = prepare(&config).unwrap();
    write_text(folder.path(), 60);
    let after = prepare(&config).unwrap();
    assert_ne!(before.sha256(), after.sha256());
    let old = files_in(&valid_text(&before, 50));
    let new = files_in(&valid_text(&after, 50));
    // What is held out now and was there before, was held out before.
    let moved: Vec<_> = new.iter().filter(|f| f.as_str() < "040" && !old.contains(*f)).collect();
    assert!(moved.is_empty(), "{moved:?}");
}

#[test]
fn windows_are_a_function_of_seed_and_index() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 60);
    let corpus = prepare(&text_config(folder.path(), TokenizerConfig::Bytes)).unwrap();
    let window = |seed, index| {
        let mut out = vec![0; 33];
        corpus.train_sequence(seed, index, 32, &mut out);
        out
    };
    let far = 1_000_000_007;
    assert_eq!(window(1, far), window(1, far));
    let differ = (0..50).filter(|&i| window(1, i) != window(2, i)).count();
    assert!(differ > 40, "{differ}");
}

#[test]
fn one_epoch_covers_the_training_text() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 60);
    let corpus = prepare(&text_config(folder.path(), TokenizerConfig::Bytes)).unwrap();
    let context = 64;
    let mut counts = std::collections::HashMap::<String, usize>::new();
    let mut window = vec![0; context + 1];
    for index in 0..corpus.train_windows(context).unwrap() {
        corpus.train_sequence(9, index, context, &mut window);
        let bytes: Vec<u8> = window[1..].iter().map(|&id| id as u8).collect();
        for line in bytes.split(|&b| b == b'\n').filter(|l| l.len() == 22) {
            *counts.entry(String::from_utf8_lossy(line).into_owned()).or_default() += 1;
        }
    }
    // No whole line is a target twice in one epoch.
    assert!(counts.values().all(|&c| c == 1));
    assert!(counts.len() > 500);
}

#[test]
fn duplicates_are_removed_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 60);
    let config = text_config(folder.path(), TokenizerConfig::Bytes);
    let before = prepare(&config).unwrap();
    // A copy with Windows line ends is a copy. Its name sorts last, so the first one stays.
    let copy = text(3).replace('\n', "\r\n");
    std::fs::write(folder.path().join("text/zzz.txt"), copy).unwrap();
    let after = prepare(&config).unwrap();
    let summary = after.summary().unwrap();
    assert_eq!(summary.duplicate_pieces, 1);
    assert_eq!(summary.duplicate_bytes, text(3).len() as u64);
    assert_eq!(after.sha256(), before.sha256(), "the same tokens are trained on");
    assert_eq!(summary.crlf_documents, 1);
}

#[test]
fn max_bytes_keeps_the_held_out_set() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 60);
    let mut config = text_config(folder.path(), TokenizerConfig::Bytes);
    let all = prepare(&config).unwrap();
    config.max_bytes = Some(5000);
    let some = prepare(&config).unwrap();
    assert_eq!(valid_text(&all, 50), valid_text(&some, 50));
    let summary = some.summary().unwrap();
    assert!((4000..=5000).contains(&summary.train.bytes), "{}", summary.train.bytes);
    assert_eq!(summary.train.bytes + summary.beyond_max_bytes + summary.valid.bytes, summary.bytes);
}

#[test]
fn too_little_text() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 1);
    let config = text_config(folder.path(), TokenizerConfig::Bytes);
    let error = prepare(&config).unwrap_err();
    assert!(matches!(error, DataError::TooSmall { .. }), "{error}");
    write_text(folder.path(), 2);
    let corpus = prepare(&config).unwrap();
    assert!(corpus.notes()[0].contains("not the 2000 asked for"), "{:?}", corpus.notes());
    corpus.check_context(100).unwrap();
    let error = corpus.check_context(1000).unwrap_err().to_string();
    assert!(error.contains("1000") && error.contains("hint:"), "{error}");
}

#[test]
fn another_seed_holds_out_other_documents() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 60);
    let mut config = text_config(folder.path(), TokenizerConfig::Bytes);
    let one = prepare(&config).unwrap();
    config.seed = 1;
    let two = prepare(&config).unwrap();
    assert_ne!(one.sha256(), two.sha256());
    assert_ne!(files_in(&valid_text(&one, 50)), files_in(&valid_text(&two, 50)));
}
