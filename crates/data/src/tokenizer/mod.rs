//! How text becomes ids. A new tokenizer is a new file here and a line in [`TokenizerSpec`].

mod bpe;
mod bytes;
mod check;
mod file;
mod guard;
mod hugging_face;

pub(crate) use bpe::{long_word_bytes, train_bpe};
pub use bytes::Bytes;
pub(crate) use hugging_face::HuggingFace;

use std::path::Path;

use isoflop_plan::TokenizerConfig;

use crate::error::DataError;
use crate::hash::{hex, sha256};

/// Encoded text: ids, and how many bytes of the text each stands for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Encoded {
    pub ids: Vec<u32>,
    /// Bytes of text behind each id; they add up to the length of the text. A separator has 0.
    pub bytes: Vec<u16>,
}

/// Turns documents into ids.
pub trait Tokenizer: Send + Sync {
    /// For messages and reports.
    fn name(&self) -> String;

    /// Number of ids: every id is smaller.
    fn vocab(&self) -> usize;

    /// The id that stands before every document.
    fn separator(&self) -> u32;

    /// The id of "unknown", if there is one: text behind it is lost.
    fn unknown(&self) -> Option<u32>;

    /// Appends the ids of one document, separator not included. The text is at most 65,535 bytes.
    ///
    /// # Errors
    ///
    /// [`DataError::Tokenizer`] if the text cannot be encoded.
    fn encode(&self, text: &str, out: &mut Encoded) -> Result<(), DataError>;

    /// The `tokenizer.json`, where there is one.
    fn to_json(&self) -> Option<&str>;
}

/// A tokenizer to be: everything known before the text is.
pub(crate) enum TokenizerSpec {
    Ready(Box<dyn Tokenizer>),
    /// Byte-level BPE of this vocabulary, trained on the training split.
    Bpe(usize),
}

impl TokenizerSpec {
    pub(crate) fn new(config: &TokenizerConfig) -> Result<Self, DataError> {
        Ok(match config {
            TokenizerConfig::Bytes => TokenizerSpec::Ready(Box::new(Bytes)),
            TokenizerConfig::Bpe { vocab } => TokenizerSpec::Bpe(*vocab),
            TokenizerConfig::File { path } => TokenizerSpec::Ready(Box::new(file::load(path)?)),
        })
    }

    /// Names the tokenizer before it exists; part of the cache key.
    pub(crate) fn key(&self) -> String {
        match self {
            TokenizerSpec::Bpe(vocab) => format!("bpe {vocab}"),
            TokenizerSpec::Ready(tokenizer) => identity(&**tokenizer),
        }
    }

    /// The most bytes of text one token is expected to stand for; sizes the reserve that the
    /// held-out documents are taken from.
    pub(crate) fn reserve_bytes_per_token(&self) -> u64 {
        match self {
            TokenizerSpec::Ready(tokenizer) if tokenizer.to_json().is_none() => 1,
            _ => 16,
        }
    }
}

/// Names a tokenizer by what it does.
pub(crate) fn identity(tokenizer: &dyn Tokenizer) -> String {
    match tokenizer.to_json() {
        None => tokenizer.name(),
        Some(json) => format!("{} {}", tokenizer.separator(), hex(&sha256(json.as_bytes()))),
    }
}

/// Name of the tokenizer's file in a cache folder.
pub(crate) const TOKENIZER_FILE: &str = "tokenizer.json";

/// Opens the tokenizer that a cache folder was built with.
pub(crate) fn reopen(folder: &Path) -> Result<Box<dyn Tokenizer>, DataError> {
    let path = folder.join(TOKENIZER_FILE);
    Ok(if path.exists() { Box::new(file::load(&path)?) } else { Box::new(Bytes) })
}
