//! One line of the ledger file: a record as JSON, with its checksum.

use std::path::Path;

use isoflop_durable::{seal_json, unseal_json};
use isoflop_record::{Record, SCHEMA};
use serde::Deserialize;

use crate::error::LedgerError;
use crate::sound::unsound;

/// A record as the file has it.
pub(crate) struct Line {
    pub record: Record,
    /// Whether a checksum stood by it: a change would have shown.
    pub sealed: bool,
}

/// The line of a record, its end included.
pub(crate) fn write(record: &Record) -> String {
    seal_json(&serde_json::to_string(record).expect("a record is plain data")) + "\n"
}

/// Reads line number `line` of `path`, without its end.
pub(crate) fn parse(path: &Path, line: usize, text: &[u8]) -> Result<Line, LedgerError> {
    #[derive(Deserialize)]
    struct Header {
        schema: u64,
    }
    let corrupt = |reason: String| LedgerError::Corrupt { path: path.to_owned(), line, reason };
    let unsealed = unseal_json(text).map_err(|broken| corrupt(broken.to_string()))?;
    let json = |error: serde_json::Error| corrupt(format!("not a record: {error}"));
    // The version first: a later format need not have this one's fields.
    let header: Header = serde_json::from_slice(&unsealed.body).map_err(json)?;
    if header.schema != u64::from(SCHEMA) {
        return Err(LedgerError::Schema { path: path.to_owned(), line, found: header.schema });
    }
    let record: Record = serde_json::from_slice(&unsealed.body).map_err(json)?;
    match unsound(&record) {
        Some(reason) => Err(corrupt(reason)),
        None => Ok(Line { record, sealed: unsealed.sealed }),
    }
}
