//! What can go wrong between the sources and the tokens, where, and what to do about it.

use std::path::{Path, PathBuf};

/// An error of this crate. Every message names the place and ends in a hint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}\nhint: {hint}", path.display())]
    Io {
        /// What was being done, as a verb phrase.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// A setting is out of range or contradicts another.
    #[error("data.{key}: {problem}\nhint: {hint}")]
    Option {
        /// The key under `[data]`.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// A path or glob of the text source matched no file.
    #[error(
        "data.paths: {pattern:?} matches no file\nhint: paths are files, folders or globs, relative to the folder the command runs in"
    )]
    NoMatch {
        /// The path or glob as written.
        pattern: String,
    },
    /// A file is of a kind that no reader here understands.
    #[error("{}: {problem}\nhint: {hint}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// A line of a JSONL file is not what was promised.
    #[error("{}:{line}: {problem}\nhint: {hint}", path.display())]
    Jsonl {
        /// The file.
        path: PathBuf,
        /// 1-based line number.
        line: u64,
        /// What is wrong with the line.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// A crate of the `cargo` source is not on disk and could not be fetched.
    #[error("data.source = \"cargo\": the sources of {name} {version} are not in {}{detail}\nhint: run `cargo fetch --locked` in the project's folder with network access, or use source = \"text\"", registry.display())]
    CrateMissing {
        /// Crate.
        name: String,
        /// Version.
        version: String,
        /// The registry folder that was searched.
        registry: PathBuf,
        /// What `cargo fetch` said, if it ran.
        detail: String,
    },
    /// A crate of the `cargo` source does not hold the bytes of the manifest.
    #[error("data.source = \"cargo\": {} does not match the manifest: {problem}\nhint: delete that folder and run `cargo fetch --locked`, which unpacks it afresh; if it still differs, the manifest is out of date (see crates/data/README.md)", path.display())]
    CrateMismatch {
        /// The unpacked crate.
        path: PathBuf,
        /// Expected and found.
        problem: String,
    },
    /// The built-in manifest cannot be parsed.
    #[error(
        "the manifest of the `cargo` source is broken: {0}\nhint: regenerate it (see crates/data/README.md)"
    )]
    Manifest(String),
    /// The tokenizer failed to load, train or encode.
    #[error("tokenizer {name}: {problem}\nhint: {hint}")]
    Tokenizer {
        /// `bytes`, `bpe` or the path of a `tokenizer.json`.
        name: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// There is too little text for what was asked.
    #[error("too little data: {problem}\nhint: {hint}")]
    TooSmall {
        /// What is there and what is needed.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// A source changed between the pass that hashed it and the pass that tokenised it.
    #[error(
        "{origin} changed while it was being read\nhint: let whatever writes it finish, then run again"
    )]
    Changed {
        /// The document.
        origin: String,
    },
}

impl DataError {
    /// An [`DataError::Io`] for reading.
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            action: "read",
            path: path.into(),
            source,
            hint: "check that it exists, is readable and is complete",
        }
    }

    /// An [`DataError::Io`] for writing to the cache.
    pub(crate) fn write(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            action: "write",
            path: path.into(),
            source,
            hint: "data.cache must be a writable folder on a disk with room for the tokens",
        }
    }
}
