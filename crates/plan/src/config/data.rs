//! `[data]`: what is trained on and how it is cut into tokens.

use std::path::PathBuf;

/// Resolved `[data]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct DataConfig {
    /// Where the bytes or tokens come from.
    pub source: DataSource,
    /// How text becomes tokens; `None` exactly for the synthetic source, which writes token ids.
    pub tokenizer: Option<TokenizerConfig>,
    /// Share of the documents (by content hash) held out; unused by the synthetic source.
    pub valid_fraction: f64,
    /// Held-out tokens that every evaluation runs over, rounded down to whole windows.
    pub valid_tokens: u64,
    /// Text is read up to this many bytes, in a fixed order; `None` reads all.
    pub max_bytes: Option<u64>,
    /// Seed of the split, of tokenizer training and of the synthetic language.
    pub seed: u64,
    /// Folder of the token cache, relative to the working directory.
    pub cache: PathBuf,
}

/// Where the training data comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum DataSource {
    /// The Rust sources of a fixed list of this project's own pinned dependencies.
    Cargo,
    /// Files, folders and glob patterns, relative to the working directory.
    Text {
        /// Paths or patterns, in the order of the file.
        paths: Vec<String>,
        /// The JSON field that holds the text of a JSONL line.
        field: String,
    },
    /// An endless seeded language whose next-token distribution is known.
    Synthetic(SyntheticConfig),
}

/// How text becomes tokens.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenizerConfig {
    /// One token per byte; a vocabulary of 256.
    Bytes,
    /// Byte-level BPE trained on the training split.
    Bpe {
        /// Vocabulary size.
        vocab: usize,
    },
    /// A `tokenizer.json`.
    File {
        /// Its path, relative to the working directory.
        path: PathBuf,
    },
}

/// Parameters of the synthetic language.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticConfig {
    /// Vocabulary size.
    pub vocab: usize,
    /// Longest context, in tokens, that the next token depends on.
    pub order: usize,
    /// Number of distinct rules ("skills") of the language.
    pub rules: u64,
    /// Exponent of the power law of how often a rule is used: the `r`-th rule has weight `r^-exponent`.
    pub exponent: f64,
}
