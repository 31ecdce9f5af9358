//! From the bytes of a file to text: UTF-8 it has to be, and what else it is where it is none.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::{ConfigError, ConfigErrors, ErrorKind};
use super::source_file::SourceFile;

/// A configuration of a hundred thousand cells, each written down, is half as long.
const MOST_BYTES: u64 = 16 << 20;

/// The text of the file at `path`, which messages call `name`.
pub(super) fn read(path: &Path, name: &str) -> Result<String, ConfigErrors> {
    let unreadable = |found: String| {
        let hint = "give the path of a configuration; `sweep init` writes a first one";
        SourceFile::new(name, "").error(ErrorKind::Unreadable, "", "a readable file", found, hint)
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(unreadable(format!("more than {} MiB", MOST_BYTES >> 20)).into());
    }
    decoded(bytes, name).map_err(|error| ConfigErrors::from(*error))
}

/// UTF-8; of another encoding, which it is, and how to make it so.
fn decoded(bytes: Vec<u8>, name: &str) -> Result<String, Box<ConfigError>> {
    let utf_16 = match bytes[..] {
        // By this name a mark in front is read and left out.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        [_, 0, ..] => Some("UTF-16LE"),
        [0, _, ..] => Some("UTF-16BE"),
        _ => None,
    };
    let convert = |from: &str| {
        format!("save it as UTF-8 in the editor, or by `iconv -f {from} -t UTF-8 OLD > NEW`")
    };
    let expected = "text in UTF-8";
    if let Some(from) = utf_16 {
        let source = SourceFile::new(name, "");
        let found = "text in UTF-16, as editors on Windows write it";
        return Err(source.error(ErrorKind::Unreadable, "", expected, found, convert(from)).into());
    }
    let (bytes, at) = match String::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            (error.into_bytes(), at)
        }
    };
    let byte = bytes[at];
    let (found, hint) = match byte {
        // Printable in Latin-1, whose characters are the first of Unicode.
        0xa0.. => (
            format!("byte {}, 0x{byte:02X}, which in Latin-1 is `{}`", at + 1, char::from(byte)),
            convert("LATIN1"),
        ),
        _ => (
            format!("byte {}, 0x{byte:02X}", at + 1),
            format!("{}; is it a configuration at all?", convert("CP1252")),
        ),
    };
    let source = SourceFile::new(name, &String::from_utf8_lossy(&bytes));
    let error = source.error_at(Some(at..at + 1), ErrorKind::Unreadable, "", expected, found, hint);
    Err(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> String {
        decoded(bytes.to_vec(), "a.toml").unwrap_err().to_string()
    }

    #[test]
    fn another_encoding_is_named_with_its_place() {
        assert_eq!(
            told(b"[study]\nname = \"caf\xe9\"\n"),
            "error: expected text in UTF-8, found byte 20, 0xE9, which in Latin-1 is `\u{e9}`\n\
             \u{20}--> a.toml:2:12\n  |\n2 | name = \"caf\u{fffd}\"\n  |            ^\n\
             hint: save it as UTF-8 in the editor, or by `iconv -f LATIN1 -t UTF-8 OLD > NEW`"
        );
        assert!(told(b"a = \"\x93quoted\x94\"").contains("byte 6, 0x93\n"));
        for (mark, from) in
            [(&b"\xff\xfe"[..], "UTF-16 "), (b"", "UTF-16LE "), (b"\xfe\xff", "UTF-16 ")]
        {
            let big = mark.first() == Some(&0xfe);
            let units = "[grid]\n".encode_utf16();
            let text =
                units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
            let told = told(&[mark, &text.collect::<Vec<u8>>()].concat());
            assert!(told.contains("UTF-16, as") && told.contains(&format!("-f {from}")), "{told}");
        }
        assert!(told(b"\0[\0g").contains("-f UTF-16BE"));
        assert_eq!(decoded(b"name = \"\xc3\xa9\"".to_vec(), "a").unwrap(), "name = \"é\"");
    }

    #[test]
    fn what_never_ends_is_not_read_to_its_end() {
        let told = read(Path::new("/dev/zero"), "a.toml").unwrap_err().to_string();
        assert!(told.contains("more than 16 MiB") && told.contains("hint: "), "{told}");
        let told = read(Path::new("."), ".").unwrap_err().to_string();
        assert!(told.contains("a readable file") && told.contains("hint: "), "{told}");
    }
}
