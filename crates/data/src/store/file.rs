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

    /// Number of ids.
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
        for (to, id) in out.iter_mut().zip(self.ids(start)) {
            *to = id as i32;
        }
    }

    /// The ids from `start` on.
    pub(crate) fn ids(&self, start: u64) -> impl Iterator<Item = u32> {
        let width = self.header.width as usize;
        let bytes = &self.map[HEADER_BYTES + start as usize * width..];
        // Two loops in one iterator: only one of the two slices is not empty.
        let (short, long) = if width == 2 { (bytes, &[][..]) } else { (&[][..], bytes) };
        let short = short.as_chunks::<2>().0.iter().map(|b| u32::from(u16::from_le_bytes(*b)));
        short.chain(long.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)))
    }
}
