//! From a source to a cache folder of token files, in two passes over the text.

mod cache;
mod scan;
mod tokenize;

use isoflop_durable::create_folder;
use isoflop_plan::{DataConfig, DataSource};

use crate::corpus::{Corpus, Summary};
use crate::error::DataError;
use isoflop_text::counted;

use crate::note;
use crate::progress::ProgressSink;
use crate::source::{self, Source};
use crate::split::{Assignment, Split, split};
use crate::tokenizer::TokenizerSpec;

pub(crate) use cache::CacheEntry;
pub use cache::{CheckedCache, check_cache};
pub(crate) use scan::{Scan, scan};
pub(crate) use tokenize::each_piece;

/// Prepares real text: from the cache if it is there, else from the source.
pub(crate) fn prepare(config: &DataConfig, progress: ProgressSink) -> Result<Corpus, DataError> {
    let source = source::open(config)?.expect("the synthetic language is prepared elsewhere");
    // A tokenizer that cannot be had is told before all text is read.
    let spec = tokenizer_spec(config)?;
    let scanned = scan(&*source, progress)?;
    let split = split_of(config, &spec, &scanned);
    prepare_scanned(config, &*source, &scanned, spec, &split, progress)
}

/// The part after the first pass.
pub(crate) fn prepare_scanned(
    config: &DataConfig,
    source: &dyn Source,
    scanned: &Scan,
    spec: TokenizerSpec,
    split: &Split,
    progress: ProgressSink,
) -> Result<Corpus, DataError> {
    debug_assert!(!matches!(config.source, DataSource::Synthetic(_)));
    if split.assignments.iter().all(|f| *f != Assignment::Train) {
        return Err(nothing_to_train_on(source, scanned, split));
    }
    let key = cache::key(config, &spec, scanned);
    let folder = config.cache.join(&key[..16]);
    let mut notes = Vec::new();
    match cache::open(&folder, &key) {
        Ok(Some(mut opened)) => {
            read_again(&mut opened.summary, source, scanned);
            return Ok(Corpus::stored(opened, config.valid_tokens, notes));
        }
        Ok(None) => {}
        Err(problem) => {
            notes.push(format!("rebuilt {}: {problem}", folder.display()));
            cache::remove(&folder)?;
        }
    }
    create_folder(&config.cache).map_err(DataError::not_written)?;
    cache::remove_abandoned(&config.cache)?;
    let temporary = tempfile::Builder::new()
        .prefix(cache::BUILDING)
        .tempdir_in(&config.cache)
        .map_err(|e| DataError::write(&config.cache, e))?;
    let summary: Summary =
        tokenize::build(config, source, scanned, split, spec, temporary.path(), progress)?;
    cache::commit(temporary, &folder, &key, &summary)?;
    match cache::open(&folder, &key) {
        Ok(Some(opened)) => Ok(Corpus::stored(opened, config.valid_tokens, notes)),
        Ok(None) => Err(cache::damaged(&folder, "it vanished".into())),
        Err(problem) => Err(cache::damaged(&folder, problem)),
    }
}

/// Equal pieces may come from elsewhere now: from other documents, beside other files.
fn read_again(summary: &mut Summary, source: &dyn Source, scanned: &Scan) {
    summary.source = source.describe();
    summary.documents = scanned.documents;
    summary.empty_documents = scanned.empty;
    summary.invalid_utf8_sequences = scanned.replaced;
    summary.invalid_utf8_documents = scanned.replaced_documents;
    summary.invalid_utf8_examples.clone_from(&scanned.replaced_examples);
    summary.crlf_documents = scanned.line_ends;
    summary.left_out.clone_from(&scanned.left_out);
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

pub(crate) fn split_of(config: &DataConfig, spec: &TokenizerSpec, scanned: &Scan) -> Split {
    // One more than asked for: the first token of the stream is an input only.
    let reserve = (config.valid_tokens + 1) * spec.reserve_bytes_per_token();
    split(&scanned.entries, reserve, config.valid_fraction, config.max_bytes, config.seed)
}

pub(crate) fn tokenizer_spec(config: &DataConfig) -> Result<TokenizerSpec, DataError> {
    let tokenizer = config.tokenizer.as_ref().ok_or_else(|| DataError::Option {
        key: "tokenizer",
        problem: "text needs a tokenizer".into(),
        hint: "set tokenizer = \"bytes\"".into(),
    })?;
    TokenizerSpec::new(tokenizer)
}
