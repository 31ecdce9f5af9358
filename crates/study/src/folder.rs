//! Results folders as they lie on the disk, one or several.

use std::path::{Path, PathBuf};

use isoflop_ledger::{
    CONFIG_FILE, Contents, Holder, LEDGER_FILE, has_ledger, shard_writers, writer,
};
use isoflop_plan::{Config, Grid, PlannedCell, PrecisionChoice};
use isoflop_text::counted;

use crate::error::StudyError;
use crate::facts::StudyData;
use crate::open::config_of;
use crate::sources::{self, Source};

/// The command that trains a study anew, as typed in its folder.
pub(crate) const MAKE_AGAIN: &str = "sweep --config config.resolved.toml --results NEW";

/// What a results folder holds.
pub struct Folder {
    pub path: PathBuf,
    /// The configuration it was made with; of a merged folder, that of all cells where there is one, else the first.
    pub config: Config,
    /// The studies whose cells are here: one, or those that were merged.
    pub sources: Vec<Source>,
    /// What was planned.
    pub grid: Grid,
    /// What it was trained on.
    pub data: StudyData,
    /// Its records and passports.
    pub contents: Contents,
    /// SHA-256 of its ledger as it was read, in hex; of several folders, of theirs in order.
    pub ledger_sha256: String,
    /// The process that trains here now, one of them where several do; what it has not finished is not in the contents.
    pub writer: Option<Holder>,
}

impl Folder {
    /// Reads a results folder, also one that another process is at work in.
    ///
    /// # Errors
    /// [`StudyError::Misuse`] where it is none; else what the file at fault is refused for.
    pub fn read(folder: &Path) -> Result<Self, StudyError> {
        if !folder.is_dir() {
            return Err(StudyError::Misuse(format!(
                "{} is not a folder\nhint: give the results folder of a study, such as runs/quickstart",
                folder.display()
            )));
        }
        let (contents, ledger_sha256) = isoflop_ledger::read_with_hash(folder)?;
        let config = config_of(folder, &contents)?;
        let data = StudyData::read(folder)?;
        let sources = match sources::read(folder)? {
            Some(sources) => sources,
            None => vec![Source::alone(folder, settled(&config))],
        };
        let grid = sources::grid(&config, &sources, &data.facts())?;
        let shard_writer = || shard_writers(folder).map(|writers| writers.into_iter().next());
        let writer = match writer(folder)? {
            Some(holder) => Some(holder),
            None => shard_writer()?.map(|(_, holder)| holder),
        };
        Ok(Self {
            path: folder.to_owned(),
            config,
            sources,
            grid,
            data,
            contents,
            ledger_sha256,
            writer,
        })
    }

    /// The commands that make it again, as typed in the folder.
    pub fn command(&self) -> String {
        if self.sources.iter().all(|source| source.file == CONFIG_FILE) {
            return MAKE_AGAIN.to_owned();
        }
        let parts: Vec<String> = (1..=self.sources.len()).map(|i| format!("NEW{i}")).collect();
        let train = self.sources.iter().zip(&parts);
        let train = train.map(|(s, new)| format!("sweep --config {} --results {new}", s.file));
        let merge = format!("sweep merge {} --into NEW", parts.join(" "));
        train.chain([merge]).collect::<Vec<_>>().join("\n")
    }

    /// Cells that have ended, and all that the grid has.
    pub fn progress(&self) -> (usize, usize) {
        let ended = self.contents.ended();
        let has_ended = |planned: &&PlannedCell| ended.contains(&planned.cell.id);
        (self.grid.cells.iter().filter(has_ended).count(), self.grid.cells.len())
    }

    /// What a reader should know of the folder's state: `None` where every cell has ended and nobody is at work.
    pub fn state(&self) -> Option<String> {
        let shown = self.path.display();
        let (done, all) = self.progress();
        let cells = format!("{shown}: {done} of {} done", counted(all, "cell"));
        match (&self.writer, self.contents.unfinished_line) {
            (Some(writer), _) => Some(format!("{cells}, being trained by {writer}")),
            (None, true) => Some(format!(
                "{cells}; the ledger ends in part of a line: a run is at work on another machine, or was killed"
            )),
            (None, false) if done < all => {
                Some(format!("{cells}, and nobody trains the others; {}", self.go_on()))
            }
            (None, false) => None,
        }
    }

    /// What a reader should know of its records: of those without a checksum, and of cells that several shards have.
    pub fn notes(&self) -> Vec<String> {
        notes(&self.path, &self.contents)
    }

    /// The command that trains what is missing.
    pub(crate) fn go_on(&self) -> String {
        let folder = self.path.display();
        match self.sources.iter().all(|source| source.file == CONFIG_FILE) {
            true => format!("`sweep {folder}/{CONFIG_FILE} --results {folder}` goes on"),
            false => "they are trained in the folders that it was merged from".to_owned(),
        }
    }
}

/// What is to be said of records without a checksum, and of results that several shards have.
pub(crate) fn notes(folder: &Path, contents: &Contents) -> Vec<String> {
    let (bare, folder) = (contents.unsealed, folder.display());
    let unprotected = (bare > 0).then(|| {
        format!(
            "{folder}: {bare} of {} have no checksum, as older versions wrote them: a changed digit would not show (`sweep check {folder} --mend` adds checksums)",
            counted(contents.records.len() as u64, "record")
        )
    });
    let other = contents.repeated.iter().filter(|repeated| !repeated.same).count();
    let repeated = (!contents.repeated.is_empty()).then(|| {
        format!(
            "{folder}: {} of cells that had ended in another shard are left out; {other} of them differ from the first, which stands",
            counted(contents.repeated.len() as u64, "result")
        )
    });
    unprotected.into_iter().chain(repeated).collect()
}

/// Reads several results folders, each by itself: whether they go together is for the reader to say.
///
/// # Errors
/// As [`Folder::read`]; [`StudyError::Misuse`] for a folder without a ledger, and for one that is named twice.
pub fn read_folders(paths: &[PathBuf]) -> Result<Vec<Folder>, StudyError> {
    let mut known = Vec::new();
    for path in paths {
        let folder = Folder::read(path)?;
        let shown = path.display();
        if !has_ledger(path) {
            return Err(StudyError::Misuse(format!(
                "{shown} holds no {LEDGER_FILE}: nothing was trained there\nhint: train it first, `sweep --config {shown}/{}`, or leave it out",
                CONFIG_FILE
            )));
        }
        let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        if known.iter().any(|(other, _)| *other == place) {
            return Err(StudyError::Misuse(format!(
                "{shown} is named twice\nhint: name each results folder once"
            )));
        }
        known.push((place, folder));
    }
    Ok(known.into_iter().map(|(_, folder)| folder).collect())
}

/// With the precision of its cells in the place of `auto`, so that the same cells follow wherever it is read.
fn settled(config: &Config) -> Config {
    let mut settled = config.clone();
    if let Some(precision) = config.train.precision.known() {
        settled.train.precision = PrecisionChoice::Fixed(precision);
    }
    settled
}
