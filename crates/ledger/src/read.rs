//! Reading a results folder without any right to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use isoflop_durable::{read_if_there, seal_json, unseal_json};
use isoflop_plan::CellId;
use isoflop_record::{Record, Status};

use crate::error::LedgerError;
use crate::jsonl::{Tail, parse};
use crate::line;
use crate::passport::Passport;
use crate::shards::{Repeated, read_all};

/// Name of the ledger file in a results folder.
pub const LEDGER_FILE: &str = "ledger.jsonl";
/// Name of the passports' file in a results folder.
pub const PASSPORT_FILE: &str = "passport.json";
/// Name of the resolved configuration in a results folder.
pub const CONFIG_FILE: &str = "config.resolved.toml";
/// Name of the folder of checkpoints in a results folder; gone when every cell has ended.
pub const CHECKPOINT_FOLDER: &str = "checkpoints";

/// What a results folder holds, at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Contents {
    /// Every record, in the order the cells ended. A cell that failed and was tried again has several, as has one that several
    /// machines trained; [`RunInfo::passport`](crate::RunInfo::passport) says which is whose.
    pub records: Vec<Record>,
    /// Passports by hash; every record's is among them, unless the file was taken away.
    pub passports: BTreeMap<String, Passport>,
    /// Whether the file ended in part of a line: a writer is at work, or was killed. That part is not in `records`.
    pub unfinished_line: bool,
    /// Records without a checksum, of versions that wrote none: a digit that changed in them would not show.
    pub unsealed: usize,
    /// Results of cells that several shards have by one machine, but for the first of each.
    pub repeated: Vec<Repeated>,
}

/// Copies what a folder holds, its shards included. Takes no lock: another process may be writing meanwhile.
///
/// A folder without a ledger file holds no records; that is not an error.
///
/// # Errors
///
/// [`LedgerError::Corrupt`], [`LedgerError::Schema`] and [`LedgerError::Twice`] name the line at fault, [`LedgerError::OtherShard`] a shard,
/// [`LedgerError::Passport`] and [`LedgerError::Io`] the file.
pub fn read(folder: &Path) -> Result<Contents, LedgerError> {
    read_with_hash(folder).map(|(contents, _)| contents)
}

/// What the bytes of a ledger file hold, its passports (`None` where there is no such file) beside it. `folder` is where
/// they come from, for messages; nothing is read from it.
///
/// # Errors
///
/// As [`read`], but for [`LedgerError::Io`].
pub fn read_bytes(
    folder: &Path,
    ledger: &[u8],
    passports: Option<&[u8]>,
) -> Result<Contents, LedgerError> {
    let parsed = parse(&folder.join(LEDGER_FILE), ledger)?;
    Ok(Contents {
        records: parsed.records,
        passports: parse_passports(folder, passports.unwrap_or_default())?,
        unfinished_line: parsed.tail == Tail::Torn,
        unsealed: parsed.unsealed,
        repeated: Vec::new(),
    })
}

/// As [`read`], with the SHA-256 of the ledger's bytes as they were read, in hex; of a ledger in shards, of their hashes.
///
/// # Errors
///
/// As [`read`].
pub fn read_with_hash(folder: &Path) -> Result<(Contents, String), LedgerError> {
    read_all(folder)
}

impl Contents {
    /// The records that count of each cell, by id: the last of each passport, and failures only where no machine got further. A
    /// folder that one process after another wrote has one for each cell; where machines were merged there may be repeats, those
    /// of the first machine first.
    pub fn repeats(&self) -> BTreeMap<&CellId, Vec<&Record>> {
        let mut cells: BTreeMap<&CellId, Vec<&Record>> = BTreeMap::new();
        for record in &self.records {
            let known = cells.entry(record.id()).or_default();
            known.retain(|other| other.run.passport != record.run.passport);
            known.push(record);
        }
        for known in cells.values_mut() {
            let ended = |record: &&Record| record.result.status.is_final();
            match known.iter().any(ended) {
                true => known.retain(ended),
                false => drop(known.drain(..known.len() - 1)),
            }
        }
        cells
    }

    /// One record of each cell, by id: the first of its [`repeats`](Self::repeats).
    pub fn current(&self) -> BTreeMap<&CellId, &Record> {
        self.repeats().into_iter().map(|(id, known)| (id, known[0])).collect()
    }

    /// Cells that need no more work, by their current records.
    pub fn ended(&self) -> BTreeSet<&CellId> {
        let current = self.current().into_iter();
        current.filter(|(_, record)| record.result.status.is_final()).map(|(id, _)| id).collect()
    }

    /// How many cells stand so, by their current records.
    pub fn number(&self, is: fn(&Status) -> bool) -> usize {
        self.current().values().filter(|record| is(&record.result.status)).count()
    }

    /// The records as a ledger file.
    pub fn ledger_jsonl(&self) -> String {
        self.records.iter().map(line::write).collect()
    }

    /// The passports as their file.
    pub fn passport_json(&self) -> String {
        passport_json(&self.passports)
    }

    /// The part of the current records that must be the same when the same configuration is run again: one line
    /// of JSON per cell, by id.
    pub fn deterministic_jsonl(&self) -> String {
        self.current().values().map(|record| record.deterministic_json() + "\n").collect()
    }
}

pub(crate) fn passport_json(passports: &BTreeMap<String, Passport>) -> String {
    let json = serde_json::to_string_pretty(passports).expect("passports are plain data");
    seal_json(&(json + "\n"))
}

pub(crate) fn read_or_empty(path: &Path) -> Result<Vec<u8>, LedgerError> {
    let bytes = read_if_there(path).map_err(LedgerError::io("read", path))?;
    Ok(bytes.unwrap_or_default())
}

pub(crate) fn read_passports(folder: &Path) -> Result<BTreeMap<String, Passport>, LedgerError> {
    parse_passports(folder, &read_or_empty(&folder.join(PASSPORT_FILE))?)
}

pub(crate) fn parse_passports(
    folder: &Path,
    bytes: &[u8],
) -> Result<BTreeMap<String, Passport>, LedgerError> {
    if bytes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let damaged =
        |reason: String| LedgerError::Passport { path: folder.join(PASSPORT_FILE), reason };
    let body = unseal_json(bytes).map_err(|broken| damaged(broken.to_string()))?.body;
    let passports: BTreeMap<String, Passport> = serde_json::from_slice(&body)
        .map_err(|error| damaged(format!("not a list of passports: {error}")))?;
    match passports.iter().find(|(hash, passport)| passport.hash() != **hash) {
        Some((hash, _)) => Err(damaged(format!(
            "passport {hash} does not have the content that its name stands for"
        ))),
        None => Ok(passports),
    }
}
