//! Gzip and zstd files as text and tables come in: of any number of members or frames, padded or not, within bounds.
//!
//! ```
//! use std::io::Read;
//!
//! use isoflop_unpack::{AtMost, Packing};
//!
//! let bytes = b"run,loss\na,3.1\n";
//! assert_eq!(Packing::of_content(bytes), Packing::None);
//! let mut text = String::new();
//! let reader = Packing::None.reader(&bytes[..], isoflop_unpack::WINDOW_BYTES);
//! AtMost::new(reader, 1 << 20).read_to_string(&mut text)?;
//! assert_eq!(text, "run,loss\na,3.1\n");
//! # Ok::<(), std::io::Error>(())
//! ```

mod at_most;
mod gzip;
mod zstd;

use std::io::{BufRead, BufReader};

pub use at_most::{AtMost, is_beyond};
pub use gzip::GzipMembers;
pub use zstd::{LONGEST_WINDOW_BYTES, WINDOW_BYTES, ZstdFrames};

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    /// Told by the end of a lower-case name; also the name without it.
    pub fn of_name(name: &str) -> (Self, &str) {
        for (ending, packing) in [(".gz", Self::Gzip), (".zst", Self::Zstd), (".zstd", Self::Zstd)]
        {
            if let Some(stem) = name.strip_suffix(ending) {
                return (packing, stem);
            }
        }
        (Self::None, name)
    }

    /// Told by the first bytes.
    pub fn of_content(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A skippable frame, as parallel packers write first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// The unpacked bytes. A zstd frame whose window is larger than `window` bytes is an error.
    pub fn reader<'a>(self, packed: impl BufRead + 'a, window: u64) -> Box<dyn BufRead + 'a> {
        const BUFFER: usize = 1 << 18;
        match self {
            Self::None => Box::new(packed),
            Self::Gzip => Box::new(BufReader::with_capacity(BUFFER, GzipMembers::new(packed))),
            Self::Zstd => {
                Box::new(BufReader::with_capacity(BUFFER, ZstdFrames::new(packed, window)))
            }
        }
    }
}
