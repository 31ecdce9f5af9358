//! The ledger file: what counts as a line, what a kill may have left, and what is an error.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use isoflop_plan::CellId;
use isoflop_record::Record;

use crate::error::LedgerError;
use crate::line::{self, Line};

/// What was put right when the ledger was opened. Not an error, but never silent: print it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// The last line was half-written and its bytes were moved aside; its cell is trained again.
    TornLine {
        /// Line, counted from 1.
        line: usize,
        /// Bytes moved.
        bytes: usize,
        /// The file that now holds them.
        moved_to: PathBuf,
    },
    /// The last record was whole, only its line end was missing.
    LineEndAdded {
        /// Line, counted from 1.
        line: usize,
    },
}

impl std::fmt::Display for Repair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TornLine { line, bytes, moved_to } => write!(
                f,
                "the ledger's last line ({line}) was cut short, as by a kill: its {bytes} bytes were moved to {}, \
                 and the cell it was for is finished again",
                moved_to.display()
            ),
            Self::LineEndAdded { line } => {
                write!(
                    f,
                    "the ledger's last line ({line}) lacked its end; the record was whole and is kept"
                )
            }
        }
    }
}

/// What a ledger file holds.
pub(crate) struct Parsed {
    pub records: Vec<Record>,
    /// Records without a checksum.
    pub unsealed: usize,
    /// Bytes up to the end of the last sound line.
    pub sound_bytes: usize,
    /// What follows them.
    pub tail: Tail,
}

/// What follows the last complete line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing.
    Clean,
    /// A whole record without its line end (counted in the records and in the sound bytes).
    NoLineEnd,
    /// Part of a record.
    Torn,
}

/// Reads the bytes of a ledger file. Only the end of the file may be unfinished.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Parsed, LedgerError> {
    let mut parsed = Parsed { records: Vec::new(), unsealed: 0, sound_bytes: 0, tail: Tail::Clean };
    let mut ended: BTreeMap<(CellId, String), usize> = BTreeMap::new();
    while parsed.sound_bytes < bytes.len() {
        let rest = &bytes[parsed.sound_bytes..];
        let number = parsed.records.len() + 1;
        let (text, complete) = match rest.iter().position(|&byte| byte == b'\n') {
            Some(end) => (&rest[..end], true),
            None => (rest, false),
        };
        let Line { record, sealed } = match line::parse(path, number, text) {
            Ok(line) => line,
            Err(LedgerError::Corrupt { .. }) if unfinished(rest, complete) => {
                parsed.tail = Tail::Torn;
                return Ok(parsed);
            }
            Err(error) => return Err(error),
        };
        if record.result.status.is_final()
            && let Some(first) =
                ended.insert((record.id().clone(), record.run.passport.clone()), number)
        {
            let cell = record.id().to_string();
            return Err(LedgerError::Twice { path: path.to_owned(), line: number, first, cell });
        }
        parsed.records.push(record);
        parsed.unsealed += usize::from(!sealed);
        parsed.sound_bytes += text.len() + usize::from(complete);
        if !complete {
            parsed.tail = Tail::NoLineEnd;
        }
    }
    Ok(parsed)
}

/// A line without its end was cut short by a kill; an all-zero tail is what some file systems leave after a power cut.
fn unfinished(rest: &[u8], complete: bool) -> bool {
    !complete || rest.iter().all(|&byte| byte == 0)
}

/// Puts the end of the file right: moves a torn line to `aside`, adds a missing line end. `file` is left at its end.
pub(crate) fn repair(
    path: &Path,
    file: &mut File,
    bytes: &[u8],
    parsed: &Parsed,
    aside: &Path,
) -> Result<Option<Repair>, LedgerError> {
    let repair = match parsed.tail {
        Tail::Clean => None,
        Tail::NoLineEnd => {
            file.seek(SeekFrom::End(0)).map_err(LedgerError::io("seek in", path))?;
            file.write_all(b"\n").map_err(LedgerError::io("write", path))?;
            Some(Repair::LineEndAdded { line: parsed.records.len() })
        }
        Tail::Torn => {
            let torn = &bytes[parsed.sound_bytes..];
            keep_aside(aside, torn)?;
            file.set_len(parsed.sound_bytes as u64).map_err(LedgerError::io("truncate", path))?;
            Some(Repair::TornLine {
                line: parsed.records.len() + 1,
                bytes: torn.len(),
                moved_to: aside.to_owned(),
            })
        }
    };
    file.sync_all().map_err(LedgerError::io("sync", path))?;
    file.seek(SeekFrom::End(0)).map_err(LedgerError::io("seek in", path))?;
    Ok(repair)
}

fn keep_aside(path: &Path, torn: &[u8]) -> Result<(), LedgerError> {
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(LedgerError::io("open", path))?;
    file.write_all(torn)
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .map_err(LedgerError::io("write", path))
}
