//! Token files: a small header and little-endian ids, memory-mapped.

mod file;
mod writer;

pub use file::TokenFile;
pub(crate) use writer::TokenWriter;

use crate::hash::sha256;

const MAGIC: [u8; 8] = *b"isoflop\x01";
const HEADER_BYTES: usize = 64;

/// The first bytes of a token file:
/// magic (8), bytes per id (4), zero (4), ids (8), first half of the SHA-256 of the ids (16),
/// zero (8), first half of the SHA-256 of all that (16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    /// Bytes per id: 2 or 4.
    width: u32,
    /// Number of ids.
    count: u64,
    /// First half of the SHA-256 of the ids as stored.
    content: [u8; 16],
}

impl Header {
    fn encode(self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&self.width.to_le_bytes());
        out[16..24].copy_from_slice(&self.count.to_le_bytes());
        out[24..40].copy_from_slice(&self.content);
        let check = sha256(&out[..48]);
        out[48..].copy_from_slice(&check[..16]);
        out
    }

    /// The header and nothing but: any flipped bit is an error, told in words.
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let bytes: &[u8; HEADER_BYTES] = bytes
            .get(..HEADER_BYTES)
            .and_then(|b| b.try_into().ok())
            .ok_or("it is shorter than a header")?;
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let count = u64::from_le_bytes(bytes[16..24].try_into().expect("8 bytes"));
        let content = bytes[24..40].try_into().expect("16 bytes");
        let header = Self { width: word(8), count, content };
        if !matches!(header.width, 2 | 4) || header.encode() != *bytes {
            return Err("its header is damaged".into());
        }
        Ok(header)
    }

    /// Length of the whole file.
    fn file_bytes(self) -> Option<u64> {
        self.count.checked_mul(self.width.into())?.checked_add(HEADER_BYTES as u64)
    }
}
