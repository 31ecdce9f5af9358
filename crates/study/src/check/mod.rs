//! Whether everything in a results folder is as it was written, and what can be done where it is not.

mod mend;

use std::path::{Path, PathBuf};

use isoflop_data::{CheckedCache, check_cache};
use isoflop_durable::{FileError, read_if_there, unseal_json, unseal_toml};
use isoflop_ledger::{
    CHECKPOINT_FOLDER, CONFIG_FILE, Holder, LEDGER_FILE, LedgerError, PASSPORT_FILE, SHARD_FOLDER,
    has_ledger, inspect, shard_name, writer,
};
use isoflop_plan::{Config, DataSource};
use isoflop_text::counted;
use serde::Serialize;

use crate::error::StudyError;
use crate::facts::{self, StudyData};
use crate::tasks::{TASKS_FILE, Tasks};
use crate::{devices, sources, widths};
pub use mend::mend;

/// What is done about files of older versions.
const SEALS: &str = "`--mend` gives what has no checksum one";

/// How a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is as it was written.
    Sound,
    /// It can be read, and has no checksum by which a change would show: an older version wrote it.
    Unprotected,
    /// It is not there, and should be.
    Missing,
    /// It is not as it was written.
    Damaged,
}

/// A file, or a line of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedPart {
    /// The file, from the folder on; that of the cache in full.
    pub file: String,
    pub state: State,
    /// What was found.
    pub text: String,
    /// What to do about it, where there is something to do.
    pub cure: Option<String>,
}

impl CheckedPart {
    fn new(file: impl Into<String>, state: State, text: impl Into<String>) -> Self {
        Self { file: file.into(), state, text: text.into(), cure: None }
    }

    fn cured_by(self, cure: &str) -> Self {
        Self { cure: Some(cure.to_owned()), ..self }
    }
}

/// What was found in a folder.
#[derive(Debug)]
pub struct Checked {
    pub parts: Vec<CheckedPart>,
    /// The process that trains here now.
    pub writer: Option<Holder>,
}

impl Checked {
    /// Parts that are not as they should be.
    pub fn faults(&self) -> impl Iterator<Item = &CheckedPart> {
        self.parts.iter().filter(|part| matches!(part.state, State::Missing | State::Damaged))
    }
}

/// Verifies every file of a results folder that a study goes on from or that a report is made of, and the cache of its data.
/// Takes no lock and changes nothing.
///
/// # Errors
/// [`StudyError::Misuse`] where it is no folder of a study; [`StudyError::Io`], [`StudyError::Ledger`].
pub fn check(folder: &Path) -> Result<Checked, StudyError> {
    if !folder.join(CONFIG_FILE).exists() && !has_ledger(folder) {
        return Err(StudyError::Misuse(format!(
            "{} is not the results folder of a study: it holds neither {CONFIG_FILE} nor {LEDGER_FILE}\nhint: give the folder that `study.results` names, such as runs/quickstart",
            folder.display()
        )));
    }
    let config = Config::load(folder.join(CONFIG_FILE));
    let mut parts = vec![of_config(folder, config.as_ref().err().map(ToString::to_string))?];
    parts.extend(of_ledger(folder)?);
    let data = StudyData::read(folder);
    let again = "the same command writes it anew";
    parts.extend(of_json(folder, facts::FILE, data.as_ref().err(), again, true)?);
    let rates = widths::read(folder, folder.join(CHECKPOINT_FOLDER).is_dir());
    let measured =
        "remove it: what was begun is trained from its start, in stacks that are measured anew";
    parts.extend(of_json(folder, widths::FILE, rates.as_ref().err(), measured, false)?);
    parts.extend(of_devices(folder)?);
    let tasks = Tasks::read(folder);
    let deal = "remove it, and the command that laid out the tasks does it anew";
    parts.extend(of_json(folder, TASKS_FILE, tasks.as_ref().err(), deal, false)?);
    let merged = sources::read(folder);
    let merge = "merge the folders again";
    parts.extend(of_json(folder, sources::FILE, merged.as_ref().err(), merge, false)?);
    parts.extend(of_checkpoints(folder)?);
    for (name, shard) in named_shards(folder)? {
        for part in of_shard(&shard)? {
            parts.push(CheckedPart { file: format!("{name}/{}", part.file), ..part });
        }
    }
    parts.extend(of_shards_together(folder));
    if let (Ok(config), Ok(data)) = (&config, &data) {
        parts.extend(of_cache(config, data)?);
    }
    Ok(Checked { parts, writer: writer(folder)? })
}

/// A shard's own files. One that has just been begun has not all of them yet.
fn of_shard(shard: &Path) -> Result<Vec<CheckedPart>, StudyError> {
    let mut parts = Vec::new();
    if shard.join(CONFIG_FILE).exists() {
        let config = Config::load(shard.join(CONFIG_FILE));
        parts.push(of_config(shard, config.err().map(|error| error.to_string()))?);
    }
    parts.extend(of_ledger(shard)?);
    let data = StudyData::read(shard);
    let again = "its writer writes it anew";
    parts.extend(of_json(shard, facts::FILE, data.as_ref().err(), again, false)?);
    parts.extend(of_devices(shard)?);
    parts.extend(of_checkpoints(shard)?);
    Ok(parts)
}

/// What devices measured.
fn of_devices(folder: &Path) -> Result<Option<CheckedPart>, StudyError> {
    let rates = devices::known_rates(folder);
    of_json(
        folder,
        devices::RATES_FILE,
        rates.as_ref().err(),
        "remove it, and it is measured again",
        false,
    )
}

/// What each shard by itself does not show: whether they are of one study.
fn of_shards_together(folder: &Path) -> Option<CheckedPart> {
    match isoflop_ledger::read(folder) {
        Err(LedgerError::OtherShard { shard, changes }) => {
            let text = format!("of another configuration: {}", changes.join("; "));
            let part = CheckedPart::new(shard.display().to_string(), State::Damaged, text);
            Some(part.cured_by("move it away; the same command then trains its cells"))
        }
        _ => None,
    }
}

/// Shards, each with its path from the folder on.
fn named_shards(folder: &Path) -> Result<Vec<(String, PathBuf)>, StudyError> {
    let named = |shard: PathBuf| (format!("{SHARD_FOLDER}/{}", shard_name(&shard)), shard);
    Ok(isoflop_ledger::shards(folder)?.into_iter().map(named).collect())
}

fn of_config(folder: &Path, error: Option<String>) -> Result<CheckedPart, StudyError> {
    let part = |state, text: &str| CheckedPart::new(CONFIG_FILE, state, text);
    let restore = "restore it from a copy; the cells' ids tell whether it is the right one";
    Ok(match (bytes_of(&folder.join(CONFIG_FILE))?, error) {
        (None, _) => part(State::Missing, "it is not there").cured_by(restore),
        (Some(_), Some(error)) => part(State::Damaged, first_line(&error)).cured_by(restore),
        (Some(bytes), None) if unseal_toml(&bytes).is_ok_and(|text| text.sealed) => {
            part(State::Sound, "")
        }
        (Some(_), None) => part(State::Unprotected, "no checksum").cured_by(SEALS),
    })
}

fn of_ledger(folder: &Path) -> Result<Vec<CheckedPart>, StudyError> {
    let found = inspect(folder)?;
    let line = |state, text: String| CheckedPart::new(LEDGER_FILE, state, text);
    let records = counted(found.records.len() as u64, "record");
    let mut parts = vec![match found.unsealed {
        0 => line(State::Sound, records),
        bare => {
            let text = format!("{records}, {bare} of them without a checksum");
            line(State::Unprotected, text).cured_by(SEALS)
        }
    }];
    let train = "`--mend` moves it aside; the same command then trains its cell again";
    for error in &found.damaged {
        let text = first_line(&error.to_string()).to_owned();
        parts.push(line(State::Damaged, text).cured_by(train));
    }
    if found.unfinished_line {
        let text = "its last line is cut short, as by a kill or while it is written".to_owned();
        parts.push(line(State::Sound, text).cured_by("the next run finishes that cell"));
    }
    let passports = |state, text: String| CheckedPart::new(PASSPORT_FILE, state, text);
    parts.push(match (&found.passports, found.passports_missing.len()) {
        (Some(error), _) => {
            passports(State::Damaged, first_line(&error.to_string()).to_owned()).cured_by(
                "`--mend` moves it aside and keeps what it can; machines cannot be compared without it",
            )
        }
        (None, 0) => passports(sealed(&folder.join(PASSPORT_FILE))?, String::new()),
        (None, missing) => {
            let text = format!("it lacks {}", counted(missing as u64, "passport of its records"));
            passports(State::Missing, text).cured_by("restore it from a copy")
        }
    });
    Ok(parts)
}

/// A small file with facts. One that need not be there is left out where it is not.
fn of_json(
    folder: &Path,
    file: &str,
    error: Option<&StudyError>,
    cure: &str,
    needed: bool,
) -> Result<Option<CheckedPart>, StudyError> {
    let path = folder.join(file);
    Ok(match (path.exists(), error) {
        (false, _) if !needed => None,
        (false, _) => {
            Some(CheckedPart::new(file, State::Missing, "it is not there").cured_by(cure))
        }
        (true, Some(error)) => {
            let why = std::error::Error::source(error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            Some(CheckedPart::new(file, State::Damaged, first_line(&why)).cured_by(cure))
        }
        (true, None) => Some(CheckedPart::new(file, sealed(&path)?, "")),
    })
}

fn of_checkpoints(folder: &Path) -> Result<Vec<CheckedPart>, StudyError> {
    let part = |(path, why): (PathBuf, Option<String>)| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = format!("{CHECKPOINT_FOLDER}/{name}");
        match why {
            None => CheckedPart::new(file, State::Sound, ""),
            Some(why) => CheckedPart::new(file, State::Damaged, why)
                .cured_by("`--mend` moves it aside; its stack is then trained from its start"),
        }
    };
    Ok(checkpoints(folder)?.into_iter().map(part).collect())
}

/// Every checkpoint, and why it cannot be used where it cannot.
fn checkpoints(folder: &Path) -> Result<Vec<(PathBuf, Option<String>)>, StudyError> {
    let folder = folder.join(CHECKPOINT_FOLDER);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::when("read", &folder)(error).into()),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "safetensors"));
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        // One whose stack has just ended is gone.
        let Some(bytes) = bytes_of(&path)? else { continue };
        let why = isoflop_checkpoint::verify(&bytes).err().map(|damage| damage.to_string());
        all.push((path, why));
    }
    Ok(all)
}

fn of_cache(config: &Config, data: &StudyData) -> Result<Vec<CheckedPart>, StudyError> {
    if matches!(config.data.source, DataSource::Synthetic(_)) {
        return Ok(Vec::new());
    }
    let cache = &config.data.cache;
    let facts = data.facts();
    let entries = check_cache(cache, &facts.data_sha256)
        .map_err(|source| StudyError::Data { place: None, source: source.into() })?;
    let part = |entry: CheckedCache| {
        let file = entry.folder.display().to_string();
        match entry.problem {
            None => CheckedPart::new(file, State::Sound, "tokens of this data"),
            Some(problem) => {
                let state = if entry.old { State::Unprotected } else { State::Damaged };
                CheckedPart::new(file, state, problem).cured_by("a run makes it anew from the text")
            }
        }
    };
    let mut parts: Vec<CheckedPart> = entries.into_iter().map(part).collect();
    if parts.is_empty() {
        // It is a cache: its place may have been cleared, or be another one from here.
        let text = "no tokens of this data are cached there";
        let part = CheckedPart::new(cache.display().to_string(), State::Sound, text);
        parts.push(part.cured_by("a run makes them from the text"));
    }
    Ok(parts)
}

fn sealed(path: &Path) -> Result<State, StudyError> {
    let sealed = |bytes: Vec<u8>| unseal_json(&bytes).is_ok_and(|json| json.sealed);
    // A folder without records has no passports.
    Ok(match bytes_of(path)?.map(sealed) {
        Some(false) => State::Unprotected,
        Some(true) | None => State::Sound,
    })
}

fn bytes_of(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    read_if_there(path).map_err(FileError::when("read", path))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_start_matches("error: ")
}
