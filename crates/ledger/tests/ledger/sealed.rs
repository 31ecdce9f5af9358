//! What was changed after it was written shows.

use isoflop_ledger::{Append, Contents, Ledger, LedgerError, RunResult, Status, read, read_bytes};

use crate::samples::{cell, failed, finished, passport};

fn written() -> (tempfile::TempDir, Contents) {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    ledger.keep_passport(passport()).unwrap();
    ledger.append(finished(0)).unwrap();
    ledger.append(failed(1)).unwrap();
    drop(ledger);
    let contents = read(folder.path()).unwrap();
    assert_eq!(contents.unsealed, 0);
    (folder, contents)
}

#[test]
fn no_flipped_bit_of_a_ledger_is_read_without_a_word() {
    let (folder, contents) = written();
    let path = folder.path().join("ledger.jsonl");
    let good = std::fs::read(&path).unwrap();
    let passports = std::fs::read(folder.path().join("passport.json")).unwrap();
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(found) = read_bytes(folder.path(), &flipped, Some(&passports)) else { continue };
        // The last line without its end looks like one that a kill cut short, which is told.
        let torn = found.unfinished_line && found.records == contents.records[..1];
        let same = found.records == contents.records;
        assert!(same || torn, "bit {bit} of {}", flipped.escape_ascii());
    }
}

#[test]
fn no_flipped_bit_of_a_passport_is_read_without_a_word() {
    let (folder, contents) = written();
    let good = std::fs::read(folder.path().join("passport.json")).unwrap();
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(found) = read_bytes(folder.path(), b"", Some(&flipped)) {
            assert_eq!(found.passports, contents.passports, "bit {bit}");
        }
    }
}

/// As versions before checksums wrote them.
#[test]
fn lines_without_a_checksum_are_read_and_counted() {
    let (folder, contents) = written();
    let path = folder.path().join("ledger.jsonl");
    let old: String =
        contents.records.iter().map(|r| serde_json::to_string(r).unwrap() + "\n").collect();
    std::fs::write(&path, &old).unwrap();
    let found = read(folder.path()).unwrap();
    assert_eq!((found.records, found.unsealed), (contents.records, 2));

    // What follows from the rest is computed anew.
    for (from, to) in [
        ("\"steps\":100", "\"steps\":101"),
        ("\"seed\":0", "\"seed\":9"),
        ("\"data_sha256\":\"c0ffee\"", "\"data_sha256\":\"c0ffef\""),
        ("\"tokens\":102400", "\"tokens\":102401"),
        ("\"embedding\":16384", "\"embedding\":16385"),
        ("\"six_nd_total\":", "\"six_nd_total\":1"),
        ("\"step\":25,", "\"step\":26,"),
    ] {
        let changed = old.replacen(from, to, 1);
        assert_ne!(changed, old, "{from}");
        std::fs::write(&path, changed).unwrap();
        let told = read(folder.path()).unwrap_err();
        assert!(matches!(told, LedgerError::Corrupt { line: 1, .. }), "{from}: {told}");
    }
}

#[test]
fn a_finished_cell_without_a_loss_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    let mut no_number = finished(0);
    no_number.result.valid.as_mut().unwrap().loss_nats = f64::NAN;
    let mut none = finished(0);
    none.result.valid = None;
    for record in [no_number, none] {
        let told = ledger.append(record).unwrap_err();
        assert!(matches!(told, LedgerError::Unsound(_)), "{told}");
    }
    assert_eq!(std::fs::read(folder.path().join("ledger.jsonl")).unwrap(), b"");
    let status = Status::Diverged { step: 3, reason: "the loss is NaN".into() };
    let mut lost = finished(0);
    lost.result = RunResult::new("demo", "c0ffee", cell(0), status);
    assert_eq!(ledger.append(lost).unwrap(), Append::Written);
}

#[test]
fn a_passport_under_another_name_is_told() {
    let (folder, contents) = written();
    let (hash, _) = contents.passports.first_key_value().unwrap();
    let old = serde_json::to_string(&contents.passports).unwrap();
    let path = folder.path().join("passport.json");
    std::fs::write(&path, &old).unwrap();
    assert_eq!(read(folder.path()).unwrap().passports, contents.passports);
    std::fs::write(&path, old.replace("Test Adapter", "Best Adapter")).unwrap();
    let told = read(folder.path()).unwrap_err().to_string();
    assert!(told.contains(hash), "{told}");
}
