//! A file system that loses what POSIX lets it lose when the power is cut.
//!
//! What a file holds is safe once `fsync` or `fdatasync` of it has returned. What a folder names (a file or folder created, renamed,
//! removed) is safe once `fsync` of the folder has returned. Everything else may be on the disk or not: a write whole, not at all, its first
//! part, zeros in its place, or some of its blocks; names in their order up to some moment, or any of them without the others. A
//! rename inside one folder is all or nothing.

mod cut;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A file or a folder, whatever its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inode(usize);

/// The folder that everything lies in, which is never lost.
pub const ROOT: Inode = Inode(0);

/// A moment: operations that end before another begins are ordered.
pub type Moment = usize;

/// Files by path, and folders as `None`: what is found when the power is back.
pub type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// The operations so far. Paths are relative to the root.
#[derive(Debug, Clone, Default)]
pub struct Volume {
    inodes: usize,
    /// Names as a running process sees them.
    names: BTreeMap<PathBuf, Inode>,
    changes: Vec<Change>,
}

#[derive(Debug, Clone)]
struct Change {
    what: What,
    /// When it had ended.
    ended: Moment,
    durable: bool,
}

#[derive(Debug, Clone)]
enum What {
    /// Names of one folder that point elsewhere from now on, together.
    Names {
        folder: Inode,
        now: Vec<(String, Option<Entry>)>,
    },
    Write {
        file: Inode,
        offset: u64,
        bytes: Rc<[u8]>,
    },
    Length {
        file: Inode,
        length: u64,
    },
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    File(Inode),
    Folder(Inode),
}

impl Volume {
    pub fn new() -> Self {
        Self { inodes: 1, names: [(PathBuf::new(), ROOT)].into(), changes: Vec::new() }
    }

    /// A disk that holds these files and folders for certain.
    pub fn of(tree: &Tree) -> Self {
        let mut volume = Self::new();
        // Folders come before what is in them.
        for (path, bytes) in tree {
            match bytes {
                None => volume.create_folder(path, 0),
                Some(bytes) => {
                    let file = volume.create(path, 0);
                    volume.write(file, 0, bytes.as_slice().into(), 0);
                }
            }
        }
        volume.changes.iter_mut().for_each(|change| change.durable = true);
        volume
    }

    /// What a path names now.
    pub fn at(&self, path: &Path) -> Option<Inode> {
        self.names.get(path).copied()
    }

    /// Creates a file.
    pub fn create(&mut self, path: &Path, ended: Moment) -> Inode {
        let inode = self.fresh(path);
        self.names_now(path, Some(Entry::File(inode)), ended);
        inode
    }

    pub fn create_folder(&mut self, path: &Path, ended: Moment) {
        let inode = self.fresh(path);
        self.names_now(path, Some(Entry::Folder(inode)), ended);
    }

    /// Removes a file or an empty folder.
    pub fn remove(&mut self, path: &Path, ended: Moment) {
        self.names.remove(path).expect("what is removed has a name");
        self.names_now(path, None, ended);
    }

    /// Renames within one folder, over what has that name.
    pub fn rename(&mut self, from: &Path, to: &Path, ended: Moment) {
        assert_eq!(from.parent(), to.parent(), "between folders: not modelled");
        let inside: Vec<PathBuf> =
            self.names.keys().filter(|path| path.starts_with(from)).cloned().collect();
        let folder = inside.len() > 1 || self.is_folder(self.names[from]);
        for path in inside {
            let inode = self.names.remove(&path).expect("it was just there");
            let rest = path.strip_prefix(from).expect("it starts so");
            // Joining nothing would end in a slash.
            let path = if rest == Path::new("") { to.to_owned() } else { to.join(rest) };
            self.names.insert(path, inode);
        }
        let inode = self.names[to];
        let entry = if folder { Entry::Folder(inode) } else { Entry::File(inode) };
        let now = vec![(name(from), None), (name(to), Some(entry))];
        let folder = self.names[from.parent().expect("a name has a folder")];
        self.push(What::Names { folder, now }, ended);
    }

    pub fn write(&mut self, file: Inode, offset: u64, bytes: Rc<[u8]>, ended: Moment) {
        self.push(What::Write { file, offset, bytes }, ended);
    }

    /// Cuts or extends a file to a length.
    pub fn set_length(&mut self, file: Inode, length: u64, ended: Moment) {
        self.push(What::Length { file, length }, ended);
    }

    /// Makes what a file holds, or what a folder names, safe: all that had ended before this began.
    pub fn sync(&mut self, inode: Inode, began: Moment) {
        for change in &mut self.changes {
            let of = match change.what {
                What::Names { folder, .. } => folder,
                What::Write { file, .. } | What::Length { file, .. } => file,
            };
            change.durable |= of == inode && change.ended < began;
        }
    }

    /// How long a file is for a running process.
    pub fn length(&self, inode: Inode) -> u64 {
        self.changes.iter().fold(0, |length, change| match &change.what {
            What::Write { file, offset, bytes } if *file == inode => {
                length.max(offset + bytes.len() as u64)
            }
            What::Length { file, length } if *file == inode => *length,
            _ => length,
        })
    }

    fn fresh(&mut self, path: &Path) -> Inode {
        let inode = Inode(self.inodes);
        self.inodes += 1;
        assert!(self.names.insert(path.to_owned(), inode).is_none(), "{} is there", path.display());
        inode
    }

    fn is_folder(&self, inode: Inode) -> bool {
        inode == ROOT
            || self.changes.iter().any(|change| match &change.what {
                What::Names { now, .. } => now
                    .iter()
                    .any(|(_, entry)| matches!(entry, Some(Entry::Folder(is)) if *is == inode)),
                _ => false,
            })
    }

    fn names_now(&mut self, path: &Path, entry: Option<Entry>, ended: Moment) {
        let parent = path.parent().expect("a name has a folder");
        let folder = *self.names.get(parent).unwrap_or_else(|| panic!("no {}", parent.display()));
        self.push(What::Names { folder, now: vec![(name(path), entry)] }, ended);
    }

    fn push(&mut self, what: What, ended: Moment) {
        self.changes.push(Change { what, ended, durable: false });
    }
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_str().expect("UTF-8").to_owned()
}
