//! Any tokenizer of the `tokenizers` library.

use super::{Encoded, Tokenizer};
use crate::error::DataError;

/// A tokenizer of the `tokenizers` library with a separator chosen.
#[derive(Debug, Clone)]
pub(crate) struct HuggingFace {
    name: String,
    inner: tokenizers::Tokenizer,
    json: String,
    vocab: usize,
    separator: u32,
    unknown: Option<u32>,
}

/// Names that common vocabularies give to the end (or start) of a text, in order of preference.
const SEPARATORS: [&str; 8] = [
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<eos>",
    "<|eos|>",
    "<|begin_of_text|>",
    "<s>",
    "[SEP]",
];

const UNKNOWNS: [&str; 3] = ["<unk>", "[UNK]", "<|unk|>"];

impl HuggingFace {
    /// Picks the separator and switches truncation and padding off.
    pub(crate) fn new(name: String, mut inner: tokenizers::Tokenizer) -> Result<Self, DataError> {
        inner.with_padding(None);
        // A text about tokenizers may spell out a special token; only we write the real ones.
        inner.set_encode_special_tokens(true);
        let problem =
            |problem: String, hint| DataError::Tokenizer { name: name.clone(), problem, hint };
        inner
            .with_truncation(None)
            .map_err(|e| problem(e.to_string(), "remove \"truncation\" from the file"))?;
        let vocabulary = inner.get_vocab(true);
        let vocab = vocabulary.values().max().map_or(0, |&id| id as usize + 1);
        let id = |names: &[&str]| names.iter().find_map(|n| vocabulary.get(*n).copied());
        let separator = id(&SEPARATORS).ok_or_else(|| {
            problem(
                format!(
                    "none of {} is in its vocabulary, so documents cannot be separated",
                    SEPARATORS.join(" ")
                ),
                "add one of them under \"added_tokens\" in the file",
            )
        })?;
        let unknown = id(&UNKNOWNS);
        // Later calls would meet the same failure, where it could no longer be told.
        let json = inner.to_string(false).map_err(|e| {
            problem(format!("it cannot be written down: {e}"), "use another tokenizer.json")
        })?;
        Ok(Self { name, inner, json, vocab, separator, unknown })
    }
}

impl Tokenizer for HuggingFace {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn vocab(&self) -> usize {
        self.vocab
    }

    fn separator(&self) -> u32 {
        self.separator
    }

    fn unknown(&self) -> Option<u32> {
        self.unknown
    }

    fn encode(&self, text: &str, out: &mut Encoded) -> Result<(), DataError> {
        let encoding = self.inner.encode(text, false).map_err(|e| DataError::Tokenizer {
            name: self.name.clone(),
            problem: e.to_string(),
            hint: "the tokenizer cannot encode this text; a byte-level one can encode any",
        })?;
        out.ids.extend_from_slice(encoding.get_ids());
        // A token stands for the bytes up to the end of its span that no token before it covered:
        // parts of one character share a span, and normalisers drop bytes between spans.
        let mut covered = 0;
        for &(_, end) in encoding.get_offsets() {
            let end = end.max(covered);
            out.bytes.push((end - covered) as u16);
            covered = end;
        }
        if let Some(last) = out.bytes.last_mut()
            && !encoding.is_empty()
        {
            *last += (text.len() - covered) as u16;
        }
        Ok(())
    }

    fn to_json(&self) -> Option<&str> {
        Some(&self.json)
    }
}
