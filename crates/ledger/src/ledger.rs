//! The writer's side of a results folder.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use isoflop_durable::{Handle, create_folder, remove_leftovers, sync_folder, write_atomic};
use isoflop_plan::{Cell, CellId};
use isoflop_record::Record;

use crate::error::LedgerError;
use crate::jsonl::{Repair, parse, repair};
use crate::line;
use crate::lock::{Lock, Locks, lock_ledger, writer};
use crate::passport::Passport;
use crate::read::{
    Contents, LEDGER_FILE, PASSPORT_FILE, passport_json, read_or_empty, read_passports,
};
use crate::rescue::Vanished;
use crate::shards::{SHARD_FOLDER, add_others, shard, shard_writers};
use crate::sound::unsound;

const TORN_FILE: &str = "ledger.torn";

/// A results folder opened for writing, by this process alone.
#[derive(Debug)]
pub struct Ledger {
    pub(crate) folder: PathBuf,
    /// The folder that it is a shard of; else itself.
    pub(crate) study: PathBuf,
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    /// Which file it is, by whatever name.
    pub(crate) opened: Handle,
    /// Bytes that this process knows to be in it.
    pub(crate) length: u64,
    contents: Contents,
    /// Where in them the final record of a cell is.
    ended: HashMap<CellId, usize>,
    /// Passports that its own file has, or is to have.
    own_passports: BTreeSet<String>,
    repair: Option<Repair>,
    /// Files beside it that a study goes on from, by name.
    pub(crate) beside: BTreeMap<String, Vec<u8>>,
    pub(crate) vanished: Option<Vanished>,
    pub(crate) command: String,
    lock: Lock,
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
    /// (see [`Ledger::repair`]). `command` is what a second process is told this one runs. What its shards hold counts as done.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Locked`] names the process that holds the folder or one of its shards; see [`read`](crate::read()) for the
    /// others.
    pub fn open(folder: &Path, command: &str) -> Result<Self, LedgerError> {
        Self::open_with(folder, command, Locks::Needed)
    }

    /// As [`Ledger::open`], also on a file system without locks where that is said.
    ///
    /// # Errors
    ///
    /// As [`Ledger::open`].
    pub fn open_with(folder: &Path, command: &str, locks: Locks) -> Result<Self, LedgerError> {
        let ledger = Self::open_alone(folder, command, locks)?;
        if let Some((name, holder)) = shard_writers(folder)?.into_iter().next() {
            return Err(LedgerError::Locked { folder: shard(folder, &name), holder: Some(holder) });
        }
        ledger.beside(folder, None)
    }

    /// Opens a shard of a folder for writing, as [`Ledger::open`] does a folder, with locks where the file system has them
    /// ([`Ledger::is_locked`]). What the folder and its other shards hold now counts as done.
    ///
    /// # Errors
    ///
    /// As [`Ledger::open`].
    pub fn open_shard(folder: &Path, name: &str, command: &str) -> Result<Self, LedgerError> {
        let shard = shard(folder, name);
        let ledger = Self::open_alone(&shard, command, Locks::WhereThere)?;
        if let Some(holder) = writer(folder)? {
            return Err(LedgerError::Locked { folder: folder.to_owned(), holder: Some(holder) });
        }
        ledger.beside(folder, Some(&shard))
    }

    /// With what the folder's other parts hold.
    fn beside(mut self, folder: &Path, own: Option<&Path>) -> Result<Self, LedgerError> {
        self.contents = add_others(self.contents, folder, own)?;
        self.ended = ended(&self.contents.records);
        self.study = folder.to_owned();
        Ok(self)
    }

    /// A folder or a shard, without those beside it.
    pub(crate) fn open_alone(
        folder: &Path,
        command: &str,
        locks: Locks,
    ) -> Result<Self, LedgerError> {
        create_folder(folder)?;
        let lock = Lock::take(folder, command, locks)?;
        remove_leftovers(folder, SHARD_FOLDER)?;
        let path = folder.join(LEDGER_FILE);
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(LedgerError::io("open", &path))?;
        // Should the lock's file be removed, this one still keeps a second writer out.
        if lock.holds {
            lock_ledger(folder, &file)?;
        }
        let bytes = read_or_empty(&path)?;
        let parsed = parse(&path, &bytes)?;
        let repair = repair(&path, &mut file, &bytes, &parsed, &folder.join(TORN_FILE))?;
        sync_folder(folder)?;
        let length = file.seek(SeekFrom::End(0)).map_err(LedgerError::io("seek in", &path))?;
        let passports = read_passports(folder)?;
        let opened = file.try_clone().and_then(Handle::from_file);
        Ok(Self {
            folder: folder.to_owned(),
            study: folder.to_owned(),
            opened: opened.map_err(LedgerError::io("open", &path))?,
            path,
            file,
            length,
            ended: ended(&parsed.records),
            own_passports: passports.keys().cloned().collect(),
            contents: Contents {
                records: parsed.records,
                passports,
                unsealed: parsed.unsealed,
                ..Contents::default()
            },
            repair,
            beside: BTreeMap::new(),
            vanished: None,
            command: command.to_owned(),
            lock,
        })
    }

    /// The results folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a second process would be kept out.
    pub fn is_locked(&self) -> bool {
        self.lock.holds
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
        self.ended.contains_key(id)
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
            let old = self.contents.passports.insert(hash.clone(), passport);
            self.own_passports.insert(hash.clone());
            let written = self.write_passports();
            if written.is_err() {
                match old {
                    Some(old) => self.contents.passports.insert(hash.clone(), old),
                    None => self.contents.passports.remove(&hash),
                };
                self.own_passports.remove(&hash);
            }
            written?;
        }
        Ok(hash)
    }

    /// A record's passport stands beside it, also where another part had it first.
    fn own_passport(&mut self, hash: &str) -> Result<(), LedgerError> {
        let foreign = self.contents.passports.contains_key(hash);
        if foreign && self.own_passports.insert(hash.to_owned()) {
            self.write_passports().inspect_err(|_| {
                self.own_passports.remove(hash);
            })?;
        }
        Ok(())
    }

    fn write_passports(&self) -> Result<(), LedgerError> {
        let own =
            self.contents.passports.iter().filter(|(hash, _)| self.own_passports.contains(*hash));
        let own = own.map(|(hash, passport)| (hash.clone(), passport.clone())).collect();
        Ok(write_atomic(&self.folder.join(PASSPORT_FILE), passport_json(&own).as_bytes())?)
    }

    pub fn passport(&self, hash: &str) -> Option<&Passport> {
        self.contents.passports.get(hash)
    }

    /// Appends a record and waits until it is on the disk.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Io`]. What was written is then cut off again, so that a full disk leaves a sound file.
    /// [`LedgerError::Vanished`] where the folder went away; the record is then in the rescued one.
    /// [`LedgerError::Unsound`] for a record that contradicts itself.
    pub fn append(&mut self, record: Record) -> Result<Append, LedgerError> {
        if let Some(reason) = unsound(&record) {
            return Err(LedgerError::Unsound(reason));
        }
        if let Some(&first) = self.ended.get(record.id()) {
            let old = &self.contents.records[first];
            let same = old.deterministic_json() == record.deterministic_json();
            return Ok(Append::AlreadyThere { same });
        }
        let there = self.check();
        if self.vanished.as_ref().is_none_or(|vanished| vanished.rescued.is_some()) {
            self.write(record)?;
        }
        there.map(|()| Append::Written)
    }

    /// Writes a result of a cell that another machine has ended already, for a comparison: the first stays the one that counts. What
    /// this machine has ended, by its passport, is not written twice.
    ///
    /// # Errors
    ///
    /// As [`Ledger::append`].
    pub fn append_repeat(&mut self, record: Record) -> Result<(), LedgerError> {
        let again = |other: &&Record| {
            other.id() == record.id()
                && other.run.passport == record.run.passport
                && other.result.status.is_final()
        };
        if !record.result.status.is_final() || self.contents.records.iter().any(|r| again(&r)) {
            return Ok(());
        }
        if let Some(reason) = unsound(&record) {
            return Err(LedgerError::Unsound(reason));
        }
        self.check()?;
        self.write(record)
    }

    fn write(&mut self, record: Record) -> Result<(), LedgerError> {
        self.own_passport(&record.run.passport)?;
        let line = line::write(&record);
        self.file
            .seek(SeekFrom::Start(self.length))
            .map_err(LedgerError::io("seek in", &self.path))?;
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // If this fails as well, the next opening finds a torn line and moves it aside.
            let _ = self.file.set_len(self.length);
            return Err(LedgerError::io("append to", &self.path)(error));
        }
        self.length += line.len() as u64;
        if record.result.status.is_final() {
            // Of a cell that several machines ended, the first counts.
            self.ended.entry(record.id().clone()).or_insert(self.contents.records.len());
        }
        self.contents.records.push(record);
        Ok(())
    }
}

/// Of a cell that several machines ended, the first.
fn ended(records: &[Record]) -> HashMap<CellId, usize> {
    let mut ended = HashMap::new();
    for (place, record) in records.iter().enumerate() {
        if record.result.status.is_final() {
            ended.entry(record.id().clone()).or_insert(place);
        }
    }
    ended
}
