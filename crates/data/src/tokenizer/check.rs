//! What a `tokenizer.json` says, looked at before the library builds anything from it: within bounds, no id twice, and no pattern
//! that the library cannot work with.

use std::collections::HashMap;
use std::fmt;

use isoflop_text::{clip, thousands};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Most ids of a vocabulary, used or not: a model has a row for each. The largest that are published have a million.
pub(super) const MOST_TOKENS: u64 = 1 << 21;
/// A vocabulary may have as many unused ids as used ones, and these.
const SPARE_IDS: u64 = 1024;
/// Most bytes of all added tokens together: each is searched for in all text.
const MOST_ADDED_BYTES: usize = 4 << 20;
/// Most bytes of one text within a step, such as a pattern.
const MOST_STEP_BYTES: usize = 16 << 10;
/// Most characters of a word that WordPiece looks at, which takes their cube.
const MOST_WORD: u64 = 1000;
/// Text may grow to as many times its bytes before it is cut into tokens.
const MOST_GROWTH: u64 = 64;

/// A problem of a file, and what to do about it.
pub(super) type Fault = (String, &'static str);

/// Looks at the bytes of a `tokenizer.json`.
pub(super) fn check(bytes: &[u8]) -> Result<(), Fault> {
    let read: File = serde_json::from_slice(bytes).map_err(|error| {
        let problem = clip(&error.to_string(), 300).into_owned();
        (problem, "data.tokenizer takes a Hugging Face tokenizer.json")
    })?;
    check_ids(&read)?;
    let added: usize = read.added_tokens.iter().map(|token| token.content.len()).sum();
    if added > MOST_ADDED_BYTES {
        return Err((
            format!("its added tokens have {} bytes in all", thousands(added as u64)),
            "\"added_tokens\" holds special tokens; a vocabulary stands in \"model\"",
        ));
    }
    let mut growth = 1;
    for (name, step) in [("normalizer", &read.normalizer), ("pre_tokenizer", &read.pre_tokenizer)] {
        check_step(name, step, &mut growth)?;
    }
    if growth > MOST_GROWTH {
        let problem = "its normalizer and pre_tokenizer may make text many times as long";
        return Err((problem.into(), "remove all but one of those that replace and add"));
    }
    check_model(&read.model)
}

fn check_ids(read: &File) -> Result<(), Fault> {
    let Vocabulary { count, highest, twice } = &read.model.vocab;
    if let Some(id) = twice {
        return Err((
            format!("two tokens of its vocabulary have the id {id}"),
            "give every token an id of its own",
        ));
    }
    let added = read.added_tokens.iter().map(|token| token.id);
    let ids = added.chain(*highest).max().map_or(0, |id| id.saturating_add(1));
    let count = count + read.added_tokens.len() as u64;
    if ids > MOST_TOKENS || count > MOST_TOKENS {
        return Err((
            format!(
                "its vocabulary has {} tokens and ids up to {}, and no more than {} are read",
                thousands(count),
                thousands(ids.saturating_sub(1)),
                thousands(MOST_TOKENS)
            ),
            "a model has a row for every id up to the highest: number the tokens from 0",
        ));
    }
    if ids > 2 * count + SPARE_IDS {
        return Err((
            format!(
                "its {} tokens have ids up to {}, most of which stand for nothing",
                thousands(count),
                thousands(ids - 1)
            ),
            "a model has a row for every id up to the highest: number the tokens from 0",
        ));
    }
    Ok(())
}

/// A normalizer or pre_tokenizer, and those within it.
fn check_step(name: &str, step: &Value, growth: &mut u64) -> Result<(), Fault> {
    let bytes = |value: &Value| value.as_str().map_or(0, str::len);
    match step {
        Value::Array(steps) => steps.iter().try_for_each(|step| check_step(name, step, growth)),
        Value::Object(step) => {
            let pattern = step.get("pattern").and_then(Value::as_object);
            let pattern = pattern.and_then(|pattern| pattern.iter().next());
            let kind = step.get("type").and_then(Value::as_str).unwrap_or("step");
            if pattern.is_some_and(|(_, text)| bytes(text) == 0) {
                return Err((
                    format!("the pattern of a {} in its {name} is empty", clip(kind, 40)),
                    "an empty pattern stands everywhere and nowhere: remove that step from the file",
                ));
            }
            if step.get("length").and_then(Value::as_u64) == Some(0) {
                let problem = format!("a {} in its {name} cuts text into nothing", clip(kind, 40));
                return Err((problem, "give it a \"length\" of 1 or above"));
            }
            *growth = growth.saturating_mul(match kind {
                // Every byte above 127 becomes a character of two.
                "ByteLevel" => 2,
                "Replace" => {
                    let content = step.get("content").map_or(0, bytes) as u64;
                    // A regular expression may match a single byte.
                    let literal = pattern.filter(|(kind, _)| *kind == "String");
                    let matched = literal.map_or(1, |(_, text)| bytes(text).max(1)) as u64;
                    content.div_ceil(matched).max(1)
                }
                _ => 1,
            });
            for (key, value) in step {
                if value.as_str().is_some_and(|text| text.len() > MOST_STEP_BYTES)
                    && key != "precompiled_charsmap"
                {
                    return Err((
                        format!("\"{}\" of its {name} has {} bytes", clip(key, 40), bytes(value)),
                        "no pattern and no replacement is as long; is the file damaged?",
                    ));
                }
                if value.is_object() || value.is_array() {
                    check_step(name, value, growth)?;
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn check_model(model: &Model) -> Result<(), Fault> {
    if model.dropout.is_some_and(|dropout| dropout > 0.0) {
        return Err((
            "its model has dropout, so that the same text becomes other tokens each time".into(),
            "write \"dropout\": null in \"model\"",
        ));
    }
    if let Some(word) = model.max_input_chars_per_word.filter(|word| *word > MOST_WORD) {
        return Err((
            format!("\"max_input_chars_per_word\" is {word}"),
            "it is 100 in most files, and at most 1000 is read",
        ));
    }
    let texts = [
        ("continuing_subword_prefix", &model.continuing_subword_prefix),
        ("end_of_word_suffix", &model.end_of_word_suffix),
    ];
    for (key, text) in texts {
        if text.as_ref().is_some_and(|text| text.len() > 100) {
            let hint = "it is a mark such as ## or </w>; is the file damaged?";
            return Err((format!("\"{key}\" of its model is very long"), hint));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<Added>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    id: u64,
    content: String,
}

#[derive(Deserialize)]
struct Model {
    vocab: Vocabulary,
    #[serde(default)]
    dropout: Option<f64>,
    #[serde(default)]
    max_input_chars_per_word: Option<u64>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
}

/// Tokens by name with their ids, or in the order of these.
#[derive(Default)]
struct Vocabulary {
    count: u64,
    highest: Option<u64>,
    /// The first id that two tokens have.
    twice: Option<u64>,
}

impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfVocabulary)
    }
}

struct OfVocabulary;

impl<'de> Visitor<'de> for OfVocabulary {
    type Value = Vocabulary;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a vocabulary, tokens with their ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocabulary, A::Error> {
        let (mut out, mut tokens) = (Vocabulary::default(), HashMap::<u64, Box<str>>::new());
        while let Some((token, id)) = map.next_entry::<Box<str>, u64>()? {
            out.count += 1;
            out.highest = out.highest.max(Some(id));
            // Beyond, it is refused whatever the ids.
            if out.count <= MOST_TOKENS
                && let Some(other) = tokens.insert(id, token.clone())
                && other != token
            {
                out.twice.get_or_insert(id);
            }
        }
        Ok(out)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vocabulary, A::Error> {
        let mut out = Vocabulary::default();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            out.highest = Some(out.count);
            out.count += 1;
        }
        Ok(out)
    }
}
