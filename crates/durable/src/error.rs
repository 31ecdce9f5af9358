use std::path::{Path, PathBuf};

/// The file system refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}\nhint: check that the folder exists, that you may write to it and that the disk is not full", path.display())]
pub struct FileError {
    /// What was tried, as in "cannot ...".
    pub action: &'static str,
    pub path: PathBuf,
    /// Why not.
    pub source: std::io::Error,
}

impl FileError {
    /// For `map_err`.
    pub fn when(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self { action, path: path.to_owned(), source }
    }
}
