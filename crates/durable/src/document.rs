//! Small facts as a sealed JSON file.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atomic::write_atomic;
use crate::error::FileError;
use crate::seal::{seal_json, unseal_json};

/// Writes plain data as a JSON object for people to read, with its checksum.
///
/// # Errors
///
/// [`FileError`].
pub fn write_sealed(path: &Path, content: &impl Serialize) -> Result<(), FileError> {
    let json = serde_json::to_string_pretty(content).expect("the content is plain data");
    write_atomic(path, seal_json(&(json + "\n")).as_bytes())
}

/// The bytes of a file; `None` where there is none.
///
/// # Errors
///
/// Those of [`std::fs::read`].
pub fn read_if_there(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives a JSON object's file a checksum where it is there and has none. Whether it had none.
///
/// # Errors
///
/// [`FileError`].
pub fn seal_json_file(path: &Path) -> Result<bool, FileError> {
    let bytes = read_if_there(path).map_err(FileError::when("read", path))?.unwrap_or_default();
    let bare = unseal_json(&bytes).is_ok_and(|json| !json.sealed);
    match String::from_utf8(bytes) {
        Ok(text) if bare && !text.is_empty() => {
            write_atomic(path, seal_json(&text).as_bytes())?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Reads such a file's bytes; one without a checksum, too.
///
/// # Errors
///
/// What is wrong with them.
pub fn parse_sealed<T: DeserializeOwned>(
    bytes: &[u8],
) -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
    Ok(serde_json::from_slice(&unseal_json(bytes)?.body)?)
}
