//! Reading plain, gzip and zstd files alike.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::error::DataError;

/// Told by the end of a file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// Also the name without the ending that told it.
    pub(super) fn of(name: &str) -> (Self, &str) {
        let endings =
            [(".gz", Compression::Gzip), (".zst", Compression::Zstd), (".zstd", Compression::Zstd)];
        for (ending, compression) in endings {
            if let Some(stem) = name.strip_suffix(ending) {
                return (compression, stem);
            }
        }
        (Compression::None, name)
    }
}

/// Opens a file for reading its unpacked bytes.
pub(super) fn open(path: &Path, compression: Compression) -> Result<Box<dyn BufRead>, DataError> {
    let file = File::open(path).map_err(|e| DataError::read(path, e))?;
    let file = BufReader::with_capacity(1 << 18, file);
    Ok(match compression {
        Compression::None => Box::new(file),
        Compression::Gzip => Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(file))),
        Compression::Zstd => Box::new(BufReader::with_capacity(1 << 18, ZstdFrames::new(file))),
    })
}

/// All frames of a zstd file, one after the other (parallel packers write many).
struct ZstdFrames<R> {
    reader: R,
    decoder: FrameDecoder,
    inside: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    fn new(reader: R) -> Self {
        Self { reader, decoder: FrameDecoder::new(), inside: false }
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.inside {
                while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                    self.decoder
                        .decode_blocks(&mut self.reader, BlockDecodingStrategy::UptoBlocks(1))
                        .map_err(io::Error::other)?;
                }
                let count = self.decoder.read(buffer)?;
                if count > 0 {
                    return Ok(count);
                }
                self.inside = false;
            } else if self.reader.fill_buf()?.is_empty() {
                return Ok(0);
            } else {
                match self.decoder.init(&mut self.reader) {
                    Ok(()) => self.inside = true,
                    Err(FrameDecoderError::ReadFrameHeaderError(
                        ReadFrameHeaderError::SkipFrame { length, .. },
                    )) => {
                        let mut skipped = self.reader.by_ref().take(length.into());
                        io::copy(&mut skipped, &mut io::sink())?;
                    }
                    Err(error) => return Err(io::Error::other(error)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    #[test]
    fn several_zstd_frames_and_a_skippable_one() {
        let mut packed = compress_to_vec(&b"first "[..], CompressionLevel::Fastest);
        packed.extend_from_slice(&0x184d_2a50_u32.to_le_bytes());
        packed.extend_from_slice(&3_u32.to_le_bytes());
        packed.extend_from_slice(b"???");
        packed.extend(compress_to_vec(&b"second"[..], CompressionLevel::Fastest));
        let mut text = String::new();
        ZstdFrames::new(&packed[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "first second");
    }

    #[test]
    fn a_torn_zstd_file_is_an_error() {
        let text = "text ".repeat(1000);
        let packed = compress_to_vec(text.as_bytes(), CompressionLevel::Fastest);
        let torn = &packed[..packed.len() - 4];
        let mut out = Vec::new();
        assert!(ZstdFrames::new(torn).read_to_end(&mut out).is_err());
    }
}
