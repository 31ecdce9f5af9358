//! First pass: what is there.

use rayon::prelude::*;

use crate::document::{Normalised, RawDocument, normalise};
use crate::error::DataError;
use crate::progress::{Progress, ProgressSink, Stage};
use crate::source::{LeftOut, Source};
use crate::split::Entry;

/// Documents are normalised, hashed and tokenised in batches of about this many bytes.
const BATCH_BYTES: usize = 4 << 20;

/// What the first pass found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Scan {
    pub entries: Vec<Entry>,
    /// Documents as the source counts them, before long ones are cut.
    pub documents: u64,
    pub empty: u64,
    pub replaced: u64,
    pub replaced_documents: u64,
    /// Up to five of them.
    pub replaced_examples: Vec<String>,
    pub line_ends: u64,
    pub left_out: LeftOut,
}

/// Reads everything once, fetching first what is not on disk.
pub(crate) fn scan(source: &dyn Source, progress: ProgressSink) -> Result<Scan, DataError> {
    source.fetch(progress)?;
    let mut out = Scan::default();
    let total_bytes = source.total_bytes();
    let mut done_bytes = 0;
    let left_out = batches(source, &mut |batch| {
        for document in batch {
            out.documents += 1;
            out.empty += u64::from(document.pieces.is_empty());
            out.line_ends += u64::from(document.line_ends);
            out.replaced += document.replaced;
            if document.replaced > 0 {
                out.replaced_documents += 1;
                if out.replaced_examples.len() < 5 {
                    out.replaced_examples.extend(document.pieces.first().map(|p| p.origin.clone()));
                }
            }
            for piece in document.pieces {
                let bytes = piece.text.len() as u64;
                out.entries.push(Entry { hash: piece.hash, bytes });
                done_bytes += bytes;
            }
        }
        progress(Progress { stage: Stage::Scan, done_bytes, total_bytes });
        Ok(())
    })?;
    out.left_out = left_out;
    Ok(out)
}

/// Hands over the source's documents in batches, normalised on all cores.
pub(crate) fn batches(
    source: &dyn Source,
    sink: &mut dyn FnMut(Vec<Normalised>) -> Result<(), DataError>,
) -> Result<LeftOut, DataError> {
    let mut batch: Vec<RawDocument> = Vec::new();
    let mut bytes = 0;
    let mut flush = |batch: &mut Vec<RawDocument>| {
        sink(std::mem::take(batch).into_par_iter().map(normalise).collect())
    };
    let left_out = source.read(&mut |document| {
        bytes += document.bytes.len();
        batch.push(document);
        if bytes >= BATCH_BYTES {
            bytes = 0;
            flush(&mut batch)?;
        }
        Ok(())
    })?;
    flush(&mut batch)?;
    Ok(left_out)
}
