use isoflop_ledger::{Append, Ledger, LedgerError, read};

use crate::samples::{cell, failed, finished};

#[test]
fn records_survive_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    for seed in 0..3 {
        assert_eq!(ledger.append(finished(seed)).unwrap(), Append::Written);
    }
    let before = ledger.contents().clone();
    drop(ledger);
    let ledger = Ledger::open(folder.path(), "test").unwrap();
    assert_eq!(ledger.contents(), &before);
    assert_eq!(ledger.repair(), None);
    let cells: Vec<_> = (0..5).map(cell).collect();
    assert_eq!(ledger.remaining(&cells), vec![&cells[3], &cells[4]]);
}

#[test]
fn a_folder_that_is_not_there_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let contents = read(&folder.path().join("none")).unwrap();
    assert!(contents.records.is_empty() && contents.passports.is_empty());
}

#[test]
fn failed_cells_are_tried_again_and_the_last_record_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    ledger.append(failed(0)).unwrap();
    assert!(!ledger.is_done(&cell(0).id));
    ledger.append(failed(0)).unwrap();
    assert_eq!(ledger.append(finished(0)).unwrap(), Append::Written);
    assert!(ledger.is_done(&cell(0).id));
    let contents = read(folder.path()).unwrap();
    assert_eq!(contents.records.len(), 3);
    assert_eq!(contents.current().into_values().collect::<Vec<_>>(), vec![&finished(0)]);
}

#[test]
fn the_first_final_record_stands() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    ledger.append(finished(0)).unwrap();
    let mut again = finished(0);
    again.run.train_seconds = 99.0;
    assert_eq!(ledger.append(again.clone()).unwrap(), Append::AlreadyThere { same: true });
    let valid = again.result.valid.as_mut().unwrap();
    valid.loss_nats = f64::from_bits(valid.loss_nats.to_bits() + 1);
    assert_eq!(ledger.append(again).unwrap(), Append::AlreadyThere { same: false });
    assert_eq!(read(folder.path()).unwrap().records, vec![finished(0)]);
}

#[test]
fn two_final_records_of_one_cell_are_an_error_with_both_lines() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    ledger.append(finished(0)).unwrap();
    ledger.append(finished(1)).unwrap();
    drop(ledger);
    let path = folder.path().join("ledger.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.clone() + &text).unwrap();
    match read(folder.path()).unwrap_err() {
        LedgerError::Twice { line, first, .. } => assert_eq!((line, first), (3, 1)),
        other => panic!("{other}"),
    }
}

#[test]
fn the_deterministic_part_ignores_times_and_order() {
    let write = |order: &[u64], seconds: f64| {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path(), "test").unwrap();
        for &seed in order {
            let mut record = finished(seed);
            record.run.train_seconds = seconds;
            record.run.resumed = seed as u32;
            ledger.append(record).unwrap();
        }
        read(folder.path()).unwrap().deterministic_jsonl()
    };
    let text = write(&[0, 1, 2], 1.0);
    assert_eq!(text, write(&[2, 0, 1], 7.0));
    assert_ne!(text, write(&[0, 1, 3], 1.0));
    assert_eq!(text.lines().count(), 3);
}

#[test]
fn temporary_files_of_killed_processes_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let left = [".isoflop-a1b2.tmp", "plots/.isoflop-c3.tmp"].map(|name| folder.path().join(name));
    let kept = folder.path().join("plots/notes.tmp");
    std::fs::create_dir(folder.path().join("plots")).unwrap();
    for file in left.iter().chain([&kept]) {
        std::fs::write(file, "half").unwrap();
    }
    Ledger::open(folder.path(), "sweep").unwrap();
    assert!(left.iter().all(|file| !file.exists()) && kept.exists());
}
