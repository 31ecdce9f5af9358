//! What lies beside text and is none.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use isoflop_text::path_in_words;
use isoflop_unpack::Packing;

use crate::error::DataError;

/// Why a file of a folder or a glob is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Apart {
    Hidden,
    /// Read-me files, licences, checksums.
    About,
    /// Parts of a tokenizer or of a model.
    Tokenizer,
    /// Backups of editors and downloads that did not end.
    Unfinished,
    Pointer,
    /// JSON or CSV without the field that holds the text.
    NoField,
    Broken,
    /// The results, the cache or the configuration of a study.
    Study,
}

/// Files left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesApart {
    pub why: Apart,
    /// Files, and folders that were not gone into.
    pub count: u64,
    /// Up to three of them.
    pub examples: Vec<String>,
}

impl Apart {
    /// Whether this is no text even where all files are asked for.
    pub(crate) fn always(self) -> bool {
        matches!(self, Self::Study | Self::Pointer | Self::Broken)
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::About => "read-me, licence or checksums",
            Self::Tokenizer => "of a tokenizer or model",
            Self::Unfinished => "backup or torn download",
            Self::Pointer => "Git LFS pointer: run `git lfs pull`",
            Self::NoField => "JSON or table without the field",
            Self::Broken => "broken link",
            Self::Study => "of a study",
        }
    }
}

impl FilesApart {
    pub(super) fn of(files: impl Iterator<Item = (PathBuf, Apart)>) -> Vec<Self> {
        let mut by_why = BTreeMap::<Apart, Vec<String>>::new();
        for (path, why) in files {
            by_why.entry(why).or_default().push(path_in_words(&path));
        }
        let group = |(why, mut examples): (_, Vec<String>)| {
            let count = examples.len() as u64;
            examples.sort();
            examples.truncate(3);
            Self { why, count, examples }
        };
        by_why.into_iter().map(group).collect()
    }
}

const ABOUT: [&str; 8] =
    ["readme", "license", "licence", "copying", "copyright", "notice", "citation", "changelog"];
const ABOUT_ENDINGS: [&str; 9] = ["", "md", "txt", "rst", "html", "cff", "bib", "markdown", "adoc"];
const SUMS: [&str; 5] = ["sha256sum", "sha512sum", "sha1sum", "md5sum", "checksum"];
const SUM_ENDINGS: [&str; 8] =
    [".sha256", ".sha512", ".sha1", ".md5", ".sha256sum", ".md5sum", ".sig", ".asc"];
const TOKENIZER: [&str; 9] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "config.json",
    "generation_config.json",
];
const UNFINISHED: [&str; 7] = ["~", ".bak", ".orig", ".swp", ".tmp", ".part", ".crdownload"];

/// Why a file is left out; `None`: it may be text.
pub(super) fn why(path: &Path) -> Result<Option<Apart>, DataError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let (_, stem) = Packing::of_name(&name);
    let ends = |endings: &[&str]| endings.iter().any(|ending| stem.ends_with(ending));
    let (first, ending) = stem.rsplit_once('.').unwrap_or((stem, ""));
    let about = ABOUT.iter().filter_map(|word| first.strip_prefix(word));
    let about = { about }.any(|rest| rest.is_empty() || rest.starts_with(['-', '_', '.']));
    let sums = SUMS.iter().any(|word| stem.starts_with(word));
    Ok(if (about && ABOUT_ENDINGS.contains(&ending)) || sums || ends(&SUM_ENDINGS) {
        Some(Apart::About)
    } else if TOKENIZER.contains(&stem) {
        Some(Apart::Tokenizer)
    } else if ends(&UNFINISHED) {
        Some(Apart::Unfinished)
    } else if is_pointer(path)? {
        Some(Apart::Pointer)
    } else if stem.ends_with(".toml") && is_configuration(path)? {
        Some(Apart::Study)
    } else {
        None
    })
}

/// Results folders and caches, known by what is in them.
pub(super) fn why_folder(path: &Path) -> Option<Apart> {
    let has = |name: &str| path.join(name).is_file();
    let study = has("config.resolved.toml") || has("ledger.jsonl");
    let cache = has("meta.json") && has("train.tokens");
    (study || cache).then_some(Apart::Study)
}

/// Whether Git left a file for LFS to fetch.
pub(super) fn is_pointer(path: &Path) -> Result<bool, DataError> {
    Ok(begins(path, 1024)?.starts_with(b"version https://git-lfs.github.com/spec/"))
}

/// Whether a file is the configuration of a study, this one or another.
fn is_configuration(path: &Path) -> Result<bool, DataError> {
    let text = begins(path, 1 << 16)?;
    let has = |name: &str| {
        text.split(|byte| *byte == b'\n').any(|line| line.trim_ascii() == name.as_bytes())
    };
    Ok(has("[data]") && (has("[grid]") || has("[train]") || has("[study]")))
}

/// The bytes of a file of at most `most`; nothing of a larger one.
fn begins(path: &Path, most: u64) -> Result<Vec<u8>, DataError> {
    let failed = |e| DataError::read(path, e);
    let mut bytes = Vec::new();
    let small = path.metadata().map_err(failed)?.len() <= most;
    if small {
        let file = File::open(path).map_err(failed)?;
        file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    }
    Ok(bytes)
}
