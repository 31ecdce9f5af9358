use isoflop_ledger::{Ledger, LedgerError, Repair, read};

use crate::samples::{cell, finished};

fn two_records() -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    ledger.append(finished(0)).unwrap();
    ledger.append(finished(1)).unwrap();
    drop(ledger);
    let bytes = std::fs::read(folder.path().join("ledger.jsonl")).unwrap();
    (folder, bytes)
}

#[test]
fn a_kill_inside_the_last_line_loses_that_line_only() {
    let (folder, bytes) = two_records();
    let path = folder.path().join("ledger.jsonl");
    let first = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    // Every sort of byte: all near the two ends, a sample between (each cut waits for the disk several times).
    let near_an_end = |cut: usize| cut < first + 12 || cut + 4 > bytes.len();
    for cut in (first..=bytes.len()).filter(|&cut| near_an_end(cut) || cut % 29 == 0) {
        let aside = folder.path().join("ledger.torn");
        let _ = std::fs::remove_file(&aside);
        std::fs::write(&path, &bytes[..cut]).unwrap();

        // A reader sees the whole records and says that there was more.
        let torn = cut > first && cut < bytes.len() - 1;
        let contents = read(folder.path()).unwrap();
        assert_eq!(contents.unfinished_line, torn, "cut at {cut}");

        let mut ledger = Ledger::open(folder.path(), "test").unwrap();
        match ledger.repair() {
            Some(Repair::TornLine { line, bytes: moved, moved_to }) => {
                assert!(torn, "cut at {cut}");
                assert_eq!((*line, *moved), (2, cut - first));
                let kept = std::fs::read(moved_to).unwrap();
                assert_eq!(kept, [&bytes[first..cut], b"\n"].concat());
            }
            Some(Repair::LineEndAdded { line }) => assert_eq!((*line, cut), (2, bytes.len() - 1)),
            None => assert!(cut == first || cut == bytes.len(), "cut at {cut}"),
        }
        // Whatever happened, the cell can be finished and the file is as if nothing had.
        if !ledger.is_done(&cell(1).id) {
            ledger.append(finished(1)).unwrap();
        }
        drop(ledger);
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "cut at {cut}");
    }
}

#[test]
fn zeroes_at_the_end_are_torn_too() {
    let (folder, bytes) = two_records();
    let path = folder.path().join("ledger.jsonl");
    std::fs::write(&path, [&bytes[..], &[0; 4096]].concat()).unwrap();
    let ledger = Ledger::open(folder.path(), "test").unwrap();
    assert!(matches!(ledger.repair(), Some(Repair::TornLine { line: 3, bytes: 4096, .. })));
    assert!(ledger.repair().unwrap().to_string().contains("ledger.torn"));
    drop(ledger);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

/// A power cut may keep the end of a line and not what is before it.
#[test]
fn a_last_line_with_zeroes_in_it_is_torn_and_one_before_is_not() {
    let (folder, bytes) = two_records();
    let path = folder.path().join("ledger.jsonl");
    let first = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let mut last = bytes.clone();
    last[first + 100..first + 200].fill(0);
    std::fs::write(&path, &last).unwrap();
    let ledger = Ledger::open(folder.path(), "test").unwrap();
    assert!(matches!(ledger.repair(), Some(Repair::TornLine { line: 2, .. })));
    assert!(!ledger.is_done(&cell(1).id));
    drop(ledger);
    let mut before = bytes.clone();
    before[100..200].fill(0);
    std::fs::write(&path, &before).unwrap();
    let error = Ledger::open(folder.path(), "test").unwrap_err();
    assert!(matches!(error, LedgerError::Corrupt { line: 1, .. }), "{error}");
}

#[test]
fn a_corrupt_line_elsewhere_is_an_error_that_names_it() {
    let (folder, bytes) = two_records();
    let path = folder.path().join("ledger.jsonl");
    let text = String::from_utf8(bytes).unwrap();
    let damaged = [
        (1, text.replacen("\"schema\":1,", "\"schema\":1", 1)),
        (1, text.replacen("\"seed\":0", "\"seed\":-1", 1)),
        (1, text.replacen("\"study\"", "\"stuDy\"", 1)),
        (2, text.replacen('\n', "\n\n", 1)),
        (3, text.clone() + "{}\n"),
        (3, text.clone() + "not json\n{}"),
    ];
    for (line, text) in damaged {
        std::fs::write(&path, &text).unwrap();
        for error in [read(folder.path()).err(), Ledger::open(folder.path(), "test").err()] {
            match error.expect(&text) {
                error @ LedgerError::Corrupt { line: found, .. } => {
                    assert_eq!(found, line, "{error}");
                    let message = error.to_string();
                    assert!(message.contains(&format!("line {line}")), "{message}");
                    assert!(message.contains("hint: "), "{message}");
                }
                other => panic!("{other}"),
            }
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "an error must change nothing");
    }
}

#[test]
fn another_format_is_refused_not_guessed_at() {
    let (folder, bytes) = two_records();
    let path = folder.path().join("ledger.jsonl");
    let text = String::from_utf8(bytes).unwrap() + "{\"schema\":2,\"new\":true}\n";
    std::fs::write(&path, text).unwrap();
    match read(folder.path()).unwrap_err() {
        LedgerError::Schema { line, found, .. } => assert_eq!((line, found), (3, 2)),
        other => panic!("{other}"),
    }
}
