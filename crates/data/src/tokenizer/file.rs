//! A `tokenizer.json` on disk.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use isoflop_text::{clip, path_in_words};

use super::guard::guarded;
use super::{HuggingFace, check};
use crate::error::DataError;

/// Four times the largest that is published, which has a quarter of a million tokens.
const MOST_BYTES: u64 = 128 << 20;

/// Loads a `tokenizer.json`.
pub(super) fn load(path: &Path) -> Result<HuggingFace, DataError> {
    let name = path_in_words(path);
    let fault = |(problem, hint)| DataError::Tokenizer { name: name.clone(), problem, hint };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|e| DataError::read(path, e))?;
    if bytes.len() as u64 > MOST_BYTES {
        let problem = format!("it is longer than {} MiB", MOST_BYTES >> 20);
        return Err(fault((problem, "data.tokenizer takes a Hugging Face tokenizer.json")));
    }
    // Editors on Windows put a mark in front, which JSON does not have.
    let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    check::check(json).map_err(fault)?;
    let inner = guarded(|| tokenizers::Tokenizer::from_bytes(json))
        .map_err(|panic| fault((format!("it cannot be built ({panic})"), BROKEN)))?
        .map_err(|error| {
            let hint = "data.tokenizer takes a Hugging Face tokenizer.json";
            fault((clip(&error.to_string(), 300).into_owned(), hint))
        })?;
    HuggingFace::new(name.clone(), inner)
}

/// What is to be done with a file that makes the library panic.
pub(super) const BROKEN: &str = "the file asks for what the tokenizers library cannot do: save it anew with that library, or take another tokenizer.json";
