//! What is found after a cut.

use std::collections::BTreeMap;
use std::path::Path;

use rand::Rng;

use super::{Entry, Inode, ROOT, Tree, Volume, What};

/// What a disk writes at once.
const BLOCK: usize = 4096;

/// Names in each folder.
type Folders = BTreeMap<Inode, BTreeMap<String, Entry>>;

impl Volume {
    /// Cuts the power now; what was not safe is there or not as chance has it.
    pub fn cut(&self, random: &mut impl Rng) -> Tree {
        // Some disks lose all that may be lost, some nothing.
        let mut chance = || [0.0, 0.1, 0.5, 0.9, 1.0][random.random_range(0..5)];
        let (kept_names, kept_writes) = (chance(), chance());
        let in_order = random.random_bool(0.5);
        let named = self.surviving_names(random, kept_names, in_order);
        let mut folders = Folders::new();
        for (change, survives) in self.changes.iter().zip(named) {
            if let (What::Names { folder, now }, true) = (&change.what, survives) {
                let names = folders.entry(*folder).or_default();
                for (name, entry) in now {
                    match entry {
                        Some(entry) => names.insert(name.clone(), *entry),
                        None => names.remove(name),
                    };
                }
            }
        }
        let files = self.surviving_bytes(random, kept_writes);
        let mut tree = Tree::new();
        grow(&mut tree, Path::new(""), ROOT, &folders, &files);
        tree
    }

    /// Which changes of names are on the disk: those that are safe, and in order those up to some moment, else any.
    fn surviving_names(&self, random: &mut impl Rng, kept: f64, in_order: bool) -> Vec<bool> {
        let is_name = |what: &What| matches!(what, What::Names { .. });
        if !in_order {
            let survives = |change: &super::Change| change.durable || random.random_bool(kept);
            return self.changes.iter().map(survives).collect();
        }
        let safe = |change: &super::Change| change.durable && is_name(&change.what);
        let least = self.changes.iter().rposition(safe).map_or(0, |last| last + 1);
        let pending: Vec<usize> =
            (least..self.changes.len()).filter(|&i| is_name(&self.changes[i].what)).collect();
        let beyond = (pending.len() as f64 * kept * random.random_range(0.0..=1.0)).round();
        let until = pending.get(beyond as usize).copied().unwrap_or(self.changes.len());
        (0..self.changes.len()).map(|index| index < until).collect()
    }

    /// What each file holds on the disk.
    fn surviving_bytes(&self, random: &mut impl Rng, kept: f64) -> BTreeMap<Inode, Vec<u8>> {
        let mut files: BTreeMap<Inode, Vec<u8>> = BTreeMap::new();
        for change in &self.changes {
            match &change.what {
                What::Names { .. } => {}
                What::Length { file, length } => {
                    if change.durable || random.random_bool(kept) {
                        files.entry(*file).or_default().resize(*length as usize, 0);
                    }
                }
                What::Write { file, offset, bytes } => {
                    let holds = files.entry(*file).or_default();
                    if change.durable || random.random_bool(kept) {
                        place(holds, *offset as usize, bytes);
                    } else {
                        damage(random, holds, *offset as usize, bytes);
                    }
                }
            }
        }
        files
    }
}

/// A write that may be on the disk in part.
fn damage(random: &mut impl Rng, holds: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    match random.random_range(0..4) {
        0 => {}
        1 => place(holds, offset, &bytes[..random.random_range(0..=bytes.len())]),
        2 => place(holds, offset, &vec![0; random.random_range(0..=bytes.len())]),
        _ => {
            // Blocks of the file, each there or not: what is not holds zeros, or what was there before.
            let mut at = 0;
            while at < bytes.len() {
                let end = ((offset + at) / BLOCK + 1) * BLOCK - offset;
                let end = end.min(bytes.len());
                if random.random_bool(0.5) {
                    place(holds, offset + at, &bytes[at..end]);
                }
                at = end;
            }
        }
    }
}

fn place(holds: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if holds.len() < end {
        holds.resize(end, 0);
    }
    holds[offset..end].copy_from_slice(bytes);
}

fn grow(
    tree: &mut Tree,
    path: &Path,
    folder: Inode,
    folders: &Folders,
    files: &BTreeMap<Inode, Vec<u8>>,
) {
    for (name, entry) in folders.get(&folder).into_iter().flatten() {
        let path = path.join(name);
        match entry {
            Entry::File(file) => {
                let bytes = files.get(file).cloned().unwrap_or_default();
                tree.insert(path, Some(bytes));
            }
            Entry::Folder(inner) => {
                tree.insert(path.clone(), None);
                grow(tree, &path, *inner, folders, files);
            }
        }
    }
}
