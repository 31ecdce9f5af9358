//! How small gzip makes the training text.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Gzip;
use crate::error::DataError;
use crate::prepare::{Scan, each_piece};
use crate::progress::{Progress, ProgressSink, Stage};
use crate::source::Source;
use crate::split::{Assignment, Split};

/// Bytes of text that are compressed, at most.
pub(super) const SAMPLE_BYTES: u64 = 64 << 20;

/// Compresses the training text, or its first [`SAMPLE_BYTES`].
pub(super) fn gzip(
    source: &dyn Source,
    scanned: &Scan,
    split: &Split,
    progress: ProgressSink,
) -> Result<Gzip, DataError> {
    let train = |(entry, assignment): (&crate::split::Entry, &Assignment)| {
        (*assignment == Assignment::Train).then_some(entry.bytes)
    };
    let train_bytes: u64 = scanned.entries.iter().zip(&split.assignments).filter_map(train).sum();
    let total = train_bytes.min(SAMPLE_BYTES);
    let mut encoder = GzEncoder::new(Count(0), Compression::best());
    let mut bytes = 0;
    each_piece(source, scanned, split, &mut |pieces| {
        for (piece, assignment) in pieces {
            if assignment == Assignment::Train && bytes < SAMPLE_BYTES {
                bytes += piece.text.len() as u64;
                encoder.write_all(piece.text.as_bytes()).expect("counting does not fail");
            }
        }
        let (done_bytes, total_bytes) = (bytes.min(total), Some(total));
        progress(Progress { stage: Stage::Compress, done_bytes, total_bytes });
        Ok(())
    })?;
    let compressed_bytes = encoder.finish().expect("counting does not fail").0;
    let bits_per_byte = 8.0 * compressed_bytes as f64 / bytes as f64;
    Ok(Gzip { bytes, compressed_bytes, bits_per_byte })
}

/// Counts what is written to it.
struct Count(u64);

impl Write for Count {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0 += buffer.len() as u64;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
