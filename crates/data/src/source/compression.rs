//! Reading plain, gzip and zstd files alike.

mod gzip;
mod zstd;

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use crate::error::DataError;
use gzip::GzipMembers;
use zstd::ZstdFrames;

/// What editors on Windows write in front of UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Told by the end of a file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// Also the name without the ending that told it.
    pub(super) fn of(name: &str) -> (Self, &str) {
        let endings =
            [(".gz", Compression::Gzip), (".zst", Compression::Zstd), (".zstd", Compression::Zstd)];
        for (ending, compression) in endings {
            if let Some(stem) = name.strip_suffix(ending) {
                return (compression, stem);
            }
        }
        (Compression::None, name)
    }
}

/// Opens a file for reading its unpacked bytes, a byte order mark in front left out.
pub(super) fn open(path: &Path, compression: Compression) -> Result<Box<dyn BufRead>, DataError> {
    let file = File::open(path).map_err(|e| DataError::read(path, e))?;
    let file = BufReader::with_capacity(1 << 18, file);
    let reader: Box<dyn BufRead> = match compression {
        Compression::None => Box::new(file),
        Compression::Gzip => Box::new(BufReader::with_capacity(1 << 18, GzipMembers::new(file))),
        Compression::Zstd => Box::new(BufReader::with_capacity(1 << 18, ZstdFrames::new(file))),
    };
    without_mark(reader).map_err(|e| DataError::read(path, e))
}

fn without_mark(mut reader: Box<dyn BufRead>) -> std::io::Result<Box<dyn BufRead>> {
    let mut head = Vec::new();
    reader.by_ref().take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut head)?;
    Ok(match head == BYTE_ORDER_MARK {
        true => reader,
        false => Box::new(Cursor::new(head).chain(reader)),
    })
}
