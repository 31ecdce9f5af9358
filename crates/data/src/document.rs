//! From the bytes of a source to documents: valid UTF-8, one kind of line end, bounded length.

use crate::hash::{Hash, sha256};

/// Longer documents are cut at line ends into pieces of about this size, so that one huge file
/// can be split into training and validation, and work is spread over cores.
pub(crate) const PIECE_BYTES: usize = 16 << 10;

/// One document as a source hands it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawDocument {
    /// Where it came from, for messages: a path, or `path:line`.
    pub origin: String,
    /// Its bytes, meant to be UTF-8.
    pub bytes: Vec<u8>,
}

/// A piece of text ready to be tokenised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub origin: String,
    pub text: String,
    /// Names the content; decides duplicates and the split.
    pub hash: Hash,
}

/// The pieces of one document, and what normalising it changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Normalised {
    pub pieces: Vec<Piece>,
    /// Invalid UTF-8 sequences replaced by U+FFFD.
    pub replaced: u64,
    /// Whether CR LF line ends became LF.
    pub line_ends: bool,
}

/// Replaces invalid UTF-8 by U+FFFD (counted), CR LF by LF, and cuts long texts.
pub(crate) fn normalise(raw: RawDocument) -> Normalised {
    let mut replaced = 0;
    let mut text = match String::from_utf8(raw.bytes) {
        Ok(text) => text,
        Err(error) => {
            let bytes = error.into_bytes();
            let mut text = String::with_capacity(bytes.len() + 16);
            for chunk in bytes.utf8_chunks() {
                text.push_str(chunk.valid());
                if !chunk.invalid().is_empty() {
                    text.push(char::REPLACEMENT_CHARACTER);
                    replaced += 1;
                }
            }
            text
        }
    };
    let line_ends = text.contains("\r\n");
    if line_ends {
        text = text.replace("\r\n", "\n");
    }
    let pieces = cut(&text)
        .map(|part| Piece {
            origin: raw.origin.clone(),
            text: part.to_owned(),
            hash: sha256(part.as_bytes()),
        })
        .collect();
    Normalised { pieces, replaced, line_ends }
}

/// Cuts a text after line ends into parts of at most [`PIECE_BYTES`] (longer only never: a line
/// that does not fit is cut at a character).
fn cut(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let at = if rest.len() <= PIECE_BYTES {
            rest.len()
        } else {
            let limit = rest.floor_char_boundary(PIECE_BYTES);
            rest[..limit].rfind('\n').map_or(limit, |newline| newline + 1)
        };
        let (part, tail) = rest.split_at(at);
        rest = tail;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw(bytes: &[u8]) -> RawDocument {
        RawDocument { origin: "x".into(), bytes: bytes.into() }
    }

    #[test]
    fn invalid_utf8_is_counted_not_dropped() {
        let out = normalise(raw(b"ab\xff\xfecd\xe2\x82"));
        assert_eq!(out.replaced, 3);
        assert_eq!(out.pieces[0].text, "ab\u{fffd}\u{fffd}cd\u{fffd}");
    }

    #[test]
    fn line_ends_do_not_change_the_hash() {
        let unix = normalise(raw(b"a\nb\n"));
        let windows = normalise(raw(b"a\r\nb\r\n"));
        assert!(windows.line_ends && !unix.line_ends);
        assert_eq!(unix.pieces, windows.pieces);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn pieces_join_to_the_text(lines in prop::collection::vec("[a-zé\\n]{0,40}", 0..40)) {
            let text = lines.concat().repeat(40);
            let out = normalise(raw(text.as_bytes()));
            let joined: String = out.pieces.iter().map(|p| p.text.as_str()).collect();
            prop_assert_eq!(joined, text);
            prop_assert!(out.pieces.iter().all(|p| (1..=PIECE_BYTES).contains(&p.text.len())));
        }
    }
}
