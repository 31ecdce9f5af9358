//! Files beside the ledger that carry a checksum.

use std::path::Path;

use isoflop_durable::{parse_sealed, read_if_there};
use serde::de::DeserializeOwned;

use crate::error::StudyError;

/// What such a file holds; `None` where it is not there. `hint` says what to do about one that cannot be read.
///
/// # Errors
/// [`StudyError::Unreadable`].
pub(crate) fn read_sealed<T: DeserializeOwned>(
    path: &Path,
    hint: &str,
) -> Result<Option<T>, StudyError> {
    let read = || match read_if_there(path)? {
        Some(bytes) => parse_sealed(&bytes).map(Some),
        None => Ok(None),
    };
    read().map_err(|source| unreadable(path, hint, source))
}

/// A file that is not what a study writes there.
pub(crate) fn unreadable(
    path: &Path,
    hint: &str,
    source: Box<dyn std::error::Error + Send + Sync>,
) -> StudyError {
    StudyError::Unreadable { path: path.to_owned(), hint: hint.to_owned(), source }
}
