//! What can go wrong with a results folder.

use std::path::{Path, PathBuf};

use isoflop_durable::FileError;

use crate::lock::Holder;

/// What can go wrong with a results folder. Every message says where, and ends in a hint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] FileError),
    /// Another process writes to the folder.
    #[error(
        "{} is in use by {}\nhint: wait for it to end or stop it (Ctrl-C leaves a checkpoint), or choose another results folder",
        folder.display(),
        holder.as_ref().map_or_else(|| "another process that has not left its name".to_owned(), Holder::to_string)
    )]
    Locked {
        /// The results folder.
        folder: PathBuf,
        /// Who holds it, where it has left its name.
        holder: Option<Holder>,
    },
    /// The file system has no locks.
    #[error("the file system of {} cannot lock files, so two processes could write here at once\nhint: keep results on a local disk, or on a network file system with locking enabled", path.display())]
    LockUnsupported {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of the ledger is not a record, or not the one that was written.
    #[error("{}, line {line}: {reason}\nhint: restore the file from a copy, or have `sweep check {} --mend` move what is damaged aside; the same command then trains its cells again", path.display(), folder_of(path).display())]
    Corrupt {
        /// The ledger file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        reason: String,
    },
    /// A record that contradicts itself was to be written: a fault of this program.
    #[error(
        "the record of {0}\nhint: this is a fault of the program; nothing was written, and the cell is trained again by the same command"
    )]
    Unsound(String),
    /// The folder or its ledger is not where it was while this process was at work.
    #[error("{}", vanished(folder, what, rescued.as_ref()))]
    Vanished {
        /// The results folder.
        folder: PathBuf,
        /// What became of it.
        what: &'static str,
        /// Where all that this process knew was written instead; `None` where nothing could be written either.
        rescued: Option<PathBuf>,
    },
    /// A line of the ledger was written by another version.
    #[error("{}, line {line}: written in format {found}, this version reads format {}\nhint: read it with the version that wrote it (passport.json names it), or choose another results folder", path.display(), crate::SCHEMA)]
    Schema {
        /// The ledger file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// Format of the line.
        found: u64,
    },
    /// Two final records of one cell by one passport.
    #[error("{}, line {line}: cell {cell} already ended on line {first}\nhint: the file was merged by hand; keep one of the two lines, or merge the folders with `sweep merge`", path.display())]
    Twice {
        /// The ledger file.
        path: PathBuf,
        /// Line of the second record, counted from 1.
        line: usize,
        /// Line of the first record.
        first: usize,
        /// The cell's id.
        cell: String,
    },
    /// A shard has cells of other settings than its study.
    #[error("{} is a shard of another configuration:\n{}\nhint: move it away; the same command then trains its cells", shard.display(), indented(changes))]
    OtherShard {
        /// The shard's folder.
        shard: PathBuf,
        /// What differs, one line per key.
        changes: Vec<String>,
    },
    /// `passport.json` cannot be read.
    #[error("{}: {reason}\nhint: restore the file from a copy, or have `sweep check {} --mend` move it aside; without it, records cannot be compared across machines", path.display(), folder_of(path).display())]
    Passport {
        /// The passport file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// The folder belongs to another configuration.
    #[error(
        "{} holds results of a different configuration:\n{}\nhint: {}",
        folder.display(),
        indented(changes),
        if *extendable {
            "`--extend` keeps the cells in common and trains the rest; or choose another results folder, or undo the change"
        } else {
            "choose another results folder for the changed study, or undo the change to continue this one"
        }
    )]
    ConfigChanged {
        /// The results folder.
        folder: PathBuf,
        /// What changed, one line per key.
        changes: Vec<String>,
        /// Whether the changes only decide which cells there are, so that the records stay true.
        extendable: bool,
    },
    /// Records without the configuration they belong to.
    #[error("{} has {records} records but no config.resolved.toml to tell what they belong to\nhint: restore the file from a copy, or choose another results folder", folder.display())]
    ConfigMissing {
        /// The results folder.
        folder: PathBuf,
        /// Records found.
        records: usize,
    },
    /// The configuration beside the records cannot be read.
    #[error("{}: not a resolved configuration: {reason}\nhint: it was edited, or written by another version; restore it from a copy, or choose another results folder", path.display())]
    ConfigUnreadable {
        /// The snapshot.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
}

impl LedgerError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let error = FileError::when(action, path);
        move |source| Self::Io(error(source))
    }
}

fn indented(changes: &[String]) -> String {
    changes.iter().map(|change| format!("  {change}")).collect::<Vec<_>>().join("\n")
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn vanished(folder: &Path, what: &str, rescued: Option<&PathBuf>) -> String {
    let folder = folder.display();
    let told = format!("{folder} {what} while this process was at work");
    match rescued {
        Some(rescued) => {
            let rescued = rescued.display();
            format!(
                "{told}; all its records and what was being trained are in {rescued}\n\
                 hint: go on there, `sweep {rescued}/config.resolved.toml --results {rescued}`, or move it to {folder} and run the same command again"
            )
        }
        None => format!(
            "{told}, and nothing could be written beside it\n\
             hint: put the folder back, or check that the disk is there and not full, and run the same command again"
        ),
    }
}
