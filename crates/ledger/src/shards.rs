//! Parts of a ledger, each written by a process of its own: `shards/NAME`, every one of them a folder with a ledger.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use isoflop_durable::sha256_hex;
use isoflop_plan::{CellId, Config, Effect};

use crate::error::LedgerError;
use crate::lock::{HOLDER_FILE, Holder, Presence, presence, writer};
use crate::read::{
    CHECKPOINT_FOLDER, CONFIG_FILE, Contents, LEDGER_FILE, PASSPORT_FILE, read_bytes, read_or_empty,
};

/// Name of the folder of shards in a results folder.
pub const SHARD_FOLDER: &str = "shards";

/// A final record of a cell that had ended before, in another shard and by the same machine. It is not among the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    pub cell: CellId,
    /// The shard that has it.
    pub shard: PathBuf,
    /// Whether it is the same as the first, bit for bit.
    pub same: bool,
}

/// The folder of a shard.
pub fn shard(folder: &Path, name: &str) -> PathBuf {
    folder.join(SHARD_FOLDER).join(name)
}

/// The shards of a results folder, by name. A folder without any has none; what else lies among them is none.
///
/// # Errors
///
/// [`LedgerError::Io`].
pub fn shards(folder: &Path) -> Result<Vec<PathBuf>, LedgerError> {
    let place = folder.join(SHARD_FOLDER);
    let failed = |error| LedgerError::io("read", &place)(error);
    let entries = match std::fs::read_dir(&place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Who writes to shards of a folder now, by the shards' names.
///
/// # Errors
///
/// [`LedgerError::Io`].
pub fn shard_writers(folder: &Path) -> Result<Vec<(String, Holder)>, LedgerError> {
    let mut writers = Vec::new();
    for shard in shards(folder)? {
        if let Some(holder) = writer(&shard)? {
            writers.push((shard_name(&shard), holder));
        }
    }
    Ok(writers)
}

/// What a shard is called.
pub fn shard_name(shard: &Path) -> String {
    shard.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether a folder has a ledger, in one piece or in shards.
pub fn has_ledger(folder: &Path) -> bool {
    folder.join(LEDGER_FILE).is_file() || shards(folder).is_ok_and(|shards| !shards.is_empty())
}

/// A folder's own ledger, or one of its shards.
#[derive(Debug, Clone)]
pub struct Part {
    /// Of a shard.
    pub name: Option<String>,
    pub folder: PathBuf,
    pub contents: Contents,
    pub presence: Presence,
    /// When something was last written there.
    pub written: Option<SystemTime>,
}

/// Reads a folder's ledger and its shards, each by itself. Takes no lock.
///
/// # Errors
///
/// As [`read`](crate::read()).
pub fn parts(folder: &Path) -> Result<Vec<Part>, LedgerError> {
    let mut parts = vec![Part::read(None, folder.to_owned())?];
    for shard in shards(folder)? {
        parts.push(Part::read(Some(shard_name(&shard)), shard)?);
    }
    Ok(parts)
}

impl Part {
    fn read(name: Option<String>, folder: PathBuf) -> Result<Self, LedgerError> {
        Ok(Self {
            name,
            contents: read_one(&folder)?.0,
            presence: presence(&folder)?,
            written: written(&folder),
            folder,
        })
    }
}

/// When a writer last gave a sign: it took the folder, a cell ended, or a checkpoint was written.
pub(crate) fn written(folder: &Path) -> Option<SystemTime> {
    let checkpoints = std::fs::read_dir(folder.join(CHECKPOINT_FOLDER));
    let checkpoints = checkpoints.into_iter().flatten().flatten().map(|entry| entry.path());
    let files = [HOLDER_FILE, LEDGER_FILE].map(|file| folder.join(file));
    let times = files.into_iter().chain(checkpoints).filter_map(|path| path.metadata().ok());
    times.filter_map(|file| file.modified().ok()).max()
}

/// Copies what a folder holds, its shards included, with a hash of the bytes of its ledgers: of the one file where there are no
/// shards.
pub(crate) fn read_all(folder: &Path) -> Result<(Contents, String), LedgerError> {
    let (contents, sha256) = read_one(folder)?;
    let shards = shards(folder)?;
    if shards.is_empty() {
        return Ok((contents, sha256));
    }
    let mut merger = Merger::new(contents);
    let mut hashes = sha256;
    let study = Study::of(folder)?;
    for path in shards {
        study.check(&path)?;
        let (contents, sha256) = read_one(&path)?;
        hashes += &sha256;
        merger.add(&path, contents);
    }
    Ok((merger.contents, sha256_hex(hashes.as_bytes())))
}

/// What the shards of a folder hold, but for one.
pub(crate) fn add_others(
    own: Contents,
    folder: &Path,
    except: Option<&Path>,
) -> Result<Contents, LedgerError> {
    let shards = shards(folder)?;
    if shards.is_empty() {
        return Ok(own);
    }
    let mut merger = Merger::new(own);
    let study = Study::of(folder)?;
    if except.is_some() {
        merger.add(folder, read_one(folder)?.0);
    }
    for path in shards {
        if except != Some(&path) {
            study.check(&path)?;
            merger.add(&path, read_one(&path)?.0);
        }
    }
    Ok(merger.contents)
}

fn read_one(folder: &Path) -> Result<(Contents, String), LedgerError> {
    let bytes = read_or_empty(&folder.join(LEDGER_FILE))?;
    let passports = read_or_empty(&folder.join(PASSPORT_FILE))?;
    Ok((read_bytes(folder, &bytes, Some(&passports))?, sha256_hex(&bytes)))
}

/// Puts the records of shards behind each other; of a cell that one machine ended twice, the first stands.
struct Merger {
    contents: Contents,
    /// Where the final record of a cell by a passport is.
    ended: HashMap<(CellId, String), usize>,
}

impl Merger {
    fn new(contents: Contents) -> Self {
        let mut merger = Self { contents: Contents::default(), ended: HashMap::new() };
        merger.add(Path::new(""), contents);
        merger
    }

    fn add(&mut self, shard: &Path, part: Contents) {
        let all = &mut self.contents;
        all.unfinished_line |= part.unfinished_line;
        all.unsealed += part.unsealed;
        all.repeated.extend(part.repeated);
        for (hash, passport) in part.passports {
            match all.passports.get(&hash) {
                Some(known) if !known.peaks.is_empty() || passport.peaks.is_empty() => {}
                _ => drop(all.passports.insert(hash, passport)),
            }
        }
        for record in part.records {
            let by = (record.id().clone(), record.run.passport.clone());
            if record.result.status.is_final() {
                if let Some(&first) = self.ended.get(&by) {
                    let first = &all.records[first];
                    let same = first.deterministic_json() == record.deterministic_json();
                    let cell = by.0;
                    all.repeated.push(Repeated { cell, shard: shard.to_owned(), same });
                    continue;
                }
                self.ended.insert(by, all.records.len());
            }
            all.records.push(record);
        }
    }
}

/// The configuration that shards must have.
struct Study {
    text: Vec<u8>,
    /// `None` where it cannot be read, which is for its reader to say.
    config: Option<Config>,
}

impl Study {
    fn of(folder: &Path) -> Result<Self, LedgerError> {
        let text = read_or_empty(&folder.join(CONFIG_FILE))?;
        let config = parse(&text);
        Ok(Self { text, config })
    }

    /// Refuses a shard whose cells are not such as the study's: a shard of a grid that was extended since is none.
    fn check(&self, shard: &Path) -> Result<(), LedgerError> {
        let text = read_or_empty(&shard.join(CONFIG_FILE))?;
        // A shard that has just been begun has no configuration yet, and no records.
        let (Some(config), false) = (&self.config, text.is_empty() || text == self.text) else {
            return Ok(());
        };
        let refused = |changes| LedgerError::OtherShard { shard: shard.to_owned(), changes };
        let Some(theirs) = parse(&text) else {
            return Err(refused(vec![format!("its {CONFIG_FILE} cannot be read")]));
        };
        let changes = theirs.differences(config);
        let changes: Vec<String> = changes
            .iter()
            .filter(|change| change.effect == Effect::Cells)
            .map(ToString::to_string)
            .collect();
        if changes.is_empty() { Ok(()) } else { Err(refused(changes)) }
    }
}

fn parse(text: &[u8]) -> Option<Config> {
    Config::parse(std::str::from_utf8(text).ok()?, CONFIG_FILE).ok()
}
