//! Folders and globs alike: every folder is gone through once, also where links lead to it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use glob::Pattern;

use super::apart::{self, Apart};
use crate::error::DataError;

/// A file, or a folder that is not gone into.
#[derive(Debug)]
pub(super) struct Met {
    pub path: PathBuf,
    /// Whether the configuration names this very file.
    pub named: bool,
    /// Why it is left out, where its name or place tells.
    pub why: Option<Apart>,
}

/// All below `root` that matches `parts`, the parts of a glob's path; an empty root is the working
/// folder, and is not part of the paths. Hidden folders are gone into where `all` is asked for.
pub(super) fn walk(root: &Path, parts: &[String], all: bool) -> Result<Vec<Met>, DataError> {
    let mut walk = Walk { all, ..Walk::default() };
    if !parts.is_empty() && here(root).is_dir() {
        walk.folder(root, parts)?;
    }
    Ok(walk.met)
}

#[derive(Default)]
struct Walk {
    all: bool,
    met: Vec<Met>,
    /// Folders, and how many parts of the pattern were left to match in them.
    visited: HashSet<(PathBuf, usize)>,
}

impl Walk {
    fn folder(&mut self, folder: &Path, parts: &[String]) -> Result<(), DataError> {
        let Some((part, rest)) = parts.split_first() else { return Ok(()) };
        let real = here(folder).canonicalize().map_err(|e| DataError::read(folder, e))?;
        if !self.visited.insert((real, parts.len())) {
            return Ok(());
        }
        if part == ".." {
            return self.folder(&folder.join(".."), rest);
        }
        let any_depth = part == "**";
        if any_depth && !rest.is_empty() {
            self.folder(folder, rest)?;
        }
        let pattern = Pattern::new(if any_depth { "*" } else { part });
        // Each part of a valid glob is one.
        let Ok(pattern) = pattern else { return Ok(()) };
        for path in entries(folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !pattern.matches(&name) {
                continue;
            }
            let hidden = !self.all && name.starts_with('.') && !part.starts_with('.');
            let why = if hidden { Some(Apart::Hidden) } else { apart::why_folder(&path) };
            let is_folder = path.is_dir();
            if is_folder && why.is_some() && (any_depth || !rest.is_empty()) {
                self.met.push(Met { path, named: false, why });
            } else if is_folder && any_depth {
                self.folder(&path, parts)?;
            } else if is_folder {
                self.folder(&path, rest)?;
            } else if rest.is_empty() {
                let why = if path.is_file() { why } else { broken(&path) };
                if path.is_file() || why.is_some() {
                    self.met.push(Met { path, named: false, why });
                }
            }
        }
        Ok(())
    }
}

/// A link to nothing; sockets and the like are passed over.
fn broken(path: &Path) -> Option<Apart> {
    path.is_symlink().then_some(Apart::Broken)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |e| DataError::read(folder, e);
    let entries = std::fs::read_dir(here(folder)).map_err(failed)?;
    let paths: Result<Vec<_>, _> =
        entries.map(|entry| entry.map(|entry| folder.join(entry.file_name()))).collect();
    let mut paths = paths.map_err(failed)?;
    paths.sort();
    Ok(paths)
}

fn here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}
