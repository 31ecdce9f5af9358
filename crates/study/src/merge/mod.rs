//! Results folders of several machines as one study.

mod config;
mod told;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use isoflop_durable::sha256_hex;
use isoflop_ledger::{Contents, Passport, Record};
use isoflop_plan::{CellId, Config, Effect};

use crate::error::StudyError;
use crate::folder::Folder;
use crate::sources::{self, Source};

pub use told::{MissingCell, Repeat, RepeatedCell, Taken};
pub use write::check_new;

/// Several results folders as one study, in memory.
pub struct Merged {
    /// The study; its path names all folders.
    pub folder: Folder,
    /// What was taken from where.
    pub taken: Vec<Taken>,
    /// Cells that more than one passport has a result of.
    pub repeats: Vec<RepeatedCell>,
    /// Planned cells that no folder has a result of.
    pub missing: Vec<MissingCell>,
    /// What is to be known about the folders.
    pub notes: Vec<String>,
}

/// Puts folders together, the first one's records first. Of one cell by one passport the first result stays; by other passports they are
/// repeats, and all stay. Cells that failed are left out where another folder has their result.
///
/// # Errors
/// [`StudyError::Misuse`] where the folders are not of one study: other data or tokenizer, other numerics, another recipe.
pub fn merge(folders: Vec<Folder>) -> Result<Merged, StudyError> {
    for other in folders.iter().skip(1) {
        check_alike(&folders[0], other)?;
    }
    let mut notes: Vec<String> = folders.iter().filter_map(Folder::state).collect();
    let (contents, fates) = together(&folders);
    let taken = told::taken(&folders, &contents, &fates);
    let hashes: String = folders.iter().map(|folder| folder.ledger_sha256.as_str()).collect();
    let ledger_sha256 = sha256_hex(hashes.as_bytes());
    let mut folders = folders.into_iter();
    let Some(first) = folders.next() else {
        return Err(StudyError::Misuse(
            "no results folder is given\nhint: name the folders of the machines, such as runs/a runs/b".into(),
        ));
    };
    let (mut path, mut sources) = (first.path.display().to_string(), first.sources);
    for folder in folders {
        path = format!("{path} + {}", folder.path.display());
        sources.extend(folder.sources);
    }
    let facts = first.data.facts();
    let config = config::of_all(&sources, &facts)?;
    if config.is_none() {
        notes.push(
            "no one grid has the cells of all folders: their configurations are kept side by side"
                .into(),
        );
    }
    number(&mut sources, config.is_some());
    let config = config.unwrap_or_else(|| sources[0].config.clone());
    let grid = sources::grid(&config, &sources, &facts)?;
    let repeats = told::repeats(&contents);
    let missing = told::missing(&contents, &grid);
    let (data, path) = (first.data, path.into());
    let folder =
        Folder { path, config, sources, grid, data, contents, ledger_sha256, writer: None };
    Ok(Merged { folder, taken, repeats, missing, notes })
}

/// Gives every source the file that its configuration will stand in.
fn number(sources: &mut [Source], one: bool) {
    for (i, source) in sources.iter_mut().enumerate() {
        source.file = match one {
            true => isoflop_ledger::CONFIG_FILE.into(),
            false => format!("config.{}.toml", i + 1),
        };
    }
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    /// An earlier folder has the same result of the same passport.
    Copy,
    /// An earlier folder has another result of the same passport.
    OtherResult,
    /// It failed, and another folder has a result.
    Failed,
}

/// The records that stay, and what became of each that counts in its folder, folder by folder.
fn together(folders: &[Folder]) -> (Contents, Vec<Vec<(&Record, Fate)>>) {
    let counting = |folder: &Folder| -> BTreeSet<*const Record> {
        folder.contents.repeats().into_values().flatten().map(std::ptr::from_ref).collect()
    };
    let all = folders.iter().flat_map(|folder| &folder.contents.records);
    let ended: BTreeSet<&CellId> =
        all.filter(|r| r.result.status.is_final()).map(Record::id).collect();
    let mut contents = Contents::default();
    let mut known: BTreeMap<(&CellId, &str), &Record> = BTreeMap::new();
    let mut fates = Vec::new();
    for folder in folders {
        let counting = counting(folder);
        let mut of_folder = Vec::new();
        for record in &folder.contents.records {
            if !counting.contains(&std::ptr::from_ref(record)) {
                continue;
            }
            let key = (record.id(), record.run.passport.as_str());
            let fate = match known.get(&key) {
                _ if !record.result.status.is_final() && ended.contains(record.id()) => {
                    Fate::Failed
                }
                Some(old) if old.deterministic_json() == record.deterministic_json() => Fate::Copy,
                Some(_) => Fate::OtherResult,
                None => Fate::Taken,
            };
            if fate == Fate::Taken {
                known.insert(key, record);
                contents.records.push(record.clone());
            }
            of_folder.push((record, fate));
        }
        fates.push(of_folder);
        for (hash, passport) in &folder.contents.passports {
            let unmeasured = |old: &Passport| old.peaks.is_empty() && !passport.peaks.is_empty();
            if contents.passports.get(hash).is_none_or(unmeasured) {
                contents.passports.insert(hash.clone(), passport.clone());
            }
        }
    }
    (contents, fates)
}

fn check_alike(first: &Folder, other: &Folder) -> Result<(), StudyError> {
    let (a, b) = (first.path.display(), other.path.display());
    let refuse = |what: String, hint: &str| {
        Err(StudyError::Misuse(format!("{a} and {b} cannot be one study: {what}\nhint: {hint}")))
    };
    let (facts, others) = (first.data.facts(), other.data.facts());
    if facts.vocab != others.vocab {
        let what = format!("their tokenizers have {} and {} tokens", facts.vocab, others.vocab);
        return refuse(what, "losses per token of two tokenizers are no one scale; fit each alone");
    }
    if facts.data_sha256 != others.data_sha256 {
        let short = |sha: &str| sha.chars().take(12).collect::<String>();
        let what = format!(
            "their tokens differ (SHA-256 {}... and {}...)",
            short(&facts.data_sha256),
            short(&others.data_sha256)
        );
        return refuse(
            what,
            "train both on the same files, with the same `[data]`, or fit each alone",
        );
    }
    let (mine, theirs) = (numerics(&first.contents), numerics(&other.contents));
    if !mine.is_empty() && !theirs.is_empty() && mine != theirs {
        let what = format!("their numerics versions are {} and {}", words(&mine), words(&theirs));
        return refuse(what, "train the older one anew with this version");
    }
    let mut recipe: Vec<String> = Vec::new();
    for (old, new) in
        first.sources.iter().take(1).flat_map(|s| other.sources.iter().map(move |o| (s, o)))
    {
        for change in contradictions(&old.config, &new.config) {
            if !recipe.contains(&change) {
                recipe.push(change);
            }
        }
    }
    if !recipe.is_empty() {
        let what = format!("they are of different recipes:\n  {}", recipe.join("\n  "));
        return refuse(
            what,
            "merge machines that trained one recipe, of whatever grids, or fit each alone",
        );
    }
    Ok(())
}

/// Keys that make the cells of two configurations those of two recipes. What was read is known by its hash, and precisions by their cells.
fn contradictions(first: &Config, other: &Config) -> Vec<String> {
    let differs = first.differences(other).into_iter().filter(|difference| {
        let key = difference.key.as_str();
        match key {
            "train.precision" => false,
            "data.valid_tokens" | "grid.convention" => true,
            _ => difference.effect == Effect::Cells && !key.starts_with("data."),
        }
    });
    differs.map(|difference| difference.to_string()).collect()
}

/// Numerics versions of the passports that records refer to.
fn numerics(contents: &Contents) -> BTreeSet<u32> {
    let of =
        |record: &Record| Some(contents.passports.get(&record.run.passport)?.versions.numerics);
    contents.records.iter().filter_map(of).collect()
}

fn words(versions: &BTreeSet<u32>) -> String {
    versions.iter().map(u32::to_string).collect::<Vec<_>>().join(" and ")
}
