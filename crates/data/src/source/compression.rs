//! Reading plain, gzip and zstd files alike.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use isoflop_unpack::{AtMost, LONGEST_WINDOW_BYTES, Packing, WINDOW_BYTES};

use crate::error::DataError;

/// What editors on Windows write in front of UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The unpacked bytes of a file or of memory, a byte order mark in front left out.
pub(super) type Unpacked<'a> = Box<dyn BufRead + 'a>;

/// Opens a file.
pub(super) fn open(path: &Path, packing: Packing) -> Result<Unpacked<'static>, DataError> {
    let file = File::open(path).map_err(|e| DataError::read(path, e))?;
    let file = BufReader::with_capacity(1 << 18, file);
    let unpacked = packing.reader(file, LONGEST_WINDOW_BYTES);
    without_mark(unpacked).map_err(|e| DataError::read(path, e))
}

/// Reads bytes in memory, which may unpack to no more than `most` bytes.
pub(super) fn of_bytes<'a>(
    path: &Path,
    bytes: &'a [u8],
    packing: Packing,
    most: u64,
) -> Result<Unpacked<'a>, DataError> {
    let unpacked = AtMost::new(packing.reader(bytes, WINDOW_BYTES), most);
    without_mark(Box::new(unpacked)).map_err(|e| DataError::read(path, e))
}

fn without_mark<'a>(mut reader: Unpacked<'a>) -> std::io::Result<Unpacked<'a>> {
    let mut head = Vec::new();
    reader.by_ref().take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut head)?;
    Ok(match head == BYTE_ORDER_MARK {
        true => reader,
        false => Box::new(Cursor::new(head).chain(reader)),
    })
}
