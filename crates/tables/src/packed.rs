//! The text of a file, unpacked where it is packed; other kinds of tables are named.

use std::io::BufRead;

use isoflop_unpack::{AtMost, Packing, WINDOW_BYTES, is_beyond};

use crate::error::TableError;

/// Rows with curves of a thousand points have some 100 KiB.
const MOST_LINE_BYTES: usize = 16 << 20;
/// A whole table may stand on one line of JSON.
const MOST_JSON_LINE_BYTES: usize = 64 << 20;

/// Text of a table, gzip, zstd or plain, of no more than `most` bytes.
pub fn text(bytes: &[u8], most: u64) -> Result<String, TableError> {
    // The lengths of cells are kept in 32 bits.
    let most = most.min(u32::MAX.into());
    let kinds: [(&[u8], &str, &str); 4] = [
        (b"PAR1", "a Parquet file", "pandas.read_parquet(...).to_csv(..., index=False)"),
        (b"PK\x03\x04", "a zip archive, as Excel writes", "save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0", "an old Excel file", "save the sheet as CSV"),
        (b"ARROW1", "an Arrow file", "pandas.read_feather(...).to_csv(..., index=False)"),
    ];
    if let Some((_, kind, cure)) = kinds.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        return Err(TableError::format(
            format!("it is {kind}, and no table of text"),
            format!("write it as CSV or JSONL: {cure}"),
        ));
    }
    if bytes.len() as u64 > most {
        return Err(too_long(most));
    }
    let packing = Packing::of_content(bytes);
    let mut reader = AtMost::new(packing.reader(bytes, WINDOW_BYTES), most);
    let mut unpacked = Vec::new();
    let mut lines = Lines::default();
    loop {
        let block = reader.fill_buf().map_err(|error| unreadable(error, packing, most))?;
        if block.is_empty() {
            return decoded(unpacked);
        }
        // One at a time, so that what is plain is looked at before it is copied.
        let block = &block[..block.len().min(1 << 18)];
        unpacked.extend_from_slice(block);
        lines.pass(block, &unpacked)?;
        let count = block.len();
        reader.consume(count);
    }
}

/// How long the lines are that have been read.
#[derive(Default)]
struct Lines {
    ended: u64,
    /// Bytes of the last one so far.
    bytes: usize,
    /// Bytes above them that are known to be blank: they are looked at once, however many they are.
    blank: usize,
}

impl Lines {
    /// The first byte that is not blank.
    fn first(&mut self, text: &[u8]) -> Option<u8> {
        let mark = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let from = self.blank.max(mark);
        let begins = text[from..].trim_ascii_start();
        self.blank = text.len() - begins.len();
        begins.first().copied()
    }

    /// Refuses a line that is too long, unless the text, which begins with `text`, may be JSON in one piece.
    fn pass(&mut self, block: &[u8], text: &[u8]) -> Result<(), TableError> {
        let most = match self.first(text) {
            Some(b'[' | b'{') => MOST_JSON_LINE_BYTES,
            _ => MOST_LINE_BYTES,
        };
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            self.bytes += line.len();
            if self.bytes > most {
                return Err(TableError::format(
                    format!("line {} is longer than {} MiB", self.ended + 1, most >> 20),
                    "a row of a table is one line; is it a table, and is a quote missing?",
                ));
            }
            if line.ends_with(b"\n") {
                self.ended += 1;
                self.bytes = 0;
            }
        }
        Ok(())
    }
}

fn unreadable(error: std::io::Error, packing: Packing, most: u64) -> TableError {
    if is_beyond(&error) {
        return too_long(most);
    }
    TableError::Format {
        problem: match packing {
            Packing::Gzip => "it is not whole gzip".into(),
            Packing::Zstd | Packing::None => "it is not whole zstd".into(),
        },
        hint: "download it again or pack it again (`gzip -t` and `zstd -t` check such files), or give the text itself".into(),
        source: Some(error.into()),
    }
}

fn too_long(most: u64) -> TableError {
    TableError::format(
        format!("it holds more than {} MiB of text", most >> 20),
        "leave out the columns and rows that no fit reads",
    )
}

/// UTF-8, or UTF-16 behind a byte order mark, as spreadsheets write it.
fn decoded(bytes: Vec<u8>) -> Result<String, TableError> {
    let utf_16 = match &bytes[..] {
        [0xff, 0xfe, rest @ ..] => Some((rest, u16::from_le_bytes as fn([u8; 2]) -> u16)),
        [0xfe, 0xff, rest @ ..] => Some((rest, u16::from_be_bytes as fn([u8; 2]) -> u16)),
        _ => None,
    };
    if let Some((rest, unit)) = utf_16 {
        let (units, odd) = rest.as_chunks::<2>();
        let text: Result<String, _> =
            char::decode_utf16(units.iter().map(|pair| unit(*pair))).collect();
        return text.ok().filter(|_| odd.is_empty()).ok_or_else(|| {
            TableError::format(
                "it begins as UTF-16 text and is none throughout",
                "save the table as UTF-8",
            )
        });
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to() + 1;
        TableError::format(format!("it is not UTF-8 text (byte {at})"), "save the table as UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const MOST: u64 = 1 << 20;

    fn told(bytes: &[u8], most: u64) -> String {
        text(bytes, most).unwrap_err().to_string()
    }

    #[test]
    fn text_in_no_known_encoding_is_an_error_that_says_so() {
        for bytes in [&b"run,loss\nm\xfcller,3\n"[..], b"\xff\xfer\0u\0n", b"\xff\xfer\0\x00\xd8"] {
            let error = told(bytes, MOST);
            assert!(error.contains("save the table as UTF-8"), "{error}");
        }
    }

    #[test]
    fn utf_16_is_read() {
        let units: Vec<u16> = "rün,loss\n𝛼,3\n".encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [[b"\xff\xfe", &little[..]].concat(), [b"\xfe\xff", &big[..]].concat()] {
            assert_eq!(text(&bytes, MOST).unwrap(), "rün,loss\n𝛼,3\n");
        }
    }

    #[test]
    fn what_is_packed_is_unpacked_and_other_kinds_are_named() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(b"a,b\n1,2\n").unwrap();
        let gzip = packer.finish().unwrap();
        let fastest = ruzstd::encoding::CompressionLevel::Fastest;
        let zstd = ruzstd::encoding::compress_to_vec(&b"a,b\n1,2\n"[..], fastest);
        for (packed, kind) in [(gzip, "gzip"), (zstd, "zstd")] {
            assert_eq!(text(&packed, MOST).unwrap(), "a,b\n1,2\n");
            let error = told(&packed[..packed.len() - 5], MOST);
            assert!(error.contains(&format!("not whole {kind}\nhint: ")), "{error}");
            assert!(told(&packed, 7).contains("more than 0 MiB of text\nhint: "));
            // The checksum, or a part of it, of both.
            let mut flipped = packed;
            *flipped.iter_mut().nth_back(if kind == "gzip" { 4 } else { 0 }).unwrap() ^= 1;
            let error = text(&flipped, MOST).unwrap_err();
            assert!(error.to_string().contains("-t` check such files"), "{error}");
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("checksum"), "{source}");
        }
        for (bytes, kind) in [(&b"PAR1\x15"[..], "Parquet"), (b"PK\x03\x04\x14", "Excel")] {
            let error = told(bytes, MOST);
            assert!(error.contains(kind) && error.contains("hint: write it as CSV"), "{error}");
        }
    }
}
