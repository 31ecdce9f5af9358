//! Plain text: a file is a document, read in blocks when it is large.

use std::io::Read;
use std::path::Path;

use isoflop_text::path_in_words;

use super::DocumentSink;
use super::compression::Unpacked;
use crate::document::RawDocument;
use crate::error::DataError;

/// Larger files are handed over in blocks of at most this size, cut at line ends.
const BLOCK_BYTES: usize = 16 << 20;

/// Reads one file; `false`: it is binary and was left alone.
pub(super) fn read(
    path: &Path,
    mut reader: Unpacked<'_>,
    sink: DocumentSink<'_>,
) -> Result<bool, DataError> {
    let mut block = Vec::new();
    let mut first = true;
    loop {
        let want = (BLOCK_BYTES - block.len()) as u64;
        let got = reader
            .by_ref()
            .take(want)
            .read_to_end(&mut block)
            .map_err(|e| DataError::read(path, e))?;
        if first && block[..block.len().min(8192)].contains(&0) {
            return Ok(false);
        }
        first = false;
        let last = (got as u64) < want;
        let cut = if last { block.len() } else { cut_at(&block) };
        let rest = block.split_off(cut);
        if !block.is_empty() {
            let origin = path_in_words(path);
            sink(RawDocument { origin, bytes: std::mem::replace(&mut block, rest) })?;
        }
        if last {
            return Ok(true);
        }
    }
}

/// After the last line end; without one, before the last character, which may be incomplete.
fn cut_at(block: &[u8]) -> usize {
    if let Some(at) = block.iter().rposition(|&b| b == b'\n') {
        return at + 1;
    }
    let tail = block.iter().rev().take_while(|&&b| b & 0xc0 == 0x80).take(3).count();
    block.len() - tail - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_files_come_in_blocks_that_join_to_the_file() {
        let line = "a line of text with an é in it\n";
        let mut text = line.repeat(BLOCK_BYTES * 2 / line.len());
        text.push_str(&"ü".repeat(BLOCK_BYTES));
        let mut joined = Vec::new();
        let mut blocks = 0;
        let reader = Box::new(std::io::Cursor::new(text.clone().into_bytes()));
        let mut sink = |raw: RawDocument| {
            assert!(std::str::from_utf8(&raw.bytes).is_ok(), "a block cuts a character");
            joined.extend_from_slice(&raw.bytes);
            blocks += 1;
            Ok(())
        };
        assert!(read(Path::new("x"), reader, &mut sink).unwrap());
        assert!(blocks >= 4);
        assert!(joined == text.into_bytes());
    }
}
