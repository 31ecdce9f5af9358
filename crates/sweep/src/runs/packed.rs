//! The text of a file, unpacked where it is packed; other kinds of tables are named.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use flate2::read::MultiGzDecoder;

/// A table of ten million rows.
const MOST_BYTES: u64 = 1 << 30;

/// Text of a table, gzip or plain.
pub fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| {
        format!("cannot read {}\nhint: give the path of a table", path.display())
    })?;
    text(bytes).with_context(|| format!("cannot read {}", path.display()))
}

fn text(bytes: Vec<u8>) -> anyhow::Result<String> {
    let kinds: [(&[u8], &str, &str); 5] = [
        (b"PAR1", "a Parquet file", "pandas.read_parquet(...).to_csv(..., index=False)"),
        (b"PK\x03\x04", "a zip archive, as Excel writes", "save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0", "an old Excel file", "save the sheet as CSV"),
        (b"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it: zstd -d FILE"),
        (b"ARROW1", "an Arrow file", "pandas.read_feather(...).to_csv(..., index=False)"),
    ];
    if let Some((_, kind, cure)) = kinds.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        bail!("it is {kind}, and no table of text\nhint: write it as CSV or JSONL: {cure}");
    }
    if !bytes.starts_with(b"\x1f\x8b") {
        return decoded(bytes);
    }
    let mut unpacked = Vec::new();
    let mut reader = MultiGzDecoder::new(&bytes[..]).take(MOST_BYTES + 1);
    reader
        .read_to_end(&mut unpacked)
        .context("it is not whole gzip\nhint: pack it again, or give the text itself")?;
    if unpacked.len() as u64 > MOST_BYTES {
        bail!(
            "it unpacks to more than 1 GiB\nhint: leave out the columns and rows that no fit reads"
        );
    }
    decoded(unpacked)
}

fn decoded(bytes: Vec<u8>) -> anyhow::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to() + 1;
        anyhow::anyhow!("it is not UTF-8 text (byte {at})\nhint: save the table as UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn text_that_is_not_utf_8_is_an_error_that_says_so() {
        for bytes in [&b"run,loss\nm\xfcller,3\n"[..], b"\xff\xfer\0u\0n\0"] {
            let error = text(bytes.to_vec()).unwrap_err().to_string();
            assert!(error.contains("save the table as UTF-8"), "{error}");
        }
    }

    #[test]
    fn gzip_is_unpacked_and_other_kinds_are_named() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(b"a,b\n1,2\n").unwrap();
        let packed = packer.finish().unwrap();
        assert_eq!(text(packed.clone()).unwrap(), "a,b\n1,2\n");
        let error = text(packed[..packed.len() - 9].to_vec()).unwrap_err().to_string();
        assert!(error.contains("not whole gzip\nhint: "), "{error}");
        for (bytes, kind) in [(&b"PAR1\x15"[..], "Parquet"), (b"PK\x03\x04\x14", "Excel")] {
            let error = text(bytes.to_vec()).unwrap_err().to_string();
            assert!(error.contains(kind) && error.contains("hint: write it as CSV"), "{error}");
        }
    }
}
