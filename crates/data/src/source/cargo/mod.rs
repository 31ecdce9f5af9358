//! `source = "cargo"`: the Rust sources of a fixed list of this project's own dependencies.
//!
//! Cargo has put them on the disk of every machine that built this program, and crates.io never
//! changes a published version, so the text is the same everywhere. `manifest.json` lists crate,
//! version, file count, bytes and SHA-256; every run checks them. Only crates that are built on
//! every platform are listed, and only their `.rs` files are read.

mod manifest;
mod registry;

pub use manifest::{Manifest, ManifestCrate};

use std::path::PathBuf;

use super::{DocumentSink, LeftOut, Source};
use crate::document::RawDocument;
use crate::error::DataError;

const EMBEDDED: &str = include_str!("../../../manifest.json");

/// The unpacked crates of a [`Manifest`].
#[derive(Debug, Clone)]
pub struct CargoSource {
    manifest: Manifest,
    registry: PathBuf,
    may_fetch: bool,
}

impl CargoSource {
    /// The crates of the built-in manifest, from Cargo's own folder (`CARGO_HOME`, else
    /// `~/.cargo`). A missing crate is fetched with `cargo fetch --locked`.
    ///
    /// # Errors
    ///
    /// [`DataError::Manifest`] if the built-in manifest is broken.
    pub fn embedded() -> Result<Self, DataError> {
        Ok(Self {
            manifest: Manifest::parse(EMBEDDED)?,
            registry: registry::sources_folder(),
            may_fetch: true,
        })
    }

    /// The crates of any manifest, from any folder laid out like Cargo's `registry/src`. Nothing
    /// is fetched.
    pub fn at(manifest: Manifest, registry: PathBuf) -> Self {
        Self { manifest, registry, may_fetch: false }
    }

    /// The list of crates.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn folder(&self, entry: &ManifestCrate) -> Result<PathBuf, DataError> {
        let find = || registry::find(&self.registry, &entry.name, &entry.version);
        if let Some(folder) = find() {
            return Ok(folder);
        }
        let mut detail = String::new();
        if self.may_fetch {
            match registry::fetch() {
                Ok(()) => {
                    if let Some(folder) = find() {
                        return Ok(folder);
                    }
                }
                Err(said) => detail = format!("; {said}"),
            }
        }
        Err(DataError::CrateMissing {
            name: entry.name.clone(),
            version: entry.version.clone(),
            registry: self.registry.clone(),
            detail,
        })
    }
}

impl Source for CargoSource {
    fn describe(&self) -> String {
        let files: u64 = self.manifest.crates.iter().map(|c| c.files).sum();
        format!("{files} Rust files of {} crates", self.manifest.crates.len())
    }

    fn total_bytes(&self) -> Option<u64> {
        Some(self.manifest.crates.iter().map(|c| c.bytes).sum())
    }

    fn read(&self, sink: DocumentSink<'_>) -> Result<LeftOut, DataError> {
        for entry in &self.manifest.crates {
            let folder = self.folder(entry)?;
            let (found, files) = manifest::measure(&folder, &entry.name, &entry.version)?;
            if found != *entry {
                let problem = format!(
                    "expected {} files, {} bytes, sha256 {}; found {} files, {} bytes, sha256 {}",
                    entry.files, entry.bytes, entry.sha256, found.files, found.bytes, found.sha256
                );
                return Err(DataError::CrateMismatch { path: folder, problem });
            }
            for (name, bytes) in files {
                let origin = format!("{}-{}/{name}", entry.name, entry.version);
                sink(RawDocument { origin, bytes })?;
            }
        }
        Ok(LeftOut::default())
    }
}
