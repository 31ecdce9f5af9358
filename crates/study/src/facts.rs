//! What a results folder remembers of its data, so that a report can be made without it.

use std::error::Error;
use std::path::Path;

use isoflop_data::Corpus;
use isoflop_durable::{parse_sealed, write_sealed};
use isoflop_ledger::CHECKPOINT_FOLDER;
use isoflop_plan::DataFacts;
use isoflop_report::number;
use isoflop_text::counted;
use serde::{Deserialize, Serialize};

use crate::error::StudyError;
use crate::events::Observer;

pub(crate) const FILE: &str = "data.json";

/// What plans and reports need to know of the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
        Ok(write_sealed(&folder.join(FILE), self)?)
    }

    /// Reads it again.
    ///
    /// # Errors
    /// [`StudyError::Unreadable`].
    pub fn read(folder: &Path) -> Result<Self, StudyError> {
        let path = folder.join(FILE);
        let parse = |bytes: Vec<u8>| parse_sealed(&bytes);
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

    /// Makes sure that what a results folder holds was trained on this data, wherever its files lie now.
    ///
    /// # Errors
    /// [`StudyError::Misuse`] where it was trained on other data.
    pub(crate) fn check_same(
        &self,
        folder: &Path,
        records: usize,
        observer: &mut dyn Observer,
    ) -> Result<(), StudyError> {
        let old = match Self::read(folder) {
            Ok(old) => old,
            // Nothing to compare with. The cells' ids tell other data as well.
            Err(_) if !folder.join(FILE).exists() => return Ok(()),
            Err(error) => {
                let (path, why) = (folder.join(FILE), error.source().map(ToString::to_string));
                let why = why.unwrap_or_default();
                observer.warn(format!("{}: {why}; it is written anew", path.display()));
                return Ok(());
            }
        };
        let checkpoints = std::fs::read_dir(folder.join(CHECKPOINT_FOLDER))
            .map_or(0, |entries| entries.flatten().count());
        if old.sha256 == self.sha256 || records + checkpoints == 0 {
            return Ok(());
        }
        let folder = folder.display();
        let holds = [counted(records as u64, "record"), counted(checkpoints as u64, "checkpoint")];
        Err(StudyError::Misuse(format!(
            "the data is not that of the study in {folder}, which holds {}: {}\nhint: put the text back as it was, and the same command goes on\nhint: to train on the text as it is now, set study.results to another folder, or remove {folder} to begin anew",
            holds.join(" and "),
            old.changes(self).join("; ")
        )))
    }

    /// What differs between two data sets, for people.
    fn changes(&self, new: &Self) -> Vec<String> {
        let of = |data: &Self, name: &str| {
            let figure = data.figures.iter().find(|(known, _)| known == name);
            figure.map_or_else(|| "not there".to_owned(), |(_, value)| value.clone())
        };
        let changed = |(name, _): &(String, String)| {
            let (was, is) = (of(self, name), of(new, name));
            (was != is).then(|| format!("{}: {was} -> {is}", name.to_lowercase()))
        };
        let mut changes: Vec<String> = new.figures.iter().filter_map(changed).collect();
        if changes.is_empty() {
            changes.push("as much text, with other content".to_owned());
        }
        let short = |sha256: &str| sha256.get(..12).unwrap_or(sha256).to_owned();
        changes.push(format!("SHA-256: {}.. -> {}..", short(&self.sha256), short(&new.sha256)));
        changes
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

#[cfg(test)]
mod tests {
    use super::*;

    fn data(sha256: &str, documents: &str) -> StudyData {
        StudyData {
            vocab: 256,
            train_tokens: Some(1000),
            sha256: sha256.into(),
            bytes_per_token: Some(1.0),
            source: "text".into(),
            figures: vec![("Documents".into(), documents.into())],
            notes: Vec::new(),
        }
    }

    #[test]
    fn other_data_is_refused_where_something_was_trained() {
        let observer = &mut crate::events::Silent;
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (data("00aa", "80"), data("11bb", "81"));
        new.check_same(folder.path(), 3, observer).unwrap();
        old.write(folder.path()).unwrap();
        old.check_same(folder.path(), 3, observer).unwrap();
        new.check_same(folder.path(), 0, observer).unwrap();
        let told = new.check_same(folder.path(), 1, observer).unwrap_err().to_string();
        assert!(told.contains("1 record and 0 checkpoints: documents: 80 -> 81; "), "{told}");
        assert!(told.contains("SHA-256: 00aa.. -> 11bb.."), "{told}");
        assert_eq!(told.matches("\nhint: ").count(), 2, "{told}");
        let checkpoints = folder.path().join(CHECKPOINT_FOLDER);
        std::fs::create_dir(&checkpoints).unwrap();
        std::fs::write(checkpoints.join("a.safetensors"), "").unwrap();
        let told =
            data("22cc", "80").check_same(folder.path(), 0, observer).unwrap_err().to_string();
        assert!(told.contains("1 checkpoint: as much text, with other content"), "{told}");
    }
}
