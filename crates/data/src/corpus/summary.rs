//! What was read, and what became of it.

use serde::{Deserialize, Serialize};

use crate::note;
use crate::source::LeftOut;

/// Files and documents that a note names.
const NAMED: usize = 5;

/// One side of the split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub pieces: u64,
    pub bytes: u64,
    /// Tokens, separators included.
    pub tokens: u64,
}

/// Counts of a corpus of text. Long documents are cut into *pieces* of at most 16 KiB, which are
/// what is deduplicated and split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Names the tokens and the tokenizer.
    pub sha256: String,
    /// The source in words.
    pub source: String,
    /// The tokenizer in words.
    pub tokenizer: String,
    pub vocab: usize,
    /// The id before every piece.
    pub separator: u32,
    /// Documents read: files, or lines of JSONL.
    pub documents: u64,
    pub pieces: u64,
    /// Bytes of their text, line ends normalised.
    pub bytes: u64,
    /// Pieces whose content came before, removed.
    pub duplicate_pieces: u64,
    pub duplicate_bytes: u64,
    /// Pieces left out because of `max_bytes`.
    pub beyond_max_pieces: u64,
    pub beyond_max_bytes: u64,
    pub empty_documents: u64,
    /// Invalid UTF-8 sequences, replaced by U+FFFD.
    pub invalid_utf8_sequences: u64,
    pub invalid_utf8_documents: u64,
    /// Up to five of them.
    pub invalid_utf8_examples: Vec<String>,
    /// Documents whose CR LF line ends became LF.
    pub crlf_documents: u64,
    pub left_out: LeftOut,
    /// Occurrences of the tokenizer's "unknown" token.
    pub unknown_tokens: u64,
    pub train: Part,
    pub valid: Part,
}

impl Summary {
    /// What a reader of the results should know, one sentence each.
    pub(crate) fn notes(&self, valid_there: u64, valid_asked: u64) -> Vec<String> {
        let mut notes = Vec::new();
        if valid_there < valid_asked {
            notes.push(format!(
                "the held-out set has {valid_there} tokens, not the {valid_asked} asked for, because it may take no more than data.valid_fraction of the text"
            ));
        }
        notes.extend(note::files_apart(&self.left_out));
        notes.extend(note::skipped_lines(&self.left_out, NAMED));
        notes.extend(note::invalid_utf8(
            self.invalid_utf8_sequences,
            self.invalid_utf8_documents,
            &self.invalid_utf8_examples,
            NAMED,
        ));
        notes.extend(note::binary_files(&self.left_out, NAMED));
        notes.extend(note::separators(&self.left_out));
        if self.unknown_tokens > 0 {
            notes.push(format!(
                "the tokenizer has no token for some of the text: {} tokens are \"unknown\", so bits per byte leave out what they stand for",
                self.unknown_tokens
            ));
        }
        notes
    }
}
