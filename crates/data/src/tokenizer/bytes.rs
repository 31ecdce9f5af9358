//! One token per byte.

use super::{Encoded, Tokenizer};
use crate::error::DataError;

/// One token per byte of UTF-8, 256 in all.
///
/// Documents are separated by byte 255, which UTF-8 never holds, so no text is mistaken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes;

impl Tokenizer for Bytes {
    fn name(&self) -> String {
        "bytes".into()
    }

    fn vocab(&self) -> usize {
        256
    }

    fn separator(&self) -> u32 {
        255
    }

    fn unknown(&self) -> Option<u32> {
        None
    }

    fn encode(&self, text: &str, out: &mut Encoded) -> Result<(), DataError> {
        out.ids.extend(text.bytes().map(u32::from));
        out.bytes.resize(out.ids.len(), 1);
        Ok(())
    }

    fn to_json(&self) -> Option<&str> {
        None
    }
}
