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
