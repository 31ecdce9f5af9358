//! What a results folder tells of its runs beside their losses: when they ended, and what must agree for losses to compare.

use std::collections::BTreeMap;

use isoflop_fit::Observation;
use serde::Serialize;

use super::{Registration, StudyFacts};
use crate::error::StudyError;
use crate::folder::Folder;

/// Data, numerics and dates of a folder's runs.
#[derive(Debug, Clone)]
pub struct Provenance {
    data_sha256: String,
    data: String,
    tokenizer: Option<String>,
    vocab: usize,
    runs: BTreeMap<String, Run>,
}

#[derive(Debug, Clone)]
struct Run {
    ended_utc: String,
    numerics: Option<u32>,
}

/// Which came first: the registration or the runs that it is scored on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Standing {
    /// No run had ended.
    Before,
    /// Some had.
    After { ended_before: usize, runs: usize },
    /// The runs are not dated.
    Unknown,
}

impl Provenance {
    /// Of a folder as it was read.
    pub fn of(folder: &Folder) -> Self {
        let facts = folder.data.facts();
        let figure = |name: &str| folder.data.figures.iter().find(|f| f.0 == name);
        let current = folder.contents.current();
        let run = |record: &isoflop_ledger::Record| Run {
            ended_utc: record.run.ended_utc.clone(),
            numerics: folder
                .contents
                .passports
                .get(&record.run.passport)
                .map(|passport| passport.versions.numerics),
        };
        Self {
            data_sha256: facts.data_sha256,
            data: folder.data.source.clone(),
            tokenizer: figure("Tokenizer").map(|f| f.1.clone()),
            vocab: facts.vocab,
            runs: current.iter().map(|(id, record)| (id.0.clone(), run(record))).collect(),
        }
    }

    /// What a registration keeps of it, for the runs it rests on.
    pub fn facts(&self, rows: &[Observation]) -> StudyFacts {
        let (data_sha256, data) = (self.data_sha256.clone(), self.data.clone());
        let (tokenizer, vocab) = (self.tokenizer.clone(), self.vocab);
        StudyFacts { data_sha256, data, tokenizer, vocab, numerics: self.numerics(rows) }
    }

    /// Refuses what a forecast was not made for, whose loss says nothing about it.
    ///
    /// # Errors
    /// [`StudyError::Misuse`], naming what differs.
    pub fn refuse_other_data(&self, forecast: &StudyFacts) -> Result<(), StudyError> {
        if self.data_sha256 == forecast.data_sha256 {
            return Ok(());
        }
        let words = |tokenizer: &Option<String>, vocab: usize, data: &str, hash: &str| {
            let tokenizer = tokenizer.as_deref().unwrap_or("no tokenizer");
            format!("{data} ({tokenizer}, vocabulary {vocab}, {})", &hash[..hash.len().min(12)])
        };
        let theirs = words(&self.tokenizer, self.vocab, &self.data, &self.data_sha256);
        let ours =
            words(&forecast.tokenizer, forecast.vocab, &forecast.data, &forecast.data_sha256);
        Err(StudyError::Misuse(format!(
            "the forecast is of losses on {ours}, these runs were trained on {theirs}, and losses on other tokens do not compare\nhint: score it on runs of the same data and tokenizer"
        )))
    }

    /// Refuses runs of another version of the training code.
    ///
    /// # Errors
    /// [`StudyError::Misuse`].
    pub fn refuse_other_numerics(
        &self,
        forecast: &StudyFacts,
        rows: &[Observation],
    ) -> Result<(), StudyError> {
        let here = self.numerics(rows);
        if here.iter().all(|version| forecast.numerics.contains(version)) {
            return Ok(());
        }
        let list = |versions: &[u32]| {
            versions.iter().map(u32::to_string).collect::<Vec<_>>().join(" and ")
        };
        Err(StudyError::Misuse(format!(
            "the forecast rests on runs of numerics {}, and these are of numerics {}: the training code has changed between them\nhint: train with the version of sweep that trained the rest, or give --nonetheless to score it all the same",
            list(&forecast.numerics),
            list(&here)
        )))
    }

    /// Whether the runs had ended when the forecast was registered.
    pub fn standing(&self, registration: &Registration, runs: &[String]) -> Standing {
        // Both are UTC of one fixed form, which sorts as time does.
        let ended = |name: &&String| {
            self.runs.get(*name).is_some_and(|r| r.ended_utc < registration.registered_utc)
        };
        match runs.iter().filter(ended).count() {
            0 => Standing::Before,
            ended_before => Standing::After { ended_before, runs: runs.len() },
        }
    }

    fn numerics(&self, rows: &[Observation]) -> Vec<u32> {
        let of = |row: &Observation| self.runs.get(&row.run)?.numerics;
        let mut all: Vec<u32> = rows.iter().filter_map(of).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
