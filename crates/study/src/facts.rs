//! What a results folder remembers of its data, so that a report can be made without it.

use std::path::Path;

use isoflop_data::Corpus;
use isoflop_ledger::write_atomic;
use isoflop_plan::DataFacts;
use isoflop_report::number;
use serde::{Deserialize, Serialize};

use crate::error::StudyError;

const FILE: &str = "data.json";

/// What plans and reports need to know of the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyData {
    vocab: usize,
    train_tokens: Option<u64>,
    sha256: String,
    bytes_per_token: Option<f64>,
    /// The source in words.
    pub source: String,
    /// Figures for people, by name.
    pub figures: Vec<(String, String)>,
    /// What is doubtful about it.
    pub notes: Vec<String>,
}

impl StudyData {
    /// Looks at prepared data.
    pub fn of(corpus: &Corpus) -> Self {
        let summary = corpus.summary();
        let train = summary.map(|summary| summary.train).filter(|part| part.tokens > 0);
        let mut data = Self {
            vocab: corpus.vocab(),
            train_tokens: corpus.train_tokens(),
            sha256: corpus.sha256().to_owned(),
            bytes_per_token: train.map(|part| part.bytes as f64 / part.tokens as f64),
            source: summary.map_or_else(|| "a synthetic language".to_owned(), |s| s.source.clone()),
            figures: Vec::new(),
            notes: corpus.notes().to_vec(),
        };
        data.figures = data.describe(corpus);
        data
    }

    /// The facts that a grid is laid out for.
    pub fn facts(&self) -> DataFacts {
        DataFacts {
            vocab: self.vocab,
            train_tokens: self.train_tokens,
            data_sha256: self.sha256.clone(),
            bytes_per_token: self.bytes_per_token,
        }
    }

    /// Writes it beside the results.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), StudyError> {
        let json = serde_json::to_string_pretty(self).expect("facts about data are plain data");
        Ok(write_atomic(&folder.join(FILE), (json + "\n").as_bytes())?)
    }

    /// Reads it again.
    ///
    /// # Errors
    /// [`StudyError::Unreadable`].
    pub fn read(folder: &Path) -> Result<Self, StudyError> {
        let path = folder.join(FILE);
        let parse = |bytes: Vec<u8>| Ok(serde_json::from_slice(&bytes)?);
        std::fs::read(&path).map_err(Into::into).and_then(parse).map_err(|source| {
            let config = folder.join(isoflop_ledger::CONFIG_FILE);
            StudyError::Unreadable {
                hint: format!(
                    "a run writes it before it trains; run `sweep --config {}` again",
                    config.display()
                ),
                path,
                source,
            }
        })
    }

    fn describe(&self, corpus: &Corpus) -> Vec<(String, String)> {
        let count = |value: u64| number::count(value as f64, 3);
        let summary = corpus.summary();
        let text = |name: &str, value: Option<String>| Some((name.to_owned(), value?));
        [
            text("Source", Some(self.source.clone())),
            text("Tokenizer", summary.map(|s| s.tokenizer.clone())),
            text("Vocabulary", Some(self.vocab.to_string())),
            text("Documents", summary.map(|s| count(s.documents))),
            text("Text", summary.map(|s| number::bytes(s.bytes as f64))),
            text(
                "Training tokens",
                Some(self.train_tokens.map_or_else(|| "endless".to_owned(), count)),
            ),
            text("Held-out tokens", Some(count(corpus.valid_tokens()))),
            text("Bytes per token", self.bytes_per_token.map(|ratio| format!("{ratio:.3}"))),
            text(
                "True entropy of the language, in the limit",
                corpus
                    .language()
                    .map(|language| format!("{:.4} nats/token", language.entropy_nats())),
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
