//! What a cut may lose, and what it may not.

use std::collections::BTreeSet;
use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Inode, ROOT, Tree, Volume};

fn path(name: &str) -> &Path {
    Path::new(name)
}

/// Every outcome that a thousand cuts give.
fn outcomes(volume: &Volume) -> BTreeSet<Tree> {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    (0..1000).map(|_| volume.cut(&mut random)).collect()
}

/// What a file holds in each of them; `None` where it has no name.
fn holds(volume: &Volume, name: &str) -> BTreeSet<Option<Vec<u8>>> {
    outcomes(volume).iter().map(|tree| tree.get(path(name)).cloned().flatten()).collect()
}

fn some(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(bytes.to_vec())
}

/// A file that was written and is safe, named and all.
fn with_old(name: &str) -> (Volume, Inode) {
    let mut volume = Volume::new();
    let file = volume.create(path(name), 1);
    volume.write(file, 0, b"old"[..].into(), 2);
    volume.sync(file, 3);
    volume.sync(ROOT, 4);
    (volume, file)
}

#[test]
fn what_is_synced_stays() {
    let (volume, _) = with_old("a");
    assert_eq!(holds(&volume, "a"), [some(b"old")].into());
}

#[test]
fn a_name_that_is_not_synced_may_be_lost_and_its_bytes_not() {
    let mut volume = Volume::new();
    let file = volume.create(path("a"), 1);
    volume.write(file, 0, b"new"[..].into(), 2);
    volume.sync(file, 3);
    assert_eq!(holds(&volume, "a"), [None, some(b"new")].into());
}

#[test]
fn a_write_that_is_not_synced_may_be_lost_cut_or_zeros() {
    let mut volume = Volume::new();
    let file = volume.create(path("a"), 1);
    volume.sync(ROOT, 2);
    volume.write(file, 0, b"ab"[..].into(), 3);
    let expected = [some(b""), some(b"a"), some(b"ab"), some(b"\0"), some(b"\0\0")];
    assert_eq!(holds(&volume, "a"), expected.into());
}

#[test]
fn blocks_are_lost_one_by_one() {
    let mut volume = Volume::new();
    let file = volume.create(path("a"), 1);
    volume.sync(ROOT, 2);
    volume.write(file, 0, vec![1; 4096].into(), 3);
    volume.sync(file, 4);
    volume.write(file, 4096, vec![2; 8192].into(), 5);
    let second = [vec![1; 4096], vec![0; 4096], vec![2; 4096]].concat();
    let found = holds(&volume, "a");
    assert!(found.contains(&Some(second)));
    assert!(found.iter().all(|bytes| bytes.as_ref().unwrap()[..4096] == [1; 4096]));
}

#[test]
fn a_sync_covers_what_had_ended_before_it_began() {
    let mut volume = Volume::new();
    let file = volume.create(path("a"), 1);
    volume.sync(ROOT, 2);
    volume.write(file, 0, b"x"[..].into(), 5);
    volume.sync(file, 4);
    assert!(holds(&volume, "a").contains(&some(b"")));
    volume.sync(file, 6);
    assert_eq!(holds(&volume, "a"), [some(b"x")].into());
}

#[test]
fn a_rename_over_a_file_leaves_the_old_or_the_new() {
    let (mut volume, _) = with_old("a");
    let file = volume.create(path("a.tmp"), 5);
    volume.write(file, 0, b"new"[..].into(), 6);
    volume.sync(file, 7);
    volume.rename(path("a.tmp"), path("a"), 8);
    assert_eq!(holds(&volume, "a"), [some(b"old"), some(b"new")].into());
    volume.sync(ROOT, 9);
    assert_eq!(holds(&volume, "a"), [some(b"new")].into());
    assert_eq!(holds(&volume, "a.tmp"), [None].into());
}

#[test]
fn a_rename_of_unsynced_bytes_may_leave_neither() {
    let (mut volume, _) = with_old("a");
    let file = volume.create(path("a.tmp"), 5);
    volume.write(file, 0, b"new"[..].into(), 6);
    volume.rename(path("a.tmp"), path("a"), 7);
    assert!(holds(&volume, "a").contains(&some(b"")));
}

#[test]
fn a_removal_may_come_undone() {
    let (mut volume, _) = with_old("a");
    volume.remove(path("a"), 5);
    assert_eq!(volume.at(path("a")), None);
    assert_eq!(holds(&volume, "a"), [None, some(b"old")].into());
    volume.sync(ROOT, 6);
    assert_eq!(holds(&volume, "a"), [None].into());
}

#[test]
fn names_may_be_reordered_until_their_folder_is_synced() {
    let mut volume = Volume::new();
    volume.create(path("a"), 1);
    volume.create(path("b"), 2);
    let found: BTreeSet<(bool, bool)> = outcomes(&volume)
        .iter()
        .map(|tree| (tree.contains_key(path("a")), tree.contains_key(path("b"))))
        .collect();
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn a_folder_that_is_lost_takes_its_files_with_it() {
    let mut volume = Volume::new();
    volume.create_folder(path("r"), 1);
    let file = volume.create(path("r/a"), 2);
    volume.write(file, 0, b"x"[..].into(), 3);
    volume.sync(file, 4);
    volume.sync(volume.at(path("r")).unwrap(), 5);
    assert_eq!(holds(&volume, "r/a"), [None, some(b"x")].into());
    volume.sync(ROOT, 6);
    assert_eq!(holds(&volume, "r/a"), [some(b"x")].into());
}

#[test]
fn a_folder_moves_with_what_it_holds() {
    let mut volume = Volume::new();
    volume.create_folder(path("building"), 1);
    let file = volume.create(path("building/a"), 2);
    volume.write(file, 0, b"x"[..].into(), 3);
    volume.sync(file, 4);
    volume.sync(volume.at(path("building")).unwrap(), 5);
    volume.rename(path("building"), path("built"), 6);
    volume.sync(ROOT, 7);
    assert_eq!(volume.at(path("built/a")), Some(file));
    assert_eq!(holds(&volume, "built/a"), [some(b"x")].into());
    assert_eq!(volume.length(file), 1);
    volume.set_length(file, 0, 8);
    assert_eq!(volume.length(file), 0);
    assert_eq!(holds(&volume, "built/a"), [some(b"x"), some(b"")].into());
}

#[test]
fn what_was_there_before_stays() {
    let (before, _) = with_old("a");
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut volume = Volume::of(&before.cut(&mut random));
    let file = volume.at(path("a")).unwrap();
    assert_eq!((volume.length(file), holds(&volume, "a")), (3, [some(b"old")].into()));
    volume.write(file, 3, b"er"[..].into(), 1);
    let expected = [some(b"old"), some(b"olde"), some(b"older"), some(b"old\0"), some(b"old\0\0")];
    assert_eq!(holds(&volume, "a"), expected.into());
}
