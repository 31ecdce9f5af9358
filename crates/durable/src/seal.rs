//! Checksums inside text files: an edit or a flipped bit shows.
//!
//! A sealed JSON object has one more key, the last: `"checksum"`, SHA-256 over the bytes of the text before the comma in front of it. A
//! sealed TOML file ends in a comment, `# checksum = ...`, over the bytes of the lines before it. To every other reader both are
//! the files that they were.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

const HEX: usize = 64;
const TOML_MARK: &str = "# checksum = ";

/// What a text holds, and whether a checksum stood by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed<'a> {
    /// The text as it was before it was sealed.
    pub body: Cow<'a, [u8]>,
    /// `false` where there was no checksum, so that a change would not have shown.
    pub sealed: bool,
}

/// A text is not the one that was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its content does not match its checksum: it was changed after it was written")]
pub struct Broken;

/// SHA-256 as lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of a JSON object with its checksum as the last key. Anything else is left as it is.
pub fn seal_json(text: &str) -> String {
    let end = text.trim_end();
    let Some(before) = end.strip_suffix('}') else { return text.to_owned() };
    let before = before.trim_end();
    let (body, layout) = (before, &end[before.len()..end.len() - 1]);
    let comma = if body.ends_with('{') { "" } else { "," };
    // Lines of their own where the object has them.
    let (indent, space) = if layout.contains('\n') { ("\n  ", " ") } else { ("", "") };
    let rest = &text[end.len()..];
    let sha256 = sha256_hex(body.as_bytes());
    format!("{body}{comma}{indent}\"checksum\":{space}\"{sha256}\"{layout}}}{rest}")
}

/// Takes the checksum out of the text of a JSON object again, and checks it.
///
/// # Errors
/// [`Broken`]. A text without a checksum is none.
pub fn unseal_json(bytes: &[u8]) -> Result<Unsealed<'_>, Broken> {
    let Some((body, hex, after)) = split_json(bytes) else {
        return Ok(Unsealed { body: Cow::Borrowed(bytes), sealed: false });
    };
    if sha256_hex(body).as_bytes() != hex {
        return Err(Broken);
    }
    Ok(Unsealed { body: Cow::Owned([body, after].concat()), sealed: true })
}

/// The text in front of the checksum's comma, its digits, and what follows their closing quote.
fn split_json(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let object = bytes.trim_ascii_end().strip_suffix(b"}")?;
    let quoted = object.trim_ascii_end();
    let after = &bytes[quoted.len()..];
    let value = quoted.strip_suffix(b"\"")?;
    let (key, hex) = value.split_at_checked(value.len().checked_sub(HEX)?)?;
    let key = key.strip_suffix(b"\"")?.trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
    let before = key.strip_suffix(b"\"checksum\"")?.trim_ascii_end();
    let body = match before.strip_suffix(b",") {
        Some(body) => body,
        None => before.ends_with(b"{").then_some(before)?,
    };
    Some((body, hex, after))
}

/// The text of a TOML file with its checksum in a comment at the end.
pub fn seal_toml(text: &str) -> String {
    let line_end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let body = format!("{text}{line_end}");
    format!("{body}{TOML_MARK}{}\n", sha256_hex(body.as_bytes()))
}

/// The text of a TOML file in front of its checksum, which is checked.
///
/// # Errors
/// [`Broken`]. A text without a checksum is none.
pub fn unseal_toml(bytes: &[u8]) -> Result<Unsealed<'_>, Broken> {
    let lines = bytes.trim_ascii_end();
    let start = lines.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let (body, last) = lines.split_at(start);
    match last.strip_prefix(TOML_MARK.as_bytes()) {
        None => Ok(Unsealed { body: Cow::Borrowed(bytes), sealed: false }),
        Some(hex) if sha256_hex(body).as_bytes() == hex => {
            Ok(Unsealed { body: Cow::Borrowed(body), sealed: true })
        }
        Some(_) => Err(Broken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: [&str; 6] = [
        "{}",
        "{}\n",
        r#"{"a":1,"b":[true,null]}"#,
        "{\n  \"a\": \"}\"\n}\n",
        r#"{"checksum":"0000000000000000000000000000000000000000000000000000000000000000"}"#,
        "{\"a\": 1 }  \n",
    ];
    const TOML: [&str; 4] =
        ["", "a = 1\n", "[grid]\nx = \"# checksum = 0\"\n", "# checksum = 1\na = 2\n"];

    #[test]
    fn what_is_sealed_is_read_again() {
        for text in JSON {
            let sealed = seal_json(text);
            let read = unseal_json(sealed.as_bytes()).unwrap();
            assert!(read.sealed, "{sealed}");
            assert_eq!(read.body, text.as_bytes(), "{sealed}");
        }
        for text in TOML {
            let sealed = seal_toml(text);
            let read = unseal_toml(sealed.as_bytes()).unwrap();
            assert_eq!((&*read.body, read.sealed), (text.as_bytes(), true), "{sealed}");
        }
    }

    #[test]
    fn sealing_follows_the_layout() {
        let hash = sha256_hex(b"{\n  \"a\": 1");
        assert_eq!(
            seal_json("{\n  \"a\": 1\n}\n"),
            format!("{{\n  \"a\": 1,\n  \"checksum\": \"{hash}\"\n}}\n")
        );
        assert_eq!(
            seal_json(r#"{"a":1}"#),
            format!(r#"{{"a":1,"checksum":"{}"}}"#, sha256_hex(br#"{"a":1"#))
        );
    }

    #[test]
    fn without_a_checksum_the_text_is_as_it_was() {
        for text in [&b"{}"[..], b"", b"}", b"\"}", b"{\"checksum\":\"12\"}", b"\xff\xfe}", b"[1]"]
        {
            let read = unseal_json(text).unwrap();
            assert_eq!((&*read.body, read.sealed), (text, false));
        }
        for text in [&b"a = 1"[..], b"", b"\n\n", b"# checksum"] {
            let read = unseal_toml(text).unwrap();
            assert_eq!((&*read.body, read.sealed), (text, false));
        }
    }

    /// A flip in the key or the mark makes it a text without a checksum, with one key or comment more.
    #[test]
    fn no_flipped_bit_gives_another_text_that_passes() {
        for text in JSON {
            let sealed = seal_json(text);
            let known = text.trim_end();
            for (bytes, at) in flips(&sealed) {
                let Ok(read) = unseal_json(&bytes) else { continue };
                let same = String::from_utf8_lossy(&read.body).trim_end() == known;
                assert!(same || !read.sealed, "{sealed} at bit {at}");
                assert!(same || read.body.len() >= sealed.trim_end().len(), "{sealed} at bit {at}");
            }
        }
        for text in TOML {
            let sealed = seal_toml(text);
            for (bytes, at) in flips(&sealed) {
                let Ok(read) = unseal_toml(&bytes) else { continue };
                assert!(!read.sealed || *read.body == *text.as_bytes(), "{sealed} at bit {at}");
            }
        }
    }

    fn flips(text: &str) -> impl Iterator<Item = (Vec<u8>, usize)> {
        (0..text.len() * 8).map(move |bit| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            (bytes, bit)
        })
    }
}
