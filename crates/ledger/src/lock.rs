//! One writer per folder.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, SystemTime};

use isoflop_durable::write_atomic;
use serde::{Deserialize, Serialize};

use crate::error::LedgerError;
use crate::host::{host_name, is_alive, now_utc};
use crate::read::LEDGER_FILE;
use crate::shards::written;

const LOCK_FILE: &str = "ledger.lock";
/// A process on another machine that has written nothing for so long is taken to have been lost, where no lock tells.
const UNHEARD: Duration = Duration::from_secs(15 * 60);

pub(crate) const HOLDER_FILE: &str = "ledger.holder.json";

/// Who writes to a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Name of its machine.
    pub host: String,
    /// When it took the folder, UTC, RFC 3339.
    pub started_utc: String,
    /// Its command line.
    pub command: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pid, host, started_utc, command } = self;
        write!(f, "process {pid} on {host} since {started_utc}: {command}")
    }
}

/// What is asked of a file system's locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locks {
    /// Without them nothing is opened.
    Needed,
    /// Without them whoever starts the processes sees to it that no two write at once, as a batch system does for its tasks.
    WhereThere,
}

/// Whether a process writes to a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    Nobody,
    Writing(Holder),
    /// It ended without giving the folder back: killed, or its machine was.
    Lost(Holder),
}

/// Who writes to a folder now. Takes nothing from a writer.
///
/// # Errors
///
/// [`LedgerError::Io`].
pub fn presence(folder: &Path) -> Result<Presence, LedgerError> {
    let Some(holder) = holder_in(&folder.join(HOLDER_FILE)) else { return Ok(Presence::Nobody) };
    let path = folder.join(LOCK_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Presence::Lost(holder));
        }
        Err(error) => return Err(LedgerError::io("open", &path)(error)),
    };
    // The name alone may be one that a kill left behind.
    let lives = match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => true,
        Ok(()) => false,
        Err(TryLockError::Error(_)) => seems_to_live(&holder, folder),
    };
    Ok(if lives { Presence::Writing(holder) } else { Presence::Lost(holder) })
}

/// Whether a process is at work, where no lock tells: on this machine it can be looked for, on another it is taken to be as long
/// as it was heard of lately.
fn seems_to_live(holder: &Holder, folder: &Path) -> bool {
    if holder.host == host_name() {
        return is_alive(holder.pid);
    }
    let silent = written(folder).and_then(|then| SystemTime::now().duration_since(then).ok());
    silent.is_some_and(|silent| silent < UNHEARD)
}

/// Who writes to a folder now, if anybody does.
///
/// # Errors
///
/// [`LedgerError::Io`].
pub fn writer(folder: &Path) -> Result<Option<Holder>, LedgerError> {
    match presence(folder)? {
        Presence::Writing(holder) => Ok(Some(holder)),
        Presence::Nobody | Presence::Lost(_) => Ok(None),
    }
}

/// The exclusive right to write to a folder. The system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    /// Whether the file system has locks.
    pub(crate) holds: bool,
    holder_path: std::path::PathBuf,
}

impl Lock {
    /// Takes the folder, or says who has it.
    pub(crate) fn take(folder: &Path, command: &str, locks: Locks) -> Result<Self, LedgerError> {
        let path = folder.join(LOCK_FILE);
        let holder_path = folder.join(HOLDER_FILE);
        // The name stands in a file of its own, because a lock on Windows keeps others from reading.
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(LedgerError::io("open", &path))?;
        let mut holds = true;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(_)) if locks == Locks::WhereThere => holds = false,
            Err(TryLockError::WouldBlock) => {
                let holder = read_holder(&holder_path);
                return Err(LedgerError::Locked { folder: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => {
                return Err(LedgerError::LockUnsupported { path, source });
            }
        }
        let holder = Holder {
            pid: std::process::id(),
            host: host_name(),
            started_utc: now_utc(),
            command: command.to_owned(),
        };
        let json = serde_json::to_vec_pretty(&holder).expect("a holder is plain data");
        write_atomic(&holder_path, &json)?;
        Ok(Self { file, holds, holder_path })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Nothing depends on the removal: a name left behind by a kill is overwritten by the next holder.
        // Under the name of a folder that was replaced stands another's.
        if holder_in(&self.holder_path).is_some_and(|holder| holder.pid == std::process::id()) {
            let _ = std::fs::remove_file(&self.holder_path);
        }
        let _ = self.file.unlock();
    }
}

/// The name is written just after the lock is taken, so it is given a moment to appear.
fn read_holder(path: &Path) -> Option<Holder> {
    for _ in 0..10 {
        let holder = holder_in(path);
        if holder.is_some() {
            return holder;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

fn holder_in(path: &Path) -> Option<Holder> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Locks the ledger itself as well, where a lock does not keep others from reading. Its own lock file may be removed; whoever
/// then makes a new one still meets this.
pub(crate) fn lock_ledger(folder: &Path, file: &File) -> Result<(), LedgerError> {
    match cfg!(unix).then(|| file.try_lock()) {
        Some(Err(TryLockError::WouldBlock)) => {
            let holder = read_holder(&folder.join(HOLDER_FILE));
            Err(LedgerError::Locked { folder: folder.to_owned(), holder })
        }
        Some(Err(TryLockError::Error(source))) => {
            Err(LedgerError::LockUnsupported { path: folder.join(LEDGER_FILE), source })
        }
        Some(Ok(())) | None => Ok(()),
    }
}
