//! What each crate of the `cargo` source must hold, and how that is computed.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::DataError;
use crate::hash::hex;

/// The crates of the `cargo` source, in reading order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checksums {
    /// What the file is and how to make it anew.
    pub about: String,
    pub crates: Vec<CrateChecksum>,
}

/// One crate of [`Checksums`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrateChecksum {
    pub name: String,
    pub version: String,
    /// Number of `.rs` files.
    pub files: u64,
    pub bytes: u64,
    /// SHA-256 over the files in bytewise order of their paths: for each, path, a zero byte,
    /// length as 8 little-endian bytes, content.
    pub sha256: String,
}

impl Checksums {
    /// Reads the JSON form.
    ///
    /// # Errors
    ///
    /// [`DataError::Corpus`] if it is no such JSON.
    pub fn parse(json: &str) -> Result<Self, DataError> {
        serde_json::from_str(json).map_err(|e| DataError::Corpus(format!("checksums.json: {e}")))
    }

    /// Measures crates in a folder laid out like Cargo's `registry/src`.
    ///
    /// # Errors
    ///
    /// [`DataError::CrateMissing`], [`DataError::Io`].
    pub fn measure(
        about: String,
        registry: &Path,
        crates: &[(String, String)],
    ) -> Result<Self, DataError> {
        let mut out = Vec::new();
        for (name, version) in crates {
            let folder = super::registry::find(registry, name, version)?.ok_or_else(|| {
                DataError::CrateMissing {
                    name: name.clone(),
                    version: version.clone(),
                    registry: registry.into(),
                }
            })?;
            out.push(measure(&folder, name, version)?.0);
        }
        Ok(Self { about, crates: out })
    }
}

/// Paths and contents.
pub(super) type Files = Vec<(String, Vec<u8>)>;

/// The `.rs` files of a folder by path (with `/`), and what their crate's checksum says.
pub(super) fn measure(
    folder: &Path,
    name: &str,
    version: &str,
) -> Result<(CrateChecksum, Files), DataError> {
    let mut files = Vec::new();
    walk(folder, "", &mut files)?;
    files.sort();
    let mut digest = Sha256::new();
    let mut bytes = 0;
    for (path, content) in &files {
        digest.update(path.as_bytes());
        digest.update([0]);
        digest.update((content.len() as u64).to_le_bytes());
        digest.update(content);
        bytes += content.len() as u64;
    }
    let entry = CrateChecksum {
        name: name.into(),
        version: version.into(),
        files: files.len() as u64,
        bytes,
        sha256: hex(&digest.finalize()),
    };
    Ok((entry, files))
}

fn walk(folder: &Path, prefix: &str, out: &mut Files) -> Result<(), DataError> {
    for entry in std::fs::read_dir(folder).map_err(|e| DataError::read(folder, e))? {
        let entry = entry.map_err(|e| DataError::read(folder, e))?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(|e| DataError::read(&path, e))?;
        if kind.is_dir() {
            walk(&path, &format!("{name}/"), out)?;
        } else if kind.is_file() && name.ends_with(".rs") {
            out.push((name, std::fs::read(&path).map_err(|e| DataError::read(&path, e))?));
        }
    }
    Ok(())
}
