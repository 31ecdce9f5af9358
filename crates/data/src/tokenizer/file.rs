//! A `tokenizer.json` on disk.

use std::path::Path;

use super::HuggingFace;
use crate::error::DataError;

/// Loads a `tokenizer.json`.
pub(super) fn load(path: &Path) -> Result<HuggingFace, DataError> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|e| DataError::read(path, e))?;
    let inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|e| DataError::Tokenizer {
        name: name.clone(),
        problem: e.to_string(),
        hint: "data.tokenizer takes a Hugging Face tokenizer.json",
    })?;
    HuggingFace::new(name, inner)
}
