//! Where text comes from. A new source is a new file here and a line in [`open`].

mod bad_lines;
mod cargo;
mod compression;
mod csv;
mod files;
mod json;
mod layout;
mod plain;
mod text;

pub use bad_lines::SkippedLines;
pub use cargo::{CargoSource, Checksums, CrateChecksum, direct_dependencies};
pub use files::{Apart, FilesApart};
pub use text::{TextSource, read_bytes};

use isoflop_plan::{DataConfig, DataSource};
use serde::{Deserialize, Serialize};

use crate::document::RawDocument;
use crate::error::DataError;
use crate::progress::ProgressSink;
use bad_lines::BadLines;

/// What takes a source's documents, one after the other.
pub type DocumentSink<'a> = &'a mut dyn FnMut(RawDocument) -> Result<(), DataError>;

/// A finite, repeatable stream of documents.
///
/// Reading twice gives the same documents in the same order: the first pass hashes and splits
/// them, the second tokenises them.
pub trait Source: Send + Sync {
    /// One line for logs and reports.
    fn describe(&self) -> String;

    /// Bytes of text, where that is known without reading it.
    fn total_bytes(&self) -> Option<u64>;

    /// Puts on disk what is not there yet; called before the first [`read`](Source::read).
    ///
    /// # Errors
    ///
    /// Why it could not be had.
    fn fetch(&self, _progress: ProgressSink) -> Result<(), DataError> {
        Ok(())
    }

    /// Hands every document to `sink`, and says what it left out.
    ///
    /// # Errors
    ///
    /// Any [`DataError`] of the source itself, and whatever `sink` returns.
    fn read(&self, sink: DocumentSink<'_>) -> Result<LeftOut, DataError>;
}

/// What a source met and did not take as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Files with a NUL byte in their first 8 KiB, taken for binary.
    pub binary_files: u64,
    /// Up to five of them.
    pub examples: Vec<String>,
    /// Files that were read.
    #[serde(default)]
    pub files_read: u64,
    /// Files that lie beside them, by the reason why they were not.
    #[serde(default)]
    pub apart: Vec<FilesApart>,
    #[serde(default)]
    pub skipped: SkippedLines,
    /// How often `<|endoftext|>` stands in the text.
    #[serde(default)]
    pub separators: u64,
}

/// The source of a configuration; `None` for the synthetic language, which has no text.
///
/// # Errors
///
/// Paths that match nothing; no folder to look for crates in.
pub fn open(config: &DataConfig) -> Result<Option<Box<dyn Source>>, DataError> {
    Ok(match &config.source {
        DataSource::Cargo => Some(Box::new(CargoSource::embedded()?)),
        DataSource::Text(text) => Some(Box::new(TextSource::new(text)?)),
        DataSource::Synthetic(_) => None,
    })
}
