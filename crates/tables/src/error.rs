//! Why a table is refused.

use std::path::PathBuf;

use isoflop_fit::FitError;
use isoflop_text::path_in_words;

/// Why a table is refused: none of them is a failure of work, all are input that cannot be what was meant. Every message says
/// what is wrong; what to do is on its last line, or on that of its source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file system refused.
    #[error("cannot read {}\nhint: give the path of a table", path_in_words(path))]
    Io { path: PathBuf, source: std::io::Error },
    /// What stands in a file is at fault.
    #[error("cannot {action} {}", path_in_words(path))]
    In {
        /// What was tried: "read", "use".
        action: &'static str,
        path: PathBuf,
        source: Box<TableError>,
    },
    /// The bytes are no table in any form that is read.
    #[error("{problem}\nhint: {hint}")]
    Format {
        problem: String,
        hint: String,
        /// What the parser said, where it tells more.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A column is missing, stands twice, or was asked for by what is no column's name.
    #[error("{problem}\nhint: {hint}")]
    Column { problem: String, hint: String },
    /// A cell cannot be read as what its column is asked for.
    #[error("{problem}\nhint: {hint}")]
    Cell { problem: String, hint: String },
    /// N, D, C, the loss or the budgets are not in the units that they are taken for.
    #[error("{problem}\nhint: {hint}")]
    Units { problem: String, hint: String },
    /// What was asked of the table cannot be meant.
    #[error("{problem}\nhint: {hint}")]
    Option { problem: String, hint: String },
    /// The rows make no table of runs.
    #[error(transparent)]
    Rows(#[from] FitError),
}

impl TableError {
    pub(crate) fn format(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Format { problem: problem.into(), hint: hint.into(), source: None }
    }

    pub(crate) fn column(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Column { problem: problem.into(), hint: hint.into() }
    }

    /// Of a file, or as it is.
    pub(crate) fn in_file(self, action: &'static str, path: Option<&std::path::Path>) -> Self {
        match path {
            Some(path) => Self::In { action, path: path.into(), source: Box::new(self) },
            None => self,
        }
    }
}
