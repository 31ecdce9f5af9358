//! What a run did to its results folder and its cache, call by call.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use crate::trace::{Call, described, quoted, record};
use crate::volume::{Inode, Moment, Tree, Volume};

/// One call that has to do with the folders.
#[derive(Debug, Clone)]
pub struct Step {
    pub what: What,
    /// Relative to the folder that the run was started in; of a rename, the new name.
    pub path: PathBuf,
    /// Name of the system call.
    pub call: String,
    /// The how manieth call of this name in its thread it was, counted from 1.
    pub nth: usize,
    /// As `nth`, of those on this path.
    pub nth_on_path: usize,
    pub began: Moment,
    pub ended: Moment,
}

#[derive(Debug, Clone)]
pub enum What {
    Open {
        file: u64,
        create: bool,
        truncate: bool,
        append: bool,
    },
    Write {
        file: u64,
        offset: Option<u64>,
        bytes: Rc<[u8]>,
    },
    Seek {
        file: u64,
        to: u64,
    },
    Sync {
        file: u64,
    },
    Length {
        file: u64,
        length: u64,
    },
    Rename {
        from: PathBuf,
    },
    Remove,
    Folder,
    /// Written to stderr.
    Say {
        text: String,
    },
}

impl Step {
    /// Whether the disk is another afterwards, or safer.
    pub fn changes(&self) -> bool {
        match self.what {
            What::Open { create, truncate, .. } => create || truncate,
            What::Seek { .. } | What::Say { .. } => false,
            _ => true,
        }
    }

    /// Whether its path is the same in every run.
    pub fn is_named(&self) -> bool {
        let temporary = |part: Component| part.as_os_str().to_string_lossy().starts_with('.');
        // Its argument is relative to a folder that is open.
        self.call != "unlinkat" && !self.path.components().any(temporary)
    }
}

/// What a command does.
pub fn recorded(command: &Command) -> Vec<Step> {
    steps(&record(command), command.get_current_dir().expect("a folder to run in"))
}

/// Those of the calls that have to do with the folders in `home`, other than its texts. Calls that failed are left out.
fn steps(calls: &[Call], home: &Path) -> Vec<Step> {
    let mut by_name: HashMap<(u32, String), usize> = HashMap::new();
    let mut by_path: HashMap<(u32, String, PathBuf), usize> = HashMap::new();
    let mut steps = Vec::new();
    for call in calls {
        let nth = by_name.entry((call.thread, call.name.clone())).or_default();
        *nth += 1;
        let Some((path, what)) = what(call, home) else { continue };
        let key = (call.thread, call.name.clone(), path.clone());
        let nth_on_path = by_path.entry(key).or_default();
        *nth_on_path += 1;
        let Some(what) = what else { continue };
        let (nth, nth_on_path) = (*nth, *nth_on_path);
        let (began, ended, call) = (call.began, call.ended, call.name.clone());
        steps.push(Step { what, path, call, nth, nth_on_path, began, ended });
    }
    steps
}

/// The path in the folders that a call has to do with, and what it did, if it did anything.
fn what(call: &Call, home: &Path) -> Option<(PathBuf, Option<What>)> {
    let argument = |i: usize| call.arguments[i].as_str();
    let number =
        |i: usize| argument(i).split('<').next().unwrap().parse::<u64>().expect("a number");
    let file = || described(argument(0));
    let done = call.result.as_ref().map(|(result, _)| *result);
    let path_at = |folder: Option<PathBuf>, i: usize| {
        let name = String::from_utf8(quoted(argument(i))).expect("UTF-8");
        folder.unwrap_or_else(|| home.to_owned()).join(name)
    };
    let (path, what) = match call.name.as_str() {
        "open" | "openat" => {
            let at = usize::from(call.name == "openat");
            let folder = if at == 1 { file() } else { None };
            let has = |flag: &str| argument(at + 1).split('|').any(|known| known == flag);
            let opened = |file| What::Open {
                file,
                create: has("O_CREAT"),
                truncate: has("O_TRUNC"),
                append: has("O_APPEND"),
            };
            (path_at(folder, at), done.map(opened))
        }
        "write" if number(0) == 2 => {
            let text = String::from_utf8_lossy(&quoted(argument(1))).into_owned();
            return Some((PathBuf::new(), Some(What::Say { text })));
        }
        "write" | "pwrite64" => {
            let path = inside(&file()?, home)?;
            let wrote = |wrote: u64| What::Write {
                file: number(0),
                offset: (call.name == "pwrite64").then(|| number(3)),
                bytes: quoted(argument(1))[..wrote as usize].into(),
            };
            return Some((path, done.map(wrote)));
        }
        "lseek" => (file()?, done.map(|to| What::Seek { file: number(0), to })),
        "fsync" | "fdatasync" => (file()?, done.map(|_| What::Sync { file: number(0) })),
        "ftruncate" => (file()?, done.map(|_| What::Length { file: number(0), length: number(1) })),
        "mkdir" => (path_at(None, 0), done.map(|_| What::Folder)),
        "mkdirat" => (path_at(file(), 1), done.map(|_| What::Folder)),
        "unlink" | "rmdir" => (path_at(None, 0), done.map(|_| What::Remove)),
        "unlinkat" => (path_at(file(), 1), done.map(|_| What::Remove)),
        "rename" => {
            let from = inside(&path_at(None, 0), home);
            (path_at(None, 1), done.and(from).map(|from| What::Rename { from }))
        }
        "renameat" | "renameat2" => {
            let from = inside(&path_at(file(), 1), home);
            let to = path_at(described(argument(2)), 3);
            (to, done.and(from).map(|from| What::Rename { from }))
        }
        other => {
            let path = call.arguments.iter().find_map(|text| described(text));
            let here = path.is_some_and(|path| inside(&path, home).is_some());
            assert!(!here && !other.contains("link"), "{call:?} is not understood");
            return None;
        }
    };
    Some((inside(&path, home)?, what))
}

/// Relative to `home`, where it is a folder of the study or `home` itself.
fn inside(path: &Path, home: &Path) -> Option<PathBuf> {
    // A file that has lost its name since is shown so.
    let path = path.strip_prefix(home).ok()?;
    (!path.starts_with("texts") && path != Path::new("tiny.toml")).then(|| path.to_owned())
}

/// The folders after these steps, from what was there before.
pub fn replay(before: &Tree, steps: &[Step]) -> Volume {
    struct Open {
        inode: Inode,
        position: u64,
        append: bool,
    }
    let mut volume = Volume::of(before);
    let mut files: HashMap<u64, Open> = HashMap::new();
    for Step { what, path, began, ended, .. } in steps {
        let ended = *ended;
        match what {
            What::Open { file, create, truncate, append } => {
                let inode = match volume.at(path) {
                    Some(inode) => inode,
                    None if *create => volume.create(path, ended),
                    None => panic!("{} was opened and never made", path.display()),
                };
                if *truncate && volume.length(inode) > 0 {
                    volume.set_length(inode, 0, ended);
                }
                files.insert(*file, Open { inode, position: 0, append: *append });
            }
            What::Write { file, offset, bytes } => {
                let open = files.get_mut(file).expect("an open file");
                if open.append {
                    open.position = volume.length(open.inode);
                }
                volume.write(open.inode, offset.unwrap_or(open.position), bytes.clone(), ended);
                if offset.is_none() {
                    open.position += bytes.len() as u64;
                }
            }
            What::Seek { file, to } => {
                files.get_mut(file).expect("an open file").position = *to;
            }
            What::Sync { file } => volume.sync(files[file].inode, *began),
            What::Length { file, length } => {
                volume.set_length(files[file].inode, *length, ended);
            }
            What::Rename { from } => volume.rename(from, path, ended),
            What::Remove => volume.remove(path, ended),
            What::Folder => volume.create_folder(path, ended),
            What::Say { .. } => {}
        }
    }
    volume
}
