//! `sources.json`: which studies a merged folder was made of.

use std::path::Path;

use isoflop_durable::{read_if_there, unseal_json, write_atomic, write_sealed};
use isoflop_ledger::CONFIG_FILE;
use isoflop_plan::{Config, DataFacts, Grid};
use serde::{Deserialize, Serialize};

use crate::error::StudyError;

/// Name of the file.
pub(crate) const FILE: &str = "sources.json";
/// Version of its format.
const SCHEMA: u64 = 1;

/// A study whose cells are in a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The results folder, as it was named.
    pub folder: String,
    /// The file that holds its configuration, in the folder that was read.
    pub file: String,
    pub config: Config,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u64,
    sources: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    folder: String,
    config: String,
}

impl Source {
    /// A folder that was made by training in it.
    pub(crate) fn alone(folder: &Path, config: Config) -> Self {
        Self { folder: folder.display().to_string(), file: CONFIG_FILE.into(), config }
    }
}

/// The studies that a folder was merged from; `None` where it was not.
///
/// # Errors
/// [`StudyError::Unreadable`], [`StudyError::Config`].
pub(crate) fn read(folder: &Path) -> Result<Option<Vec<Source>>, StudyError> {
    let path = folder.join(FILE);
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| {
        StudyError::Unreadable {
        path: path.clone(),
        hint: "`sweep merge` writes it: merge the folders again, or read this one with the version that wrote it".into(),
        source,
    }
    };
    let Some(bytes) = read_if_there(&path).map_err(|error| unreadable(error.into()))? else {
        return Ok(None);
    };
    // The version first: a later format need not have this one's fields.
    #[derive(Deserialize)]
    struct Header {
        schema: u64,
    }
    let bytes = unseal_json(&bytes).map_err(|e| unreadable(e.into()))?.body;
    let header: Header = serde_json::from_slice(&bytes).map_err(|e| unreadable(e.into()))?;
    if header.schema != SCHEMA {
        let found = header.schema;
        return Err(unreadable(
            format!("written in format {found}, this version reads format {SCHEMA}").into(),
        ));
    }
    let file: File = serde_json::from_slice(&bytes).map_err(|e| unreadable(e.into()))?;
    let load = |Entry { folder: from, config: file }: Entry| {
        let config = Config::load(folder.join(&file))?;
        Ok(Source { folder: from, file, config })
    };
    file.sources.into_iter().map(load).collect::<Result<_, StudyError>>().map(Some)
}

/// Writes the list, and every configuration that is not the folder's own.
pub(crate) fn write(folder: &Path, sources: &[Source]) -> Result<(), StudyError> {
    for source in sources.iter().filter(|source| source.file != CONFIG_FILE) {
        write_atomic(&folder.join(&source.file), source.config.sealed_toml().as_bytes())?;
    }
    let entry =
        |source: &Source| Entry { folder: source.folder.clone(), config: source.file.clone() };
    let file = File { schema: SCHEMA, sources: sources.iter().map(entry).collect() };
    Ok(write_sealed(&folder.join(FILE), &file)?)
}

/// The cells of all sources.
pub(crate) fn grid(
    config: &Config,
    sources: &[Source],
    facts: &DataFacts,
) -> Result<Grid, StudyError> {
    let mut configs: Vec<&Config> = vec![config];
    for source in sources.iter().filter(|source| source.file != CONFIG_FILE) {
        if configs.iter().all(|known| known.study_hash() != source.config.study_hash()) {
            configs.push(&source.config);
        }
    }
    let grids: Result<Vec<Grid>, _> =
        configs.into_iter().map(|config| Grid::build(config, facts)).collect();
    Ok(Grid::union(config, grids?).expect("the folder's own grid is among them"))
}
