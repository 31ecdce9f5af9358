//! From a source to a cache folder of token files, in two passes over the text.

mod cache;
mod scan;
mod tokenize;

use isoflop_plan::{DataConfig, DataSource};

use crate::corpus::{Corpus, Summary};
use crate::error::DataError;
use isoflop_text::counted;

use crate::note;
use crate::progress::ProgressSink;
use crate::source::{self, Source};
use crate::split::{Fate, Split, split};
use crate::tokenizer::Recipe;

pub(crate) use cache::Opened;
pub(crate) use scan::{Scan, scan};
pub(crate) use tokenize::each_piece;

/// Prepares real text: from the cache if it is there, else from the source.
pub(crate) fn prepare(config: &DataConfig, progress: ProgressSink) -> Result<Corpus, DataError> {
    let source = source::open(config)?.expect("the synthetic language is prepared elsewhere");
    // A tokenizer that cannot be had is told before all text is read.
    let recipe = recipe(config)?;
    let scanned = scan(&*source, progress)?;
    let split = split_of(config, &recipe, &scanned);
    prepare_scanned(config, &*source, &scanned, recipe, &split, progress)
}

/// The part after the first pass.
pub(crate) fn prepare_scanned(
    config: &DataConfig,
    source: &dyn Source,
    scanned: &Scan,
    recipe: Recipe,
    split: &Split,
    progress: ProgressSink,
) -> Result<Corpus, DataError> {
    debug_assert!(!matches!(config.source, DataSource::Synthetic(_)));
    if split.fates.iter().all(|f| *f != Fate::Train) {
        return Err(nothing_to_train_on(source, scanned, split));
    }
    let key = cache::key(config, &recipe, scanned);
    let folder = config.cache.join(&key[..16]);
    let mut notes = Vec::new();
    match cache::open(&folder, &key) {
        Ok(Some(opened)) => return Ok(Corpus::stored(opened, config.valid_tokens, notes)),
        Ok(None) => {}
        Err(problem) => {
            notes.push(format!("rebuilt {}: {problem}", folder.display()));
            cache::remove(&folder)?;
        }
    }
    std::fs::create_dir_all(&config.cache).map_err(|e| DataError::write(&config.cache, e))?;
    cache::sweep(&config.cache)?;
    let temporary = tempfile::Builder::new()
        .prefix(cache::BUILDING)
        .tempdir_in(&config.cache)
        .map_err(|e| DataError::write(&config.cache, e))?;
    let summary: Summary =
        tokenize::build(config, source, scanned, split, recipe, temporary.path(), progress)?;
    cache::seal(temporary, &folder, &key, &summary)?;
    match cache::open(&folder, &key) {
        Ok(Some(opened)) => Ok(Corpus::stored(opened, config.valid_tokens, notes)),
        Ok(None) => Err(cache::damaged(&folder, "it vanished".into())),
        Err(problem) => Err(cache::damaged(&folder, problem)),
    }
}

/// What there is, and what was not taken for text.
fn nothing_to_train_on(source: &dyn Source, scanned: &Scan, split: &Split) -> DataError {
    let mut problem = format!(
        "{} of {} in all in {}, so none is left to train on",
        counted(scanned.entries.len() as u64 - split.duplicates, "different document"),
        counted(scanned.entries.iter().map(|e| e.bytes).sum::<u64>(), "byte"),
        source.describe(),
    );
    let replaced = note::invalid_utf8(
        scanned.replaced,
        scanned.replaced_documents,
        &scanned.replaced_examples,
        1,
    );
    for note in [note::binary_files(&scanned.left_out, 1), replaced].into_iter().flatten() {
        problem.push_str("; ");
        problem.push_str(&note);
    }
    let hint = match scanned.left_out.binary_files {
        0 => "give at least two documents; files longer than 16 KiB count as several",
        _ => {
            "text is read as UTF-8: convert UTF-16, for example with `iconv -f UTF-16 -t UTF-8`, and unpack archives"
        }
    };
    DataError::TooSmall { problem, hint }
}

/// The split of the scanned documents.
pub(crate) fn split_of(config: &DataConfig, recipe: &Recipe, scanned: &Scan) -> Split {
    // One more than asked for: the first token of the stream is an input only.
    let reserve = (config.valid_tokens + 1) * recipe.reserve_bytes_per_token();
    split(&scanned.entries, reserve, config.valid_fraction, config.max_bytes, config.seed)
}

/// What the tokenizer is made from.
pub(crate) fn recipe(config: &DataConfig) -> Result<Recipe, DataError> {
    let tokenizer = config.tokenizer.as_ref().ok_or_else(|| DataError::Option {
        key: "tokenizer",
        problem: "text needs a tokenizer".into(),
        hint: "set tokenizer = \"bytes\"".into(),
    })?;
    Recipe::new(tokenizer)
}
