//! Writing a token file.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{HEADER_BYTES, Header};
use crate::error::DataError;

/// Appends ids to a new file; the header is written last, so that a torn file is no token file.
pub(crate) struct TokenWriter {
    path: PathBuf,
    file: BufWriter<File>,
    digest: Sha256,
    width: u32,
    count: u64,
    buffer: Vec<u8>,
}

impl TokenWriter {
    /// Starts a file for ids below `vocab`: two bytes each if they fit, else four.
    pub(crate) fn create(path: &Path, vocab: usize) -> Result<Self, DataError> {
        let file = File::create(path).map_err(|e| DataError::write(path, e))?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.write_all(&[0; HEADER_BYTES]).map_err(|e| DataError::write(path, e))?;
        let width = if vocab <= 1 << 16 { 2 } else { 4 };
        let digest = Sha256::new();
        Ok(Self { path: path.into(), file, digest, width, count: 0, buffer: Vec::new() })
    }

    pub(crate) fn push(&mut self, ids: &[u32]) -> Result<(), DataError> {
        self.buffer.clear();
        if self.width == 2 {
            self.buffer.extend(ids.iter().flat_map(|&id| (id as u16).to_le_bytes()));
        } else {
            self.buffer.extend(ids.iter().flat_map(|&id| id.to_le_bytes()));
        }
        self.digest.update(&self.buffer);
        self.count += ids.len() as u64;
        self.file.write_all(&self.buffer).map_err(|e| DataError::write(&self.path, e))
    }

    /// Writes the header and flushes to the disk. Returns the SHA-256 of the ids.
    pub(crate) fn finish(self) -> Result<[u8; 32], DataError> {
        let digest: [u8; 32] = self.digest.finalize().into();
        let content = digest[..16].try_into().expect("16 bytes");
        let header = Header { width: self.width, count: self.count, content };
        let write = |mut file: BufWriter<File>| {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header.encode())?;
            file.flush()?;
            file.get_ref().sync_all()
        };
        write(self.file).map_err(|e| DataError::write(&self.path, e))?;
        Ok(digest)
    }
}
