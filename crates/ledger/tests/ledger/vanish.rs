//! The folder goes away under the process that writes to it.

use std::path::{Path, PathBuf};

use isoflop_ledger::{Ledger, LedgerError, read};

use crate::samples::{finished, passport};

/// A folder `runs/a` with one record and a file beside it.
fn study() -> (tempfile::TempDir, PathBuf, Ledger) {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("runs/a");
    let mut ledger = Ledger::open(&folder, "test").unwrap();
    ledger.keep_passport(passport()).unwrap();
    std::fs::write(folder.join("data.json"), "{}").unwrap();
    ledger.hold("data.json").unwrap();
    ledger.hold("not-there.json").unwrap();
    ledger.append(finished(0)).unwrap();
    ledger.check().unwrap();
    (above, folder, ledger)
}

fn deleted(folder: &Path) {
    std::fs::remove_dir_all(folder).unwrap();
}

fn all_above_deleted(folder: &Path) {
    std::fs::remove_dir_all(folder.parent().unwrap()).unwrap();
}

fn moved(folder: &Path) {
    std::fs::rename(folder, folder.with_extension("moved")).unwrap();
}

fn replaced(folder: &Path) {
    moved(folder);
    std::fs::create_dir(folder).unwrap();
}

fn replaced_by_another_study(folder: &Path) {
    replaced(folder);
    let mut other = Ledger::open(folder, "another").unwrap();
    other.append(finished(7)).unwrap();
}

fn ledger_deleted(folder: &Path) {
    std::fs::remove_file(folder.join("ledger.jsonl")).unwrap();
}

fn ledger_replaced_by_its_copy(folder: &Path) {
    let path = folder.join("ledger.jsonl");
    std::fs::copy(&path, folder.join("copy")).unwrap();
    std::fs::rename(folder.join("copy"), path).unwrap();
}

fn ledger_cut(folder: &Path) {
    let file = std::fs::File::options().write(true).open(folder.join("ledger.jsonl")).unwrap();
    file.set_len(10).unwrap();
}

#[cfg(unix)]
#[test]
fn nothing_is_lost_and_the_error_says_where_it_is() {
    let ways: [(fn(&Path), &str); 8] = [
        (deleted, "was deleted or moved"),
        (all_above_deleted, "was deleted or moved"),
        (moved, "was deleted or moved"),
        (replaced, "lost its ledger"),
        (replaced_by_another_study, "was replaced"),
        (ledger_deleted, "lost its ledger"),
        (ledger_replaced_by_its_copy, "was replaced"),
        (ledger_cut, "something else changed"),
    ];
    for (vanish, what) in ways {
        let (_above, folder, mut ledger) = study();
        vanish(&folder);
        let LedgerError::Vanished { folder: told, rescued: Some(rescued), .. } =
            ledger.append(finished(1)).unwrap_err()
        else {
            panic!("{what}");
        };
        assert_eq!((told, &rescued), (folder.clone(), &folder.with_extension("rescued")));
        let message = ledger.check().unwrap_err().to_string();
        assert!(message.contains(what) && message.contains("a.rescued"), "{message}");
        assert!(message.contains("hint: "), "{message}");

        // What ends from now on goes there, too.
        ledger.append(finished(2)).unwrap_err();
        assert_eq!(ledger.folder(), rescued);
        drop(ledger);
        let found = read(&rescued).unwrap();
        assert_eq!(found.records, [finished(0), finished(1), finished(2)], "{what}");
        assert_eq!(found.passports.len(), 1);
        assert_eq!(std::fs::read(rescued.join("data.json")).unwrap(), b"{}");
    }
}

#[test]
fn a_rescued_folder_is_not_written_over() {
    let (_above, folder, mut ledger) = study();
    std::fs::create_dir(folder.with_extension("rescued")).unwrap();
    moved(&folder);
    let message = ledger.check().unwrap_err().to_string();
    assert!(message.contains("a.rescued-2"), "{message}");
}

#[cfg(unix)]
#[test]
fn another_study_at_its_place_keeps_its_own_files() {
    let (_above, folder, mut ledger) = study();
    moved(&folder);
    let other = Ledger::open(&folder, "another").unwrap();
    ledger.check().unwrap_err();
    drop(ledger);
    drop(other);
    assert_eq!(read(&folder).unwrap().records, []);
}

#[cfg(unix)]
#[test]
fn without_its_lock_file_a_folder_still_has_one_writer() {
    let (_above, folder, mut ledger) = study();
    std::fs::remove_file(folder.join("ledger.lock")).unwrap();
    let refused = Ledger::open(&folder, "second").unwrap_err();
    assert!(matches!(refused, LedgerError::Locked { holder: Some(_), .. }), "{refused}");
    ledger.append(finished(1)).unwrap();
    drop(ledger);
    drop(Ledger::open(&folder, "third").unwrap());
}
