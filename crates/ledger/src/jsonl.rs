//! The ledger file: what counts as a line, what a kill may have left, and what is an error.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use isoflop_plan::CellId;
use isoflop_record::Record;

use crate::error::LedgerError;
use crate::line::{self, Line};
use crate::mend::append;

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
    let mut lines = Lines::new(path, bytes);
    let mut parsed = Parsed { records: Vec::new(), unsealed: 0, sound_bytes: 0, tail: Tail::Clean };
    for (text, line) in lines.by_ref() {
        let Line { record, sealed } = line?;
        parsed.records.push(record);
        parsed.unsealed += usize::from(!sealed);
        parsed.sound_bytes += text.len();
    }
    parsed.tail = lines.tail;
    Ok(parsed)
}

/// The lines of a ledger file, each with its end, and what it holds.
pub(crate) struct Lines<'a> {
    path: &'a Path,
    rest: &'a [u8],
    number: usize,
    ended: BTreeMap<(CellId, String), usize>,
    /// What follows the lines, once they are through.
    pub tail: Tail,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(path: &'a Path, bytes: &'a [u8]) -> Self {
        Self { path, rest: bytes, number: 0, ended: BTreeMap::new(), tail: Tail::Clean }
    }

    /// What was not read: all that follows the lines, once they are through.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Refuses a second final record of one cell by one passport.
    fn once(&mut self, line: Line) -> Result<Line, LedgerError> {
        let record = &line.record;
        let by = (record.id().clone(), record.run.passport.clone());
        if !record.result.status.is_final() {
            return Ok(line);
        }
        match self.ended.get(&by) {
            None => {
                self.ended.insert(by, self.number);
                Ok(line)
            }
            Some(&first) => Err(LedgerError::Twice {
                path: self.path.to_owned(),
                line: self.number,
                first,
                cell: by.0.to_string(),
            }),
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (&'a [u8], Result<Line, LedgerError>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        let (text, rest) = self.rest.split_at(end.map_or(self.rest.len(), |end| end + 1));
        let line = line::parse(self.path, self.number, text.strip_suffix(b"\n").unwrap_or(text));
        if matches!(line, Err(LedgerError::Corrupt { .. })) && unfinished(self.rest, end.is_some())
        {
            self.tail = Tail::Torn;
            return None;
        }
        if end.is_none() {
            self.tail = Tail::NoLineEnd;
        }
        self.rest = rest;
        Some((text, line.and_then(|line| self.once(line))))
    }
}

/// Whether what a kill or a power cut leaves of a line that was being written may look like this: without its end, or with blocks
/// of zeros in it that never reached the disk. No record has a zero in it.
fn unfinished(rest: &[u8], complete: bool) -> bool {
    let last = rest.iter().position(|&byte| byte == b'\n').is_none_or(|end| end + 1 == rest.len());
    !complete || (last && rest.contains(&0)) || rest.iter().all(|&byte| byte == 0)
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
            append(aside, torn)?;
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
