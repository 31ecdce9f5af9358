//! A folder whose files were damaged: what is wrong, and how it is put right.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use isoflop_durable::{seal_json, seal_json_file, unseal_json, write_atomic};
use isoflop_record::Record;

use crate::error::LedgerError;
use crate::jsonl::{Lines, Tail};
use crate::lock::{Lock, Locks, lock_ledger};
use crate::passport::Passport;
use crate::read::{LEDGER_FILE, PASSPORT_FILE, parse_passports, passport_json, read_or_empty};

/// Where damaged lines of the ledger are moved to.
const DAMAGED_LINES: &str = "ledger.damaged";
/// Where a damaged file of passports is moved to.
const DAMAGED_PASSPORTS: &str = "passport.damaged";

/// The state of a ledger and its passports.
#[derive(Debug, Default)]
pub struct Inspection {
    /// What can be read.
    pub records: Vec<Record>,
    /// Of these, records without a checksum.
    pub unsealed: usize,
    /// Why each line cannot that cannot.
    pub damaged: Vec<LedgerError>,
    /// Whether the file ends in part of a line: a writer is at work, or was killed. The next run cuts it off.
    pub unfinished_line: bool,
    /// Why the passports cannot be read, where they cannot.
    pub passports: Option<LedgerError>,
    /// Passports that records refer to and that are not there.
    pub passports_missing: Vec<String>,
}

/// What was put right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mended {
    /// Lines that were moved, and the file that has them now.
    pub lines: Option<(usize, PathBuf)>,
    /// The file that has the damaged passports now, and how many of them could be kept, without their measured speeds.
    pub passports: Option<(PathBuf, usize)>,
    /// Lines that had no checksum and have one now.
    pub sealed: usize,
}

/// Reads all of a folder that can be read, and says what cannot. Takes no lock.
///
/// # Errors
///
/// [`LedgerError::Io`].
pub fn inspect(folder: &Path) -> Result<Inspection, LedgerError> {
    let path = folder.join(LEDGER_FILE);
    let bytes = read_or_empty(&path)?;
    let mut lines = Lines::new(&path, &bytes);
    let mut found = Inspection::default();
    for (_, line) in lines.by_ref() {
        match line {
            Ok(line) => {
                found.unsealed += usize::from(!line.sealed);
                found.records.push(line.record);
            }
            Err(error) => found.damaged.push(error),
        }
    }
    found.unfinished_line = lines.tail == Tail::Torn;
    match parse_passports(folder, &read_or_empty(&folder.join(PASSPORT_FILE))?) {
        Ok(passports) => {
            let missing = found.records.iter().map(|record| &record.run.passport);
            let missing = missing.filter(|hash| !passports.contains_key(*hash)).cloned();
            found.passports_missing = missing.collect();
            found.passports_missing.sort_unstable();
            found.passports_missing.dedup();
        }
        Err(error) => found.passports = Some(error),
    }
    Ok(found)
}

/// The right to put a folder right, by this process alone until it is dropped.
#[derive(Debug)]
pub struct Mending {
    folder: PathBuf,
    /// Locked as well; `None` where there is no ledger.
    _ledger: Option<File>,
    _lock: Lock,
}

impl Mending {
    /// Takes the folder. `command` is what a second process is told this one runs.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Locked`], [`LedgerError::Io`].
    pub fn begin(folder: &Path, command: &str) -> Result<Self, LedgerError> {
        let lock = Lock::take(folder, command, Locks::Needed)?;
        let ledger = locked_ledger(folder)?;
        Ok(Self { folder: folder.to_owned(), _ledger: ledger, _lock: lock })
    }

    /// Moves damaged lines and damaged passports aside, so that the same command trains their cells again, and gives checksums
    /// to lines and passports that have none.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Locked`] where a process that came in past a removed lock file writes there; [`LedgerError::Io`].
    pub fn mend(&mut self) -> Result<Mended, LedgerError> {
        let (lines, sealed) = mend_lines(&self.folder)?;
        if lines.is_some() || sealed > 0 {
            // The file was replaced.
            self._ledger = locked_ledger(&self.folder)?;
        }
        Ok(Mended { lines, passports: mend_passports(&self.folder)?, sealed })
    }
}

fn locked_ledger(folder: &Path) -> Result<Option<File>, LedgerError> {
    let path = folder.join(LEDGER_FILE);
    match File::open(&path) {
        Ok(file) => lock_ledger(folder, &file).map(|()| Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LedgerError::io("open", &path)(error)),
    }
}

fn mend_lines(folder: &Path) -> Result<(Option<(usize, PathBuf)>, usize), LedgerError> {
    let path = folder.join(LEDGER_FILE);
    let bytes = read_or_empty(&path)?;
    let mut lines = Lines::new(&path, &bytes);
    let (mut sound, mut damaged) = (Vec::new(), Vec::new());
    let (mut count, mut sealed) = (0, 0);
    for (text, line) in lines.by_ref() {
        match line {
            Ok(line) if !line.sealed => {
                sound.extend_from_slice(seal_json(&String::from_utf8_lossy(text)).as_bytes());
                sealed += 1;
            }
            // Another version's line is whole.
            Ok(_) | Err(LedgerError::Schema { .. }) => sound.extend_from_slice(text),
            Err(_) => {
                damaged.extend_from_slice(text);
                count += 1;
            }
        }
    }
    if count + sealed == 0 {
        return Ok((None, 0));
    }
    // What a kill left is for the next run to cut off.
    sound.extend_from_slice(lines.rest());
    let aside = folder.join(DAMAGED_LINES);
    if count > 0 {
        append(&aside, &damaged)?;
    }
    write_atomic(&path, &sound)?;
    Ok(((count > 0).then_some((count, aside)), sealed))
}

fn mend_passports(folder: &Path) -> Result<Option<(PathBuf, usize)>, LedgerError> {
    let path = folder.join(PASSPORT_FILE);
    let bytes = read_or_empty(&path)?;
    if parse_passports(folder, &bytes).is_ok() {
        seal_json_file(&path)?;
        return Ok(None);
    }
    let aside = folder.join(DAMAGED_PASSPORTS);
    append(&aside, &bytes)?;
    // A passport's name vouches for all of it but its measured speeds, which a run measures again.
    let body = unseal_json(&bytes).map_or(bytes.clone(), |unsealed| unsealed.body.into_owned());
    let all: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&body).unwrap_or_default();
    let known = |(hash, value): (String, serde_json::Value)| {
        let passport: Passport = serde_json::from_value(value).ok()?;
        let passport = Passport { peaks: Vec::new(), ..passport };
        (passport.hash() == hash).then_some((hash, passport))
    };
    let kept: BTreeMap<String, Passport> = all.into_iter().filter_map(known).collect();
    write_atomic(&path, passport_json(&kept).as_bytes())?;
    Ok(Some((aside, kept.len())))
}

/// Adds to the end of a file, and waits until it is on the disk.
pub(crate) fn append(path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(LedgerError::io("open", path))?;
    let end: &[u8] = if bytes.ends_with(b"\n") { b"" } else { b"\n" };
    file.write_all(bytes)
        .and_then(|()| file.write_all(end))
        .and_then(|()| file.sync_all())
        .map_err(LedgerError::io("write", path))
}
