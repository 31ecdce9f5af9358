//! Forecasts written down before the runs that answer them are trained.
//!
//! A registration is a JSON file: what was asked and forecast, by which law, from which runs of which ledger, when. It ends in
//! the SHA-256 of all of that, so that an edit shows. The hash is no signature: who edits the file can hash it anew. Where others
//! should believe the date, commit the file, or publish the hash, on the day.

mod provenance;
mod seal;

use std::path::{Path, PathBuf};

use isoflop_durable::write_atomic;
use isoflop_fit::score::Claim;
use isoflop_fit::{Observation, Table};
use isoflop_ledger::now_utc;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::StudyError;
use crate::passport::COMMIT;
pub use provenance::{Provenance, Standing};
pub use seal::Seal;
use seal::hash;

/// Version of the file's shape.
const FORMAT: u32 = 1;

/// A registered forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// When it was written, UTC, RFC 3339.
    pub registered_utc: String,
    /// What wrote it.
    pub program: Program,
    pub claims: Vec<Claim>,
    pub law: Law,
    pub source: Source,
}

/// The program that forecast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    pub isoflop: String,
    /// Commit it was built from, where known.
    pub commit: Option<String>,
    /// Version of the training code's numerics.
    pub numerics: u32,
}

/// What forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Law {
    /// In words.
    pub title: String,
    /// How the law was chosen, where nobody named one.
    pub choice: Option<String>,
    /// The fit with its parameters, as `sweep fit --json` prints it.
    pub fit: Value,
    /// How law and slice minima were weighed, and how they did on held-out budgets.
    pub forecast: Value,
}

/// What kind of source runs were read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    Folder,
    Csv,
    Jsonl,
}

/// The runs that a forecast rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub kind: SourceKind,
    /// As it was named.
    pub path: PathBuf,
    /// SHA-256 of the ledger, or of the table's file, as it was read.
    pub sha256: String,
    /// What they were trained on; `None` for tables.
    pub study: Option<StudyFacts>,
    /// How N and C are counted.
    pub convention: String,
    /// The largest budget that the fit saw, where larger ones were held back.
    pub up_to_flops: Option<f64>,
    pub budgets: Vec<BudgetRuns>,
    pub runs: Vec<UsedRun>,
}

/// What must be the same for losses to compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyFacts {
    /// SHA-256 of the tokenised data.
    pub data_sha256: String,
    /// The data in words.
    pub data: String,
    pub tokenizer: Option<String>,
    pub vocab: usize,
    /// Versions of the training code's numerics among the runs, ascending.
    pub numerics: Vec<u32>,
}

/// How many runs of a budget were used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetRuns {
    pub flops: f64,
    pub runs: usize,
}

/// A run that was used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsedRun {
    /// The cell's id; in a table its name.
    pub run: String,
    pub params: f64,
    pub tokens: f64,
    pub loss_nats: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    registration: Registration,
    sha256: String,
}

impl Registration {
    /// Dated now, by this program.
    pub fn new(claims: Vec<Claim>, law: Law, source: Source) -> Self {
        let program = Program {
            isoflop: env!("CARGO_PKG_VERSION").to_owned(),
            commit: COMMIT.map(str::to_owned),
            numerics: isoflop_plan::NUMERICS_VERSION,
        };
        Self { registered_utc: now_utc(), program, claims, law, source }
    }

    /// Writes it and returns its hash.
    ///
    /// # Errors
    /// [`StudyError::Misuse`] where the file is there already; [`StudyError::Ledger`] where the file system refuses.
    pub fn write(&self, path: &Path) -> Result<String, StudyError> {
        refuse_existing(path)?;
        let value = serde_json::to_value(self).expect("a registration is plain data");
        let file = File { format: FORMAT, registration: self.clone(), sha256: hash(&value) };
        let json = serde_json::to_string_pretty(&file).expect("a registration is plain data");
        write_atomic(path, (json + "\n").as_bytes())?;
        Ok(file.sha256)
    }

    /// Reads one, and says whether it still is what its hash was taken of.
    ///
    /// # Errors
    /// [`StudyError::Unreadable`]; [`StudyError::Misuse`] of another format.
    pub fn read(path: &Path) -> Result<(Self, Seal), StudyError> {
        let unreadable =
            |source: Box<dyn std::error::Error + Send + Sync>| StudyError::Unreadable {
                path: path.to_owned(),
                hint: "give a file that `sweep predict --register` wrote".into(),
                source,
            };
        let text = std::fs::read_to_string(path).map_err(|e| unreadable(e.into()))?;
        let value: Value = serde_json::from_str(&text).map_err(|e| unreadable(e.into()))?;
        if let Some(format) = value["format"].as_u64()
            && format != u64::from(FORMAT)
        {
            return Err(StudyError::Misuse(format!(
                "{} is a registration of format {format}, and this program reads format {FORMAT}\nhint: score it with the version of sweep that wrote it, or a newer one",
                path.display()
            )));
        }
        // Typed from the text, so that a key given twice is an error and not the last of the two.
        let file: File = serde_json::from_str(&text).map_err(|e| unreadable(e.into()))?;
        let found = hash(&value["registration"]);
        let seal = match found == file.sha256 {
            true => Seal::Whole { sha256: found },
            false => Seal::Broken { sha256: file.sha256, found },
        };
        Ok((file.registration, seal))
    }

    /// Whether the forecast was made from this run: the same cell, or the same D and loss to the last bit.
    pub fn rests_on(&self, run: &Observation, kind: SourceKind) -> bool {
        let cells = [self.source.kind, kind] == [SourceKind::Folder; 2];
        let same = |used: &UsedRun| {
            let equal = used.tokens == run.tokens && used.loss_nats == run.loss_nats;
            equal || (cells && used.run == run.run)
        };
        self.source.runs.iter().any(same)
    }
}

/// Refuses to write over a registration.
///
/// # Errors
/// [`StudyError::Misuse`].
pub fn refuse_existing(path: &Path) -> Result<(), StudyError> {
    match path.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(_) => Err(StudyError::Misuse(format!(
            "{} is there already, and a registered forecast is not written over\nhint: name another file",
            path.display()
        ))),
    }
}

/// The runs of a table as a registration keeps them: how many of each budget, and each.
pub fn used(table: &Table) -> (Vec<BudgetRuns>, Vec<UsedRun>) {
    let mut budgets: Vec<f64> =
        table.rows().iter().map(|r| r.budget_flops.unwrap_or(r.flops)).collect();
    budgets.sort_unstable_by(f64::total_cmp);
    let alike = budgets.chunk_by(|a, b| a == b);
    let budgets = alike.map(|g| BudgetRuns { flops: g[0], runs: g.len() }).collect();
    let run = |r: &Observation| UsedRun {
        run: r.run.clone(),
        params: r.params,
        tokens: r.tokens,
        loss_nats: r.loss_nats,
    };
    (budgets, table.rows().iter().map(run).collect())
}

#[cfg(test)]
mod tests;
