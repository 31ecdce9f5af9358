//! What can go wrong between the sources and the tokens, where, and what to do about it.

use std::path::{Path, PathBuf};

use isoflop_durable::FileError;
use isoflop_text::{cut, path_in_words};

/// An error of this crate. Every message names the place and ends in a hint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}\nhint: {hint}", path_in_words(path))]
    Io {
        /// What was being done, as a verb phrase.
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
        hint: &'static str,
    },
    /// A setting is out of range or contradicts another.
    #[error("data.{key}: {problem}\nhint: {hint}")]
    Option {
        /// The key under `[data]`.
        key: &'static str,
        problem: String,
        hint: String,
    },
    /// A path or glob of the text source matched no file.
    #[error("data.paths: {:?} {}", cut(pattern, 400), no_match(*left))]
    NoMatch {
        pattern: String,
        /// Files and folders that it matches and that are left out.
        left: u64,
    },
    /// A file is of a kind that no reader here understands.
    #[error("{}: {problem}\nhint: {hint}", path_in_words(path))]
    Format { path: PathBuf, problem: String, hint: String },
    /// A line of JSON or CSV is not what was promised.
    #[error("{}:{line}: {problem}\nhint: {hint}", path_in_words(path))]
    Record {
        path: PathBuf,
        /// 1-based line number.
        line: u64,
        problem: String,
        hint: String,
    },
    /// A crate of the `cargo` source is not where Cargo unpacks crates.
    #[error(
        "data.source = \"cargo\": the sources of {name} {version} are not in {}\nhint: run `cargo fetch --locked --manifest-path crates/data/corpus/Cargo.toml` in the project's folder, without vendored or replaced sources in Cargo's configuration, or use source = \"text\"",
        path_in_words(registry)
    )]
    CrateMissing {
        name: String,
        version: String,
        /// The registry folder that was searched.
        registry: PathBuf,
    },
    /// Crates of the `cargo` source are not on disk and could not be fetched.
    #[error(
        "data.source = \"cargo\": {missing} of its crates are not in {} (the first is {first}), and fetching them failed: {problem}\nhint: it takes Cargo and a network that reaches crates.io; where there is none, run `cargo fetch --locked --manifest-path crates/data/corpus/Cargo.toml` on a machine that has both and copy its registry folder, or use source = \"text\"",
        path_in_words(registry)
    )]
    Fetch {
        /// How many are missing.
        missing: usize,
        /// Name and version of one.
        first: String,
        /// The registry folder that was searched.
        registry: PathBuf,
        /// What Cargo said, or why it did not run.
        problem: String,
    },
    /// Nobody knows where Cargo keeps its files.
    #[error(
        "data.source = \"cargo\": there is no home folder to look for Cargo's crates in\nhint: set CARGO_HOME to Cargo's folder, or use source = \"text\""
    )]
    CargoHome,
    /// A crate of the `cargo` source does not hold what its checksum says.
    #[error(
        "data.source = \"cargo\": {} does not match its checksum: {problem}\nhint: delete that folder and run again, which unpacks it afresh; if it still differs, crates/data/corpus is inconsistent (see crates/data/README.md)",
        path_in_words(path)
    )]
    CrateMismatch { path: PathBuf, problem: String },
    /// A file that describes the `cargo` source cannot be parsed.
    #[error(
        "the description of the `cargo` source is broken: {0}\nhint: write crates/data/corpus anew (see crates/data/README.md)"
    )]
    Corpus(String),
    /// The tokenizer failed to load, train or encode.
    #[error("tokenizer {name}: {problem}\nhint: {hint}")]
    Tokenizer {
        /// `bytes`, `bpe` or the path of a `tokenizer.json`.
        name: String,
        problem: String,
        hint: &'static str,
    },
    /// There is too little text for what was asked.
    #[error("too little data: {problem}\nhint: {hint}")]
    TooSmall {
        /// What is there and what is needed.
        problem: String,
        hint: &'static str,
    },
    /// A source changed between the pass that hashed it and the pass that tokenised it.
    #[error(
        "{origin} changed while it was being read\nhint: let whatever writes it finish, then run again"
    )]
    Changed { origin: String },
}

fn no_match(left: u64) -> String {
    match left {
        0 => "matches no file\nhint: paths are files, folders or globs, relative to the folder the command runs in".into(),
        left => format!(
            "matches no file of text: what it matches ({left}) is hidden, a read-me file, part of a study or the like\nhint: name the file itself, or set data.files = \"all\""
        ),
    }
}

impl DataError {
    /// Whether the text or its options cannot be what was meant; else the work failed.
    pub fn is_misuse(&self) -> bool {
        use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match self {
            Self::Option { .. }
            | Self::NoMatch { .. }
            | Self::Format { .. }
            | Self::Record { .. }
            | Self::TooSmall { .. } => true,
            Self::Io { action: "read", source, .. } => {
                matches!(source.kind(), InvalidData | InvalidInput | UnexpectedEof)
            }
            _ => false,
        }
    }

    /// An [`DataError::Io`] for reading.
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        let hint = match source.kind() {
            std::io::ErrorKind::InvalidData => {
                "see what its own tool says of it (`gzip -t`, `zstd -t --long=31`), and download it again; `gzip -dc` and `zstd -dc` show what is in it"
            }
            _ => "check that it exists, is readable and is complete",
        };
        Self::Io { action: "read", path: path.into(), source, hint }
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

    /// The same for `map_err`.
    pub(crate) fn not_written(error: FileError) -> Self {
        Self::write(&error.path, error.source)
    }
}
