//! Reading a token file.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use super::{HEADER_BYTES, Header};
use crate::hash::sha256;

/// A memory-mapped token file.
#[derive(Debug)]
pub(crate) struct TokenFile {
    map: Mmap,
    header: Header,
}

impl TokenFile {
    /// Maps a file and checks its header and length. The error says what is wrong with it.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|e| format!("it cannot be opened ({e})"))?;
        // SAFETY: token files are written once, under a temporary name, and never changed. A
        // process that truncates one under our feet can crash us; nothing can rule that out.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| format!("it cannot be mapped ({e})"))?;
        let header = Header::decode(&map)?;
        if header.file_bytes() != Some(map.len() as u64) {
            return Err(format!("it is {} bytes long, not what its header says", map.len()));
        }
        Ok(Self { map, header })
    }

    pub(crate) fn len(&self) -> u64 {
        self.header.count
    }

    /// Whether the ids are those that were written; reads the whole file.
    pub(crate) fn verify(&self) -> Result<(), String> {
        if sha256(&self.map[HEADER_BYTES..])[..16] == self.header.content {
            Ok(())
        } else {
            Err("its ids are not those that were written".into())
        }
    }

    /// Copies `out.len()` ids from `start` on, which must lie inside.
    pub(crate) fn copy(&self, start: u64, out: &mut [i32]) {
        let width = self.header.width as usize;
        let bytes = &self.map[HEADER_BYTES + start as usize * width..][..out.len() * width];
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
    pub(crate) fn ids(&self, start: u64) -> impl Iterator<Item = u32> {
        let width = self.header.width as usize;
        self.map[HEADER_BYTES + start as usize * width..].chunks_exact(width).map(|id| match *id {
            [a, b] => u16::from_le_bytes([a, b]).into(),
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
            _ => unreachable!("the header says 2 or 4"),
        })
    }
}
