//! The writer's side of a results folder.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use isoflop_plan::{Cell, CellId};

use crate::atomic::{remove_leftovers, sync_folder, write_atomic};
use crate::error::LedgerError;
use crate::jsonl::{Repair, parse, repair};
use crate::lock::Lock;
use crate::passport::Passport;
use crate::read::{Contents, LEDGER_FILE, PASSPORT_FILE, read_or_empty, read_passports};
use isoflop_record::Record;

const TORN_FILE: &str = "ledger.torn";

/// A results folder opened for writing, by this process alone.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    contents: Contents,
    repair: Option<Repair>,
    _lock: Lock,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Append {
    /// It is on the disk.
    Written,
    /// The cell had already ended; its first record stands and this one was not written.
    AlreadyThere {
        /// Whether the two results are the same, bit for bit.
        same: bool,
    },
}

impl Ledger {
    /// Opens a folder for writing, creating it if need be, and puts right what a kill left behind
    /// (see [`Ledger::repair`]). `command` is what a second process is told this one runs.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Locked`] names the process that holds the folder; see [`read`](crate::read()) for the others.
    pub fn open(folder: &Path, command: &str) -> Result<Self, LedgerError> {
        std::fs::create_dir_all(folder).map_err(LedgerError::io("create", folder))?;
        let lock = Lock::take(folder, command)?;
        remove_leftovers(folder)?;
        let path = folder.join(LEDGER_FILE);
        let bytes = read_or_empty(&path)?;
        let parsed = parse(&path, &bytes)?;
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(LedgerError::io("open", &path))?;
        let repair = repair(&path, &mut file, &bytes, &parsed, &folder.join(TORN_FILE))?;
        sync_folder(folder)?;
        let passports = read_passports(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            path,
            file,
            contents: Contents { records: parsed.records, passports, unfinished_line: false },
            repair,
            _lock: lock,
        })
    }

    /// The results folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was put right on opening. Tell the user.
    pub fn repair(&self) -> Option<&Repair> {
        self.repair.as_ref()
    }

    /// All that the folder holds now.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Whether a cell needs no more work: it finished or diverged. Cells that failed are tried again.
    pub fn is_done(&self, id: &CellId) -> bool {
        self.contents
            .records
            .iter()
            .any(|record| record.id() == id && record.result.status.is_final())
    }

    /// The cells still to do, in the given order.
    pub fn remaining<'a>(&self, cells: impl IntoIterator<Item = &'a Cell>) -> Vec<&'a Cell> {
        cells.into_iter().filter(|cell| !self.is_done(&cell.id)).collect()
    }

    /// Keeps a passport and returns its hash, which records refer to. A passport known already is not kept twice;
    /// [`Ledger::passport`] then gives the one on record, with the speed measured the first time.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Io`].
    pub fn keep_passport(&mut self, passport: Passport) -> Result<String, LedgerError> {
        let hash = passport.hash();
        let known = self.contents.passports.get(&hash);
        let adds = known.is_none_or(|old| old.peaks.is_empty() && !passport.peaks.is_empty());
        if adds {
            let mut passports = self.contents.passports.clone();
            passports.insert(hash.clone(), passport);
            let json = serde_json::to_string_pretty(&passports).expect("passports are plain data");
            write_atomic(&self.folder.join(PASSPORT_FILE), (json + "\n").as_bytes())?;
            self.contents.passports = passports;
        }
        Ok(hash)
    }

    pub fn passport(&self, hash: &str) -> Option<&Passport> {
        self.contents.passports.get(hash)
    }

    /// Appends a record and waits until it is on the disk.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Io`]. What was written is then cut off again, so that a full disk leaves a sound file.
    pub fn append(&mut self, record: Record) -> Result<Append, LedgerError> {
        let ended = |old: &&Record| old.id() == record.id() && old.result.status.is_final();
        if let Some(old) = self.contents.records.iter().find(ended) {
            let same = old.deterministic_json() == record.deterministic_json();
            return Ok(Append::AlreadyThere { same });
        }
        let mut line = serde_json::to_vec(&record).expect("a record is plain data");
        line.push(b'\n');
        let before =
            self.file.seek(SeekFrom::End(0)).map_err(LedgerError::io("seek in", &self.path))?;
        if let Err(error) = self.file.write_all(&line).and_then(|()| self.file.sync_data()) {
            // If this fails as well, the next opening finds a torn line and moves it aside.
            let _ = self.file.set_len(before);
            return Err(LedgerError::io("append to", &self.path)(error));
        }
        self.contents.records.push(record);
        Ok(Append::Written)
    }
}
