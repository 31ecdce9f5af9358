//! A ledger in parts: readers see one.

use std::path::Path;

use isoflop_ledger::{
    Append, Ledger, LedgerError, Presence, Record, has_ledger, parts, read, read_with_hash, shard,
    shard_writers, shards,
};
use isoflop_plan::Config;
use proptest::prelude::*;

use crate::samples::{failed, finished, passport};

fn write(mut ledger: Ledger, records: impl IntoIterator<Item = Record>) {
    ledger.keep_passport(passport()).unwrap();
    for record in records {
        assert_eq!(ledger.append(record).unwrap(), Append::Written);
    }
}

fn whole(folder: &Path, records: impl IntoIterator<Item = Record>) {
    write(Ledger::open(folder, "test").unwrap(), records);
}

fn part(folder: &Path, name: &str, records: impl IntoIterator<Item = Record>) {
    write(Ledger::open_shard(folder, name, "test").unwrap(), records);
}

fn config(text: &str) -> Config {
    Config::parse(text, "a.toml").unwrap()
}

const GRID: &str = "[grid]\nbudgets = [1e10, 2e10]\nsizes = 3\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However cells are dealt out, what must be the same is.
    #[test]
    fn parts_are_one_ledger(places in prop::collection::vec(0..4_usize, 1..12)) {
        let (one, many) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let all = (0..places.len()).map(|seed| finished(seed as u64));
        whole(one.path(), all);
        for place in 0..4 {
            let own = places.iter().enumerate().filter(|(_, p)| **p == place);
            let own: Vec<Record> = own.map(|(seed, _)| finished(seed as u64)).collect();
            match place {
                0 => whole(many.path(), own),
                _ => part(many.path(), &format!("part-{place}"), own),
            }
        }
        let (one, many) = (read(one.path()).unwrap(), read(many.path()).unwrap());
        prop_assert_eq!(one.deterministic_jsonl(), many.deterministic_jsonl());
        prop_assert_eq!(one.passports, many.passports);
        prop_assert_eq!((many.unsealed, many.unfinished_line), (0, false));
        prop_assert!(many.repeated.is_empty());
    }
}

#[test]
fn a_folder_without_shards_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!has_ledger(folder.path()));
    whole(folder.path(), [finished(0)]);
    assert!(has_ledger(folder.path()) && shards(folder.path()).unwrap().is_empty());
    let bytes = std::fs::read(folder.path().join("ledger.jsonl")).unwrap();
    let (_, sha256) = read_with_hash(folder.path()).unwrap();
    assert_eq!(sha256, isoflop_durable::sha256_hex(&bytes));
    std::fs::create_dir(folder.path().join("shards")).unwrap();
    assert_eq!(read_with_hash(folder.path()).unwrap().1, sha256);
}

#[test]
fn what_other_parts_hold_is_done() {
    let folder = tempfile::tempdir().unwrap();
    part(folder.path(), "a", [finished(0), failed(2)]);
    assert!(has_ledger(folder.path()));
    let mut b = Ledger::open_shard(folder.path(), "b", "test").unwrap();
    let cells: Vec<_> = (0..3).map(crate::samples::cell).collect();
    assert_eq!(b.remaining(&cells), [&cells[1], &cells[2]]);
    assert_eq!(b.append(finished(0)).unwrap(), Append::AlreadyThere { same: true });
    assert_eq!(b.append(finished(1)).unwrap(), Append::Written);
    drop(b);
    let whole = Ledger::open(folder.path(), "test").unwrap();
    assert_eq!(whole.remaining(&cells), [&cells[2]]);
    assert_eq!(read(folder.path()).unwrap().records, [finished(0), failed(2), finished(1)]);
}

#[test]
fn the_whole_and_its_parts_are_not_written_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let a = Ledger::open_shard(folder.path(), "a", "task a").unwrap();
    let _b = Ledger::open_shard(folder.path(), "b", "task b").unwrap();
    let names: Vec<String> =
        shard_writers(folder.path()).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b"]);
    let again = Ledger::open_shard(folder.path(), "a", "test").unwrap_err().to_string();
    assert!(again.contains("task a"), "{again}");
    let all = Ledger::open(folder.path(), "test").unwrap_err().to_string();
    assert!(all.contains("shards") && all.contains("task a"), "{all}");
    drop(a);
    let all = Ledger::open(folder.path(), "test").unwrap_err().to_string();
    assert!(all.contains("task b"), "{all}");
    drop(_b);
    let _whole = Ledger::open(folder.path(), "the whole").unwrap();
    let part = Ledger::open_shard(folder.path(), "c", "test").unwrap_err().to_string();
    assert!(part.contains("the whole"), "{part}");
}

#[test]
fn what_a_kill_leaves_of_a_part_is_put_right() {
    let folder = tempfile::tempdir().unwrap();
    part(folder.path(), "a", [finished(0), finished(1)]);
    part(folder.path(), "b", [finished(2)]);
    let place = shard(folder.path(), "a");
    let path = place.join("ledger.jsonl");
    let text = std::fs::read(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 9]).unwrap();
    let found = read(folder.path()).unwrap();
    assert_eq!((found.records, found.unfinished_line), (vec![finished(0), finished(2)], true));

    // One that reads it as another's part changes nothing.
    let b = Ledger::open_shard(folder.path(), "b", "test").unwrap();
    assert!(b.repair().is_none() && b.contents().unfinished_line);
    drop(b);
    let a = Ledger::open_shard(folder.path(), "a", "test").unwrap();
    assert!(a.repair().unwrap().to_string().contains("cut short"));
    assert!(place.join("ledger.torn").is_file());
    assert_eq!(a.remaining(&[crate::samples::cell(1)]).len(), 1);
}

/// Puts a folder among the shards of another.
fn moved_in(from: tempfile::TempDir, folder: &Path, name: &str) {
    let place = shard(folder, name);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::rename(from.keep(), place).unwrap();
}

#[test]
fn a_cell_that_two_parts_ended_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = finished(0);
    other.result.curve[0].loss_nats += 0.5;
    for (name, record) in [("a", finished(0)), ("b", finished(0)), ("c", other)] {
        let elsewhere = tempfile::tempdir().unwrap();
        whole(elsewhere.path(), [record]);
        moved_in(elsewhere, folder.path(), name);
    }
    let found = read(folder.path()).unwrap();
    assert_eq!(found.records, [finished(0)]);
    let repeated: Vec<_> = found.repeated.iter().map(|r| (r.shard.clone(), r.same)).collect();
    let place = |name| shard(folder.path(), name);
    assert_eq!(repeated, [(place("b"), true), (place("c"), false)]);
}

#[test]
fn a_part_of_another_configuration_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let settle = |mut ledger: Ledger, text: &str| {
        ledger.settle_config(&config(text), true)?;
        ledger.append(finished(0))
    };
    settle(Ledger::open(folder.path(), "test").unwrap(), GRID).unwrap();
    let other = format!("{GRID}[train]\nlearning_rate = 0.5\n");
    let begun = settle(Ledger::open_shard(folder.path(), "a", "test").unwrap(), &other);
    assert!(matches!(begun.unwrap_err(), LedgerError::ConfigChanged { .. }));

    let elsewhere = tempfile::tempdir().unwrap();
    settle(Ledger::open(elsewhere.path(), "test").unwrap(), &other).unwrap();
    std::fs::remove_dir_all(shard(folder.path(), "a")).unwrap();
    moved_in(elsewhere, folder.path(), "a");
    let refused = |error: LedgerError| {
        let text = error.to_string();
        assert!(matches!(error, LedgerError::OtherShard { .. }), "{text}");
        assert!(text.contains("shards") && text.contains("learning_rate"), "{text}");
        assert!(text.contains("\nhint: "), "{text}");
    };
    refused(read(folder.path()).unwrap_err());
    refused(Ledger::open(folder.path(), "test").unwrap_err());
    refused(Ledger::open_shard(folder.path(), "b", "test").unwrap_err());
    std::fs::remove_dir_all(shard(folder.path(), "a")).unwrap();

    // The grid may have grown since.
    let elsewhere = tempfile::tempdir().unwrap();
    let smaller = "[grid]\nbudgets = [1e10]\nsizes = 3\n";
    settle(Ledger::open(elsewhere.path(), "test").unwrap(), smaller).unwrap();
    moved_in(elsewhere, folder.path(), "c");
    assert_eq!(read(folder.path()).unwrap().records.len(), 1);
}

#[test]
fn temporary_files_of_parts_are_their_writers() {
    let folder = tempfile::tempdir().unwrap();
    part(folder.path(), "a", [finished(0)]);
    let temporary = shard(folder.path(), "a").join(".isoflop-x.tmp");
    std::fs::write(&temporary, "half").unwrap();
    drop(Ledger::open(folder.path(), "test").unwrap());
    assert!(temporary.exists());
    drop(Ledger::open_shard(folder.path(), "a", "test").unwrap());
    assert!(!temporary.exists());
}

#[test]
fn each_part_tells_what_it_has_and_who_writes_there() {
    let folder = tempfile::tempdir().unwrap();
    whole(folder.path(), [finished(0)]);
    part(folder.path(), "a", [finished(1), finished(2)]);
    let _b = Ledger::open_shard(folder.path(), "b", "task b").unwrap();
    let holder = shard(folder.path(), "b").join("ledger.holder.json");
    // As a kill leaves it.
    std::fs::copy(&holder, shard(folder.path(), "a").join("ledger.holder.json")).unwrap();
    let parts = parts(folder.path()).unwrap();
    let told = parts.iter().map(|part| {
        let presence = match &part.presence {
            Presence::Nobody => "nobody",
            Presence::Writing(holder) => &holder.command,
            Presence::Lost(_) => "lost",
        };
        (part.name.as_deref(), part.contents.records.len(), presence)
    });
    let want = [(None, 1, "nobody"), (Some("a"), 2, "lost"), (Some("b"), 0, "task b")];
    assert_eq!(told.collect::<Vec<_>>(), want);
    assert!(parts.iter().all(|part| part.written.unwrap().elapsed().unwrap().as_secs() < 60));
}
