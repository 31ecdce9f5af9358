//! Reading a token file.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use super::{HEADER_BYTES, Header};
use crate::hash::sha256;

/// A token file: memory-mapped, or in memory.
#[derive(Debug)]
pub struct TokenFile<B = Mmap> {
    bytes: B,
    header: Header,
}

impl TokenFile {
    /// Maps a file and checks its header and length. The error says what is wrong with it.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|e| format!("it cannot be opened ({e})"))?;
        // SAFETY: token files are written once, under a temporary name, and never changed. A
        // process that truncates one under our feet can crash us; nothing can rule that out.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| format!("it cannot be mapped ({e})"))?;
        Self::of(map)
    }
}

impl<B: AsRef<[u8]>> TokenFile<B> {
    /// Checks header and length. The error says what is wrong with them.
    pub fn of(bytes: B) -> Result<Self, String> {
        let all = bytes.as_ref();
        let header = Header::decode(all)?;
        if header.file_bytes() != Some(all.len() as u64) {
            return Err(format!("it is {} bytes long, not what its header says", all.len()));
        }
        Ok(Self { bytes, header })
    }

    /// How many ids there are.
    pub fn count(&self) -> u64 {
        self.header.count
    }

    /// The SHA-256 of the ids, where they are those that were written; reads the whole file.
    pub fn verify(&self) -> Result<[u8; 32], String> {
        let found = sha256(&self.bytes.as_ref()[HEADER_BYTES..]);
        match found[..16] == self.header.content {
            true => Ok(found),
            false => Err("its ids are not those that were written".into()),
        }
    }

    /// Copies `out.len()` ids from `start` on, which must lie inside.
    pub fn copy(&self, start: u64, out: &mut [i32]) {
        let width = self.header.width as usize;
        let bytes =
            &self.bytes.as_ref()[HEADER_BYTES + start as usize * width..][..out.len() * width];
        if width == 2 {
            for (to, id) in out.iter_mut().zip(bytes.as_chunks().0) {
                *to = u16::from_le_bytes(*id).into();
            }
        } else {
            for (to, id) in out.iter_mut().zip(bytes.as_chunks().0) {
                *to = i32::from_le_bytes(*id);
            }
        }
    }

    /// The ids from `start` on.
    pub fn ids(&self, start: u64) -> impl Iterator<Item = u32> + '_ {
        let width = self.header.width as usize;
        self.bytes.as_ref()[HEADER_BYTES + start as usize * width..].chunks_exact(width).map(|id| {
            match *id {
                [a, b] => u16::from_le_bytes([a, b]).into(),
                [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
                _ => unreachable!("the header says 2 or 4"),
            }
        })
    }
}
