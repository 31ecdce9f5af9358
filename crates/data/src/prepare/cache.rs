//! The folder of token files of one corpus: named by its content, complete or not there at all.

use std::path::{Path, PathBuf};
use std::time::Duration;

use isoflop_durable::{read_if_there, sha256_hex, sync_folder, unseal_json, write_sealed};
use isoflop_plan::DataConfig;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::scan::Scan;
use crate::corpus::Summary;
use crate::error::DataError;
use crate::hash::{Hash, hex, sha256};
use crate::store::TokenFile;
use crate::tokenizer::{self, TOKENIZER_FILE, Tokenizer, TokenizerSpec};

/// Raised when the meaning of the files changes.
pub(crate) const FORMAT: u32 = 1;

/// Name of the file that describes a cache folder.
const META_FILE: &str = "meta.json";

const OTHER: &str = "it belongs to other data or another version";

/// What stands in it.
#[derive(Debug, Serialize, Deserialize)]
struct Meta {
    format: u32,
    key: String,
    /// SHA-256 of `tokenizer.json`, where there is one: it is known to be whole before a library reads it.
    #[serde(default)]
    tokenizer_sha256: Option<String>,
    summary: Summary,
}

/// An opened cache folder.
pub(crate) struct CacheEntry {
    pub summary: Summary,
    pub train: TokenFile,
    pub valid: TokenFile,
    pub valid_bytes: TokenFile,
    pub tokenizer: Box<dyn Tokenizer>,
}

/// Hash of all that decides the token files: documents in order, tokenizer, split.
pub(super) fn key(config: &DataConfig, spec: &TokenizerSpec, scanned: &Scan) -> String {
    let mut digest = Sha256::new();
    let max = config.max_bytes.map_or("all".into(), |m| m.to_string());
    digest.update(format!(
        "isoflop cache {FORMAT}\n{}\n{} {} {} {max}\n",
        spec.key(),
        config.valid_tokens,
        config.valid_fraction,
        config.seed,
    ));
    for entry in &scanned.entries {
        digest.update(entry.hash);
    }
    hex(&digest.finalize())
}

/// The name of tokens and tokenizer.
pub(super) fn name(tokenizer: &dyn Tokenizer, train: &Hash, valid: &Hash) -> String {
    let (identity, train, valid) = (tokenizer::identity(tokenizer), hex(train), hex(valid));
    hex(&sha256(format!("isoflop data 1\n{identity}\n{train}\n{valid}\n").as_bytes()))
}

/// Opens a folder and checks its files against their hashes. `None`: it is not there. The error
/// says why it cannot be used.
pub(super) fn open(folder: &Path, key: &str) -> Result<Option<CacheEntry>, String> {
    if !folder.exists() {
        return Ok(None);
    }
    let bytes = std::fs::read(folder.join(META_FILE))
        .map_err(|e| format!("meta.json cannot be read ({e})"))?;
    let meta = parse_meta(&bytes)?;
    match meta.key == key {
        true => verified(folder, meta).map(Some),
        false => Err(OTHER.into()),
    }
}

/// The entry that a folder's `meta.json` describes.
fn verified(folder: &Path, meta: Meta) -> Result<CacheEntry, String> {
    if meta.format != FORMAT {
        return Err(OTHER.into());
    }
    let tokens = |name: &str| {
        let open = || {
            let file = TokenFile::open(&folder.join(name))?;
            file.verify().map(|sha256| (file, sha256))
        };
        open().map_err(|problem| format!("{name}: {problem}"))
    };
    if tokenizer_sha256(folder)? != meta.tokenizer_sha256 {
        return Err("its tokenizer is missing or not the one that meta.json names".into());
    }
    let tokenizer = tokenizer::reopen(folder).map_err(|e| e.to_string())?;
    let (vocab, separator) = (meta.summary.vocab, meta.summary.separator);
    if (tokenizer.vocab(), tokenizer.separator()) != (vocab, separator) {
        return Err("its tokenizer is missing or not the one that meta.json names".into());
    }
    let (train, train_sha256) = tokens("train.tokens")?;
    let (valid, valid_sha256) = tokens("valid.tokens")?;
    if name(&*tokenizer, &train_sha256, &valid_sha256) != meta.summary.sha256 {
        return Err("its tokens and its tokenizer are not those that meta.json names".into());
    }
    let opened = CacheEntry {
        train,
        valid,
        valid_bytes: tokens("valid.bytes")?.0,
        tokenizer,
        summary: meta.summary,
    };
    let counts = [opened.train.count(), opened.valid.count(), opened.valid_bytes.count()];
    let Summary { train, valid, .. } = &opened.summary;
    if counts != [train.tokens, valid.tokens, valid.tokens] {
        return Err("its token files are not those that meta.json counts".into());
    }
    Ok(opened)
}

fn parse_meta(bytes: &[u8]) -> Result<Meta, String> {
    let meta = unseal_json(bytes).map_err(|e| format!("meta.json is damaged ({e})"))?;
    if !meta.sealed {
        return Err("meta.json has no checksum, as older versions wrote it".into());
    }
    serde_json::from_slice(&meta.body).map_err(|e| format!("meta.json is damaged ({e})"))
}

fn tokenizer_sha256(folder: &Path) -> Result<Option<String>, String> {
    let json = read_if_there(&folder.join(TOKENIZER_FILE));
    let json = json.map_err(|error| format!("{TOKENIZER_FILE} cannot be read ({error})"))?;
    Ok(json.map(|json| sha256_hex(&json)))
}

/// An entry of a cache, as [`check_cache`] finds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckedCache {
    pub folder: PathBuf,
    /// Why it is made anew before it is used, if it is.
    pub problem: Option<String>,
    /// Whether that is because an older version wrote it, and not because it changed.
    pub old: bool,
}

/// The entries of a cache folder that hold this data, and those that cannot say what they hold.
///
/// # Errors
/// [`DataError::Io`]. A cache that is not there has no entries.
pub fn check_cache(cache: &Path, data_sha256: &str) -> Result<Vec<CheckedCache>, DataError> {
    let entries = match std::fs::read_dir(cache) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(DataError::read(cache, error)),
    };
    let mut checked = Vec::new();
    for entry in entries {
        let folder = entry.map_err(|error| DataError::read(cache, error))?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Ok(bytes) = std::fs::read(folder.join(META_FILE)) else { continue };
        // What it says of itself, whether that is to be trusted or not.
        let said: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
        let of = said.as_ref().and_then(|meta| meta["summary"]["sha256"].as_str());
        let unsealed = unseal_json(&bytes);
        let other = unsealed.is_ok() && of.is_some_and(|sha256| sha256 != data_sha256);
        if name.starts_with(BUILDING) || other {
            continue;
        }
        let problem = parse_meta(&bytes)
            .and_then(|meta| match meta.key.starts_with(&*name) {
                true => verified(&folder, meta),
                false => Err(OTHER.into()),
            })
            .err();
        let old = unsealed.is_ok_and(|json| !json.sealed);
        checked.push(CheckedCache { folder, problem, old });
    }
    checked.sort();
    Ok(checked)
}

/// Completes a folder under construction and moves it into place.
pub(super) fn commit(
    temporary: TempDir,
    folder: &Path,
    key: &str,
    summary: &Summary,
) -> Result<(), DataError> {
    let path = temporary.path().join(META_FILE);
    let tokenizer_sha256 =
        tokenizer_sha256(temporary.path()).map_err(|problem| damaged(folder, problem))?;
    let summary = summary.clone();
    let meta = Meta { format: FORMAT, key: key.into(), tokenizer_sha256, summary };
    write_sealed(&path, &meta).map_err(DataError::not_written)?;
    match std::fs::rename(temporary.path(), folder) {
        Ok(()) => {
            let _moved = temporary.keep();
            sync_folder(folder.parent().unwrap_or(folder)).map_err(DataError::not_written)
        }
        // Another process was faster: its folder has the same content.
        Err(_) if folder.join(META_FILE).exists() => Ok(()),
        Err(e) => Err(DataError::write(folder, e)),
    }
}

/// Removes a folder that cannot be used.
pub(super) fn remove(folder: &Path) -> Result<(), DataError> {
    std::fs::remove_dir_all(folder).map_err(|e| DataError::write(folder, e))
}

/// Folders under construction carry this in front of their name.
pub(super) const BUILDING: &str = ".building-";

/// Removes what processes that were killed more than a day ago left under construction. What
/// does not tell its age may be in use and stays.
pub(super) fn remove_abandoned(cache: &Path) -> Result<(), DataError> {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    for entry in std::fs::read_dir(cache).map_err(|e| DataError::read(cache, e))? {
        let entry = entry.map_err(|e| DataError::read(cache, e))?;
        let modified = entry.metadata().and_then(|m| m.modified());
        let old = modified.is_ok_and(|m| m.elapsed().is_ok_and(|age| age > DAY));
        if old && entry.file_name().to_string_lossy().starts_with(BUILDING) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// A folder that was just written and cannot be read.
pub(super) fn damaged(folder: &Path, problem: String) -> DataError {
    DataError::Format {
        path: folder.into(),
        problem,
        hint: "check the disk that data.cache is on".into(),
    }
}
