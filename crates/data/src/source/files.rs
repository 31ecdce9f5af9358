//! From paths, folders and globs to a sorted list of files of text.

mod apart;
mod walk;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use isoflop_unpack::Packing;

pub use apart::{Apart, FilesApart};

use super::compression;
use super::json::Field;
use super::layout::{Layout, layout};
use crate::error::DataError;
use walk::{Met, walk};

/// One file of the text source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextFile {
    pub path: PathBuf,
    pub bytes: u64,
    pub packing: Packing,
    pub layout: Layout,
}

/// What is read, and what was met and is not.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub files: Vec<TextFile>,
    pub apart: Vec<FilesApart>,
}

/// Expands `patterns` in their order; inside each, files are sorted by path. A file that several
/// patterns match is read once. Files that are named themselves are read whatever they are called;
/// those in folders and globs where they look like text, or where `all` are asked for.
pub(super) fn expand(patterns: &[String], field: &Field, all: bool) -> Result<Found, DataError> {
    let mut files = Vec::new();
    let (mut seen, mut apart) = (HashSet::new(), BTreeMap::new());
    for pattern in patterns {
        let mut matched = false;
        // The first file of JSON or CSV that has no text in it.
        let (mut no_text, mut left) = (None, 0);
        for Met { path, named, why } in meet(pattern, all)? {
            let real = path.canonicalize().unwrap_or_else(|_| path.clone());
            let why = match why {
                None if !named => apart::why(&path)?,
                None => None,
                why => why,
            };
            if let Some(why) = why.filter(|why| why.always() || !all) {
                left += 1;
                apart.entry(real).or_insert((path, why));
                continue;
            }
            if !path.is_file() {
                continue;
            }
            if named && apart::is_pointer(&path)? {
                return Err(DataError::Format {
                    path,
                    problem: "a pointer of Git LFS, not the file itself".into(),
                    hint: "run `git lfs pull` in its folder".into(),
                });
            }
            let (packing, found) =
                layout(&path, field, |packing| compression::open(&path, packing))?;
            let layout = match found {
                Ok(layout) => layout,
                Err(_) if all => Layout::Plain,
                Err((problem, hint)) => {
                    left += 1;
                    no_text.get_or_insert((path.clone(), problem, hint));
                    apart.entry(real).or_insert((path, Apart::NoField));
                    continue;
                }
            };
            matched = true;
            if seen.insert(real) {
                let bytes = path.metadata().map_err(|e| DataError::read(&path, e))?.len();
                files.push(TextFile { path, bytes, packing, layout });
            }
        }
        match no_text {
            _ if matched => {}
            Some((path, problem, hint)) => return Err(DataError::Format { path, problem, hint }),
            None => return Err(DataError::NoMatch { pattern: pattern.clone(), left }),
        }
    }
    apart.retain(|real, _| !seen.contains(real));
    Ok(Found { files, apart: FilesApart::of(apart.into_values()) })
}

/// The files of one pattern, in the order of their paths.
fn meet(pattern: &str, all: bool) -> Result<Vec<Met>, DataError> {
    let path = Path::new(pattern);
    if path.is_file() {
        return Ok(vec![Met { path: path.into(), named: true, why: None }]);
    }
    let mut met = if path.is_dir() {
        walk(path, &["**".into(), "*".into()], all)?
    } else {
        let invalid = |e: glob::PatternError| DataError::Option {
            key: "paths",
            problem: format!("{pattern:?} is no valid glob: {e}"),
            hint: "`*` matches inside a folder, `**` any number of folders".into(),
        };
        glob::Pattern::new(pattern).map_err(invalid)?;
        let parts: Vec<String> =
            path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        let wild = |part: &String| part.contains(['*', '?', '[']);
        let plain = parts.iter().position(wild).unwrap_or(parts.len());
        let root: PathBuf = path.components().take(plain).collect();
        walk(&root, &parts[plain..], all)?
    };
    met.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(met)
}
