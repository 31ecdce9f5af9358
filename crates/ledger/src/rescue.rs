//! What to do when the folder goes away under a process that writes to it.

use std::io::ErrorKind::{NotADirectory, NotFound};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

use isoflop_durable::{FileError, Handle, create_folder, read_if_there, write_atomic};

use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::lock::Locks;
use crate::read::{LEDGER_FILE, PASSPORT_FILE};

/// Folders of one name that are tried before another place is.
const NAMES: usize = 100;

/// A folder that was taken away.
#[derive(Debug, Clone)]
pub(crate) struct Vanished {
    folder: PathBuf,
    what: &'static str,
    pub(crate) rescued: Option<PathBuf>,
}

impl Vanished {
    pub(crate) fn error(&self) -> LedgerError {
        let Self { folder, what, rescued } = self.clone();
        LedgerError::Vanished { folder, what, rescued }
    }
}

impl Ledger {
    /// Makes sure that the file under the ledger's name is still the one that this process writes to. Where it is not, all that
    /// the process knows is written into a new folder beside the old one, `NAME.rescued`, which is the ledger's from then on.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Vanished`], from then on at every call.
    pub fn check(&mut self) -> Result<(), LedgerError> {
        if self.vanished.is_none()
            && let Some(what) = self.absence()
        {
            let folder = self.folder.clone();
            let rescued = self.rescue();
            self.vanished = Some(Vanished { folder, what, rescued });
        }
        match &self.vanished {
            None => Ok(()),
            Some(vanished) => Err(vanished.error()),
        }
    }

    /// Has a file of the folder written anew as well, should the folder go away: what a study goes on from besides its records.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Io`]. A file that is not there is none.
    pub fn hold(&mut self, name: &str) -> Result<(), LedgerError> {
        let path = self.folder.join(name);
        if let Some(bytes) = read_if_there(&path).map_err(LedgerError::io("read", &path))? {
            self.beside.insert(name.to_owned(), bytes);
        }
        Ok(())
    }

    /// What became of the folder or its ledger; `None` where both are as this process left them.
    fn absence(&mut self) -> Option<&'static str> {
        match Handle::from_path(&self.path) {
            Ok(found) if found != self.opened => Some("was replaced, or its ledger was,"),
            Ok(_) => {
                let length = self.file.seek(SeekFrom::End(0));
                let same = length.is_ok_and(|length| length == self.length);
                (!same).then_some("has a ledger that something else changed")
            }
            // What else keeps a file from being opened (too many files, a network's hiccup) need not last.
            Err(error) if !matches!(error.kind(), NotFound | NotADirectory) => None,
            Err(_) if self.folder.is_dir() => Some("lost its ledger"),
            Err(_) => Some("was deleted or moved"),
        }
    }

    /// Writes all that is known into a new folder, and goes on there. `None` where nothing can be written.
    fn rescue(&mut self) -> Option<PathBuf> {
        let name = self.folder.file_name().unwrap_or("results".as_ref()).to_string_lossy();
        let beside = self.folder.parent().unwrap_or(Path::new("")).to_owned();
        let elsewhere = std::env::temp_dir();
        for place in [beside, elsewhere] {
            let Ok(folder) = new_folder(&place, &format!("{name}.rescued")) else { continue };
            let opened = self
                .fill(&folder)
                .and_then(|()| Self::open_alone(&folder, &self.command, Locks::WhereThere));
            if let Ok(opened) = opened {
                *self = opened;
                return Some(folder);
            }
        }
        None
    }

    fn fill(&self, folder: &Path) -> Result<(), LedgerError> {
        for (name, bytes) in &self.beside {
            write_atomic(&folder.join(name), bytes)?;
        }
        let contents = self.contents();
        write_atomic(&folder.join(PASSPORT_FILE), contents.passport_json().as_bytes())?;
        Ok(write_atomic(&folder.join(LEDGER_FILE), contents.ledger_jsonl().as_bytes())?)
    }
}

/// Makes a folder that was not there: `name`, `name-2`, ...
fn new_folder(place: &Path, name: &str) -> Result<PathBuf, FileError> {
    if place != Path::new("") {
        create_folder(place)?;
    }
    let mut number = 1;
    loop {
        let folder = match number {
            1 => place.join(name),
            _ => place.join(format!("{name}-{number}")),
        };
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < NAMES => {
                number += 1;
            }
            Err(error) => return Err(FileError::when("create", &folder)(error)),
        }
    }
}
