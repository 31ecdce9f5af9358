//! From paths, folders and globs to a sorted list of files.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::error::DataError;

/// One file of the text source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextFile {
    pub path: PathBuf,
    pub bytes: u64,
}

/// Expands `patterns` in their order; inside each, files are sorted by path. A file that several
/// patterns match is read once.
pub(super) fn expand(patterns: &[String]) -> Result<Vec<TextFile>, DataError> {
    let mut files = Vec::new();
    for pattern in patterns {
        let before = files.len();
        let path = Path::new(pattern);
        if path.exists() {
            walk(path, &mut files)?;
        } else {
            let matches = glob::glob(pattern).map_err(|e| DataError::Option {
                key: "paths",
                problem: format!("{pattern:?} is no valid glob: {e}"),
                hint: "`*` matches inside a folder, `**` any number of folders".into(),
            })?;
            for entry in matches {
                let path = entry.map_err(|e| {
                    let path = e.path().to_owned();
                    DataError::read(&path, e.into())
                })?;
                if path.is_file() {
                    push(path, &mut files)?;
                }
            }
        }
        if files.len() == before {
            return Err(DataError::NoMatch { pattern: pattern.clone() });
        }
        files[before..].sort_by(|a, b| a.path.cmp(&b.path));
    }
    let mut seen = HashSet::new();
    let mut once = Vec::new();
    for file in files {
        let real = file.path.canonicalize().map_err(|e| DataError::read(&file.path, e))?;
        if seen.insert(real) {
            once.push(file);
        }
    }
    Ok(once)
}

fn walk(path: &Path, files: &mut Vec<TextFile>) -> Result<(), DataError> {
    if path.is_file() {
        return push(path.into(), files);
    }
    for entry in std::fs::read_dir(path).map_err(|e| DataError::read(path, e))? {
        let entry = entry.map_err(|e| DataError::read(path, e))?;
        let kind = entry.file_type().map_err(|e| DataError::read(&entry.path(), e))?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        // Links to folders are not followed: they may form rings.
        if !hidden && (kind.is_dir() || entry.path().is_file()) {
            walk(&entry.path(), files)?;
        }
    }
    Ok(())
}

fn push(path: PathBuf, files: &mut Vec<TextFile>) -> Result<(), DataError> {
    let bytes = path.metadata().map_err(|e| DataError::read(&path, e))?.len();
    files.push(TextFile { path, bytes });
    Ok(())
}
