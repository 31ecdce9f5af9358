use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use isoflop_ledger::{Ledger, LedgerError, Mending, read, writer};

use crate::samples::finished;

const FOLDER: &str = "ISOFLOP_TEST_HOLD_FOLDER";

/// Not a test: the other process of the tests below, which start this binary again. Without the variable it does nothing.
#[test]
fn hold_a_folder_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let mut ledger = Ledger::open(Path::new(&folder), "sweep --config other.toml").unwrap();
    ledger.append(finished(0)).unwrap();
    println!("holding");
    std::thread::sleep(std::time::Duration::from_secs(60));
}

fn start_holder(folder: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lock::hold_a_folder_until_killed", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("holding")));
    child
}

#[test]
fn a_second_process_is_refused_by_name_and_death_frees_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start_holder(folder.path());
    match Ledger::open(folder.path(), "sweep").unwrap_err() {
        error @ LedgerError::Locked { .. } => {
            let message = error.to_string();
            assert!(message.contains(&format!("process {}", child.id())), "{message}");
            assert!(message.contains("sweep --config other.toml"), "{message}");
            assert!(message.contains("hint: "), "{message}");
            let LedgerError::Locked { holder: Some(holder), .. } = error else { panic!() };
            assert!(!holder.host.is_empty());
            assert!(holder.started_utc.ends_with('Z'), "{}", holder.started_utc);
        }
        other => panic!("{other}"),
    }
    assert_eq!(writer(folder.path()).unwrap().unwrap().pid, child.id());
    // Reading needs no right to the folder.
    assert_eq!(read(folder.path()).unwrap().records, vec![finished(0)]);

    child.kill().unwrap();
    child.wait().unwrap();
    // The name of the dead process is still there.
    assert!(folder.path().join("ledger.holder.json").exists());
    assert_eq!(writer(folder.path()).unwrap(), None);
    let ledger = Ledger::open(folder.path(), "sweep").unwrap();
    assert_eq!(ledger.contents().records.len(), 1);
}

#[test]
fn closing_frees_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    drop(Ledger::open(folder.path(), "first").unwrap());
    assert!(!folder.path().join("ledger.holder.json").exists());
    drop(Ledger::open(folder.path(), "second").unwrap());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Ledger::open(&file.join("runs"), "test").unwrap_err();
    let message = error.to_string();
    assert!(message.contains("cannot create") && message.contains("file"), "{message}");
    assert!(message.contains("hint: "), "{message}");
}

#[test]
fn nobody_writes_while_a_folder_is_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "sweep").unwrap();
    ledger.append(finished(0)).unwrap();
    let locked =
        |command| matches!(Mending::begin(folder.path(), command), Err(LedgerError::Locked { .. }));
    assert!(locked("sweep check --mend"));
    drop(ledger);

    let path = folder.path().join("ledger.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text + "{}\n").unwrap();
    let mut mending = Mending::begin(folder.path(), "sweep check --mend").unwrap();
    let refused =
        || matches!(Ledger::open(folder.path(), "sweep"), Err(LedgerError::Locked { .. }));
    assert!(refused());
    assert_eq!(mending.mend().unwrap().lines.unwrap().0, 1);
    assert!(refused());
    if cfg!(unix) {
        // Nor one that makes a lock file of its own.
        std::fs::remove_file(folder.path().join("ledger.lock")).unwrap();
        assert!(refused());
    }
    drop(mending);
    assert_eq!(Ledger::open(folder.path(), "sweep").unwrap().contents().records, [finished(0)]);
}
