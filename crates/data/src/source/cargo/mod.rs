//! `source = "cargo"`: the Rust sources of a fixed list of crates.
//!
//! `corpus/Cargo.toml` names them and `corpus/Cargo.lock` fixes what Cargo downloads; neither has
//! to do with what this program is built from. crates.io never changes a published version, so the
//! text is the same everywhere. `corpus/checksums.json` holds file count, bytes and SHA-256 of each
//! crate; every run checks them. Only `.rs` files are read.

mod checksums;
mod lock;
mod registry;

pub use checksums::{Checksums, CrateChecksum};
pub use lock::direct_dependencies;

use std::path::PathBuf;

use super::{DocumentSink, LeftOut, Source};
use crate::document::RawDocument;
use crate::error::DataError;
use crate::progress::{Progress, ProgressSink, Stage};

const MANIFEST: &str = include_str!("../../../corpus/Cargo.toml");
const LOCK: &str = include_str!("../../../corpus/Cargo.lock");
const CHECKSUMS: &str = include_str!("../../../corpus/checksums.json");

/// The unpacked crates of some [`Checksums`].
#[derive(Debug, Clone)]
pub struct CargoSource {
    checksums: Checksums,
    registry: PathBuf,
    may_fetch: bool,
}

impl CargoSource {
    /// The crates of `corpus/`, from Cargo's own folder (`CARGO_HOME`, else `~/.cargo`). Those
    /// that are missing there, [`fetch`](Source::fetch) downloads.
    ///
    /// # Errors
    ///
    /// [`DataError::Corpus`], [`DataError::CargoHome`].
    pub fn embedded() -> Result<Self, DataError> {
        Ok(Self {
            checksums: Checksums::parse(CHECKSUMS)?,
            registry: registry::sources_folder()?,
            may_fetch: true,
        })
    }

    /// Any crates, from any folder laid out like Cargo's `registry/src`. Nothing is fetched.
    pub fn at(checksums: Checksums, registry: PathBuf) -> Self {
        Self { checksums, registry, may_fetch: false }
    }

    /// What is read, and what it must hold.
    pub fn checksums(&self) -> &Checksums {
        &self.checksums
    }

    fn folder(&self, entry: &CrateChecksum) -> Result<Option<PathBuf>, DataError> {
        registry::find(&self.registry, &entry.name, &entry.version)
    }

    fn missing(&self) -> Result<Vec<&CrateChecksum>, DataError> {
        let mut out = Vec::new();
        for entry in &self.checksums.crates {
            if self.folder(entry)?.is_none() {
                out.push(entry);
            }
        }
        Ok(out)
    }
}

impl Source for CargoSource {
    fn describe(&self) -> String {
        let files: u64 = self.checksums.crates.iter().map(|c| c.files).sum();
        format!("{files} Rust files of {} crates", self.checksums.crates.len())
    }

    fn total_bytes(&self) -> Option<u64> {
        Some(self.checksums.crates.iter().map(|c| c.bytes).sum())
    }

    fn fetch(&self, progress: ProgressSink) -> Result<(), DataError> {
        let missing = self.missing()?;
        let Some(first) = missing.first().filter(|_| self.may_fetch) else { return Ok(()) };
        progress(Progress { stage: Stage::Fetch, done_bytes: 0, total_bytes: None });
        registry::fetch(&registry::program(), MANIFEST, LOCK).map_err(|problem| DataError::Fetch {
            missing: missing.len(),
            first: format!("{} {}", first.name, first.version),
            registry: self.registry.clone(),
            problem,
        })
    }

    fn read(&self, sink: DocumentSink<'_>) -> Result<LeftOut, DataError> {
        for entry in &self.checksums.crates {
            let folder = self.folder(entry)?.ok_or_else(|| DataError::CrateMissing {
                name: entry.name.clone(),
                version: entry.version.clone(),
                registry: self.registry.clone(),
            })?;
            let (found, files) = checksums::measure(&folder, &entry.name, &entry.version)?;
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
