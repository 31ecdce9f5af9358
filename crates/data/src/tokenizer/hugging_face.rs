//! Any tokenizer of the `tokenizers` library.

use std::collections::HashMap;

use isoflop_text::clip;

use super::check::MOST_TOKENS;
use super::file::BROKEN;
use super::guard::guarded;
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
    pub(crate) fn new(name: String, inner: tokenizers::Tokenizer) -> Result<Self, DataError> {
        let problem =
            |problem: String, hint| DataError::Tokenizer { name: name.clone(), problem, hint };
        // Moved in and out, as a panic leaves it in no state to be used.
        let (inner, vocabulary) = guarded(move || settled(inner))
            .map_err(|panic| problem(format!("it cannot be used ({panic})"), BROKEN))?
            .map_err(|e| problem(e.to_string(), "remove \"truncation\" from the file"))?;
        let mut tokens = HashMap::new();
        for (token, id) in &vocabulary {
            if let Some(other) = tokens.insert(*id, token) {
                // In an order that does not change from run to run.
                let (first, second) = (token.min(other), token.max(other));
                return Err(problem(
                    format!(
                        "the tokens {:?} and {:?} both have the id {id}",
                        clip(first, 40),
                        clip(second, 40)
                    ),
                    "give every token an id of its own",
                ));
            }
        }
        let vocab = vocabulary.values().max().map_or(0, |&id| id as usize + 1);
        if vocab as u64 > MOST_TOKENS {
            let hint = "a model has a row for every id up to the highest: number the tokens from 0";
            return Err(problem(format!("its ids go up to {}", vocab - 1), hint));
        }
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
        let json = guarded(|| inner.to_string(false))
            .map_err(|panic| problem(format!("it cannot be written down ({panic})"), BROKEN))?
            .map_err(|e| {
                problem(format!("it cannot be written down: {e}"), "use another tokenizer.json")
            })?;
        Ok(Self { name, inner, json, vocab, separator, unknown })
    }
}

/// A tokenizer that encodes whole texts as they are, and its tokens with their ids.
fn settled(
    mut inner: tokenizers::Tokenizer,
) -> tokenizers::Result<(tokenizers::Tokenizer, HashMap<String, u32>)> {
    inner.with_padding(None);
    // A text about tokenizers may spell out a special token; only we write the real ones.
    inner.set_encode_special_tokens(true);
    inner.with_truncation(None)?;
    let vocabulary = inner.get_vocab(true).into_iter().collect();
    Ok((inner, vocabulary))
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
        let failed =
            |problem: String, hint| DataError::Tokenizer { name: self.name.clone(), problem, hint };
        let encoding = guarded(|| self.inner.encode(text, false))
            .map_err(|panic| failed(format!("it fails on some text ({panic})"), BROKEN))?
            .map_err(|e| {
                let hint = "the tokenizer cannot encode this text; a byte-level one can encode any";
                failed(clip(&e.to_string(), 300).into_owned(), hint)
            })?;
        if let Some(id) = encoding.get_ids().iter().find(|id| **id as usize >= self.vocab) {
            let problem = format!("it gives some text the id {id}, which no token has");
            return Err(failed(problem, "give its \"unk_token\" a place in the vocabulary"));
        }
        out.ids.extend_from_slice(encoding.get_ids());
        // A token stands for the bytes up to the end of its span that no token before it covered:
        // parts of one character share a span, and normalisers drop bytes between spans.
        let mut covered = 0;
        for &(_, end) in encoding.get_offsets() {
            let end = end.min(text.len()).max(covered);
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
