//! Second pass: documents to token files.

use std::path::Path;

use isoflop_durable::write_atomic;
use isoflop_plan::DataConfig;
use rayon::prelude::*;

use super::cache;
use super::scan::{Scan, batches};
use crate::corpus::{Part, Summary};
use crate::document::Piece;
use crate::error::DataError;
use crate::progress::{Progress, ProgressSink, Stage};
use crate::source::Source;
use crate::split::{Assignment, Split};
use crate::store::TokenWriter;
use crate::tokenizer::{
    Encoded, TOKENIZER_FILE, Tokenizer, TokenizerSpec, long_word_bytes, train_bpe,
};

/// A BPE vocabulary is trained on at most this much of the training split, in reading order.
const BPE_BYTES: usize = 256 << 20;

/// And on at most this much of long words: they take some hundred times their length in memory.
const BPE_LONG_BYTES: usize = 8 << 20;

/// Writes `train.tokens`, `valid.tokens`, `valid.bytes` and, if there is one, `tokenizer.json`.
pub(super) fn build(
    config: &DataConfig,
    source: &dyn Source,
    scanned: &Scan,
    split: &Split,
    spec: TokenizerSpec,
    folder: &Path,
    progress: ProgressSink,
) -> Result<Summary, DataError> {
    let tokenizer = match spec {
        TokenizerSpec::Ready(tokenizer) => tokenizer,
        TokenizerSpec::Bpe(vocab) => {
            let text = training_text(source, scanned, split, progress)?;
            Box::new(train_bpe(&text, vocab, progress)?)
        }
    };
    let vocab = tokenizer.vocab();
    let mut train = Output::create(&folder.join("train.tokens"), vocab)?;
    let mut reserve = vec![Encoded::default(); split.reserve as usize];
    let mut unknown = 0;
    let total_bytes = Some(scanned.entries.iter().map(|e| e.bytes).sum());
    let mut done_bytes = 0;
    each_piece(source, scanned, split, &mut |pieces| {
        let encoded: Vec<_> = pieces
            .par_iter()
            .map(|(piece, assignment)| match assignment {
                Assignment::Train | Assignment::Reserve(_) => encode(&*tokenizer, &piece.text),
                Assignment::Duplicate | Assignment::Beyond => Ok(Encoded::default()),
            })
            .collect::<Result<_, _>>()?;
        for ((piece, assignment), encoded) in pieces.iter().zip(encoded) {
            done_bytes += piece.text.len() as u64;
            let is_unknown = |id: &&u32| Some(**id) == tokenizer.unknown();
            unknown += encoded.ids.iter().filter(is_unknown).count() as u64;
            match assignment {
                Assignment::Train => train.push(&encoded, piece.text.len())?,
                Assignment::Reserve(at) => reserve[*at as usize] = encoded,
                Assignment::Duplicate | Assignment::Beyond => {}
            }
        }
        progress(Progress { stage: Stage::Tokenize, done_bytes, total_bytes });
        Ok(())
    })?;
    if train.part.bytes > 0 && train.tokens == train.part.pieces {
        return Err(DataError::Tokenizer {
            name: tokenizer.name(),
            problem: "it makes no token of any of the text".into(),
            hint: "does its normalizer or its pre_tokenizer remove everything?",
        });
    }

    // The held-out set is as many of the reserved documents as it takes; the others go back.
    let mut valid = Output::create(&folder.join("valid.tokens"), vocab)?;
    let mut lengths = TokenWriter::create(&folder.join("valid.bytes"), 1 << 16)?;
    for encoded in &reserve {
        let bytes = encoded.bytes.iter().map(|&b| b as usize).sum();
        if valid.tokens <= config.valid_tokens {
            valid.push(encoded, bytes)?;
            lengths.push(&encoded.bytes.iter().map(|&b| u32::from(b)).collect::<Vec<_>>())?;
        } else {
            train.push(encoded, bytes)?;
        }
    }
    lengths.finish()?;
    if let Some(json) = tokenizer.to_json() {
        let path = folder.join(TOKENIZER_FILE);
        write_atomic(&path, json.as_bytes()).map_err(DataError::not_written)?;
    }
    let (train, train_sha256) = train.finish()?;
    let (valid, valid_sha256) = valid.finish()?;
    Ok(Summary {
        sha256: cache::name(&*tokenizer, &train_sha256, &valid_sha256),
        source: source.describe(),
        tokenizer: tokenizer.name(),
        vocab,
        separator: tokenizer.separator(),
        documents: scanned.documents,
        pieces: scanned.entries.len() as u64,
        bytes: scanned.entries.iter().map(|e| e.bytes).sum(),
        duplicate_pieces: split.duplicates,
        duplicate_bytes: split.duplicate_bytes,
        beyond_max_pieces: split.beyond,
        beyond_max_bytes: split.beyond_bytes,
        empty_documents: scanned.empty,
        invalid_utf8_sequences: scanned.replaced,
        invalid_utf8_documents: scanned.replaced_documents,
        invalid_utf8_examples: scanned.replaced_examples.clone(),
        crlf_documents: scanned.line_ends,
        left_out: scanned.left_out.clone(),
        unknown_tokens: unknown,
        train,
        valid,
    })
}

/// A token file being written, with its counts.
struct Output {
    writer: TokenWriter,
    part: Part,
    tokens: u64,
}

impl Output {
    fn create(path: &Path, vocab: usize) -> Result<Self, DataError> {
        let writer = TokenWriter::create(path, vocab)?;
        Ok(Self { writer, part: Default::default(), tokens: 0 })
    }

    fn push(&mut self, encoded: &Encoded, bytes: usize) -> Result<(), DataError> {
        self.tokens += encoded.ids.len() as u64;
        self.part.pieces += 1;
        self.part.bytes += bytes as u64;
        self.writer.push(&encoded.ids)
    }

    fn finish(mut self) -> Result<(Part, [u8; 32]), DataError> {
        self.part.tokens = self.tokens;
        Ok((self.part, self.writer.finish()?))
    }
}

/// A separator and a document.
fn encode(tokenizer: &dyn Tokenizer, text: &str) -> Result<Encoded, DataError> {
    let mut out = Encoded { ids: vec![tokenizer.separator()], bytes: vec![0] };
    tokenizer.encode(text, &mut out)?;
    Ok(out)
}

/// Reads the source again, checking that it is what the first pass saw.
pub(crate) fn each_piece(
    source: &dyn Source,
    scanned: &Scan,
    split: &Split,
    sink: &mut dyn FnMut(Vec<(Piece, Assignment)>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut at = 0;
    batches(source, &mut |batch| {
        let mut out = Vec::new();
        for piece in batch.into_iter().flat_map(|d| d.pieces) {
            match scanned.entries.get(at) {
                Some(entry) if entry.hash == piece.hash => out.push((piece, split.assignments[at])),
                _ => return Err(DataError::Changed { origin: piece.origin }),
            }
            at += 1;
        }
        sink(out)
    })?;
    if at == scanned.entries.len() {
        Ok(())
    } else {
        Err(DataError::Changed { origin: source.describe() })
    }
}

fn training_text(
    source: &dyn Source,
    scanned: &Scan,
    split: &Split,
    progress: ProgressSink,
) -> Result<Vec<String>, DataError> {
    let mut text = Vec::new();
    let (mut bytes, mut long) = (0, 0);
    each_piece(source, scanned, split, &mut |pieces| {
        for (piece, assignment) in pieces {
            if assignment == Assignment::Train && bytes < BPE_BYTES {
                let of_it = long_word_bytes(&piece.text);
                if long + of_it > BPE_LONG_BYTES && 2 * of_it > piece.text.len() {
                    continue;
                }
                long += of_it;
                bytes += piece.text.len();
                text.push(piece.text);
            }
        }
        let (done_bytes, total_bytes) = (bytes as u64, None);
        progress(Progress { stage: Stage::TrainTokenizer, done_bytes, total_bytes });
        Ok(())
    })?;
    Ok(text)
}
