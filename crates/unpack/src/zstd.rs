//! Zstd files of any number of frames.

use std::error::Error;
use std::io::{self, BufRead, Read};
use std::iter::successors;

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The largest window that `zstd --long` writes. So much memory is used only where the text is as
/// long.
pub const LONGEST_WINDOW_BYTES: u64 = 1 << 31;
/// The largest window that `zstd` itself unpacks unless it is told to take more.
pub const WINDOW_BYTES: u64 = 1 << 27;

/// All frames of a zstd file, one after the other (parallel packers write many). The text of each is held against the checksum and
/// the size that the frame says it has, where it says any (RFC 8878, 3.1.1).
pub struct ZstdFrames<R> {
    reader: R,
    decoder: FrameDecoder,
    window: u64,
    inside: bool,
    /// Bytes of text of the frame so far.
    unpacked: u64,
}

impl<R: BufRead> ZstdFrames<R> {
    /// Frames whose window is larger than `window` bytes are an error.
    pub fn new(reader: R, window: u64) -> Self {
        Self { reader, decoder: decoder(window), window, inside: false, unpacked: 0 }
    }

    /// At the end of a frame, all of whose text has been handed over.
    fn check(&self) -> io::Result<()> {
        // The low half of XXH64; one that the frame does not have is not compared.
        let told = self.decoder.get_checksum_from_data();
        if told.is_some() && told != self.decoder.get_calculated_checksum() {
            return Err(invalid("the text does not match the checksum of its zstd frame"));
        }
        // A frame that does not tell its size tells 0.
        match self.decoder.content_size() {
            0 => Ok(()),
            size if size == self.unpacked => Ok(()),
            _ => Err(invalid("the text is not as long as its zstd frame says")),
        }
    }

    /// Passes over a frame that holds no text.
    fn skip(&mut self, length: u32) -> io::Result<()> {
        let mut skipped = self.reader.by_ref().take(length.into());
        match io::copy(&mut skipped, &mut io::sink())? {
            count if count == u64::from(length) => Ok(()),
            _ => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it ends inside of a skippable zstd frame",
            )),
        }
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
                        .map_err(unreadable)?;
                }
                let count = self.decoder.read(buffer)?;
                if count > 0 {
                    self.unpacked += count as u64;
                    return Ok(count);
                }
                self.check()?;
                self.inside = false;
            } else if self.reader.fill_buf()?.is_empty() {
                return Ok(0);
            } else {
                // A decoder that is used again reserves the whole window at once.
                self.decoder = decoder(self.window);
                match self.decoder.init(&mut self.reader) {
                    Ok(()) => (self.inside, self.unpacked) = (true, 0),
                    Err(FrameDecoderError::ReadFrameHeaderError(
                        ReadFrameHeaderError::SkipFrame { length, .. },
                    )) => {
                        self.skip(length)?;
                    }
                    Err(error) => return Err(unreadable(error)),
                }
            }
        }
    }
}

/// What a decoder met in the bytes; where it got none, why.
fn unreadable(error: FrameDecoderError) -> io::Error {
    let causes = successors(error.source(), |&cause| cause.source());
    let failed = causes.filter_map(|cause| cause.downcast_ref::<io::Error>()).next();
    match failed.map(io::Error::kind) {
        None => io::Error::new(io::ErrorKind::InvalidData, error),
        Some(kind @ io::ErrorKind::UnexpectedEof) => {
            io::Error::new(kind, "it ends inside of a zstd frame")
        }
        Some(kind) => io::Error::new(kind, error),
    }
}

fn invalid(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

fn decoder(window: u64) -> FrameDecoder {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(window);
    decoder
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
        ZstdFrames::new(&packed[..], WINDOW_BYTES).read_to_string(&mut text).unwrap();
        assert_eq!(text, "first second");
    }

    #[test]
    fn a_torn_zstd_file_is_an_error() {
        let text = "text ".repeat(1000);
        let packed = compress_to_vec(text.as_bytes(), CompressionLevel::Fastest);
        let torn = &packed[..packed.len() - 4];
        let mut out = Vec::new();
        assert!(ZstdFrames::new(torn, WINDOW_BYTES).read_to_end(&mut out).is_err());
    }

    #[test]
    fn a_frame_with_the_longest_window_is_read() {
        // Magic number; neither size nor checksum; a window of 2 GiB; one last raw block.
        let mut packed = 0xfd2f_b528_u32.to_le_bytes().to_vec();
        packed.extend([0x00, (31 - 10) << 3]);
        packed.extend(&(1_u32 | 5 << 3).to_le_bytes()[..3]);
        packed.extend(b"hello");
        let mut text = String::new();
        ZstdFrames::new(&packed[..], LONGEST_WINDOW_BYTES).read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        assert!(ZstdFrames::new(&packed[..], WINDOW_BYTES).read_to_string(&mut text).is_err());
    }
}
