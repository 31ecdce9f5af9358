//! One bit flipped, or one digit changed, in any file: told, or without an effect.

mod cache;
mod checkpoint;
mod ended;

use std::path::{Path, PathBuf};

use rand::Rng;
use rand_chacha::ChaCha8Rng;

const MUST: &str = "refused or told, by the file's name, or read as if nothing had been changed; nothing is changed without a word";

/// A file with one change, which is undone when this is dropped.
struct Flipped {
    path: PathBuf,
    original: Vec<u8>,
    /// What was changed, in words.
    what: String,
}

impl Flipped {
    /// Changes a bit of the bytes in the range, or a digit where that is wanted and there is one.
    fn at(
        path: &Path,
        range: std::ops::Range<usize>,
        digit: bool,
        random: &mut ChaCha8Rng,
    ) -> Self {
        let original = std::fs::read(path).unwrap();
        let mut bytes = original.clone();
        let digits: Vec<usize> =
            range.clone().filter(|&at| digit && bytes[at].is_ascii_digit()).collect();
        let at = match digits.len() {
            0 => random.random_range(range),
            number => digits[random.random_range(0..number)],
        };
        bytes[at] = match digits.len() {
            0 => bytes[at] ^ 1 << random.random_range(0..8),
            _ => b'0' + (bytes[at] - b'0' + random.random_range(1..10)) % 10,
        };
        std::fs::write(path, &bytes).unwrap();
        let around = |bytes: &[u8]| {
            let part = &bytes[at.saturating_sub(12)..(at + 8).min(bytes.len())];
            String::from_utf8_lossy(part).into_owned()
        };
        let name = path.file_name().unwrap().to_string_lossy();
        let (was, is) = (around(&original), around(&bytes));
        let what = format!("{name}, byte {at}: {was:?} -> {is:?}");
        Self { path: path.to_owned(), original, what }
    }

    /// Anywhere in a file, every second time a digit.
    fn anywhere(path: &Path, random: &mut ChaCha8Rng) -> Self {
        let length = std::fs::metadata(path).unwrap().len() as usize;
        let digit = random.random_bool(0.5);
        Self::at(path, 0..length, digit, random)
    }
}

impl Drop for Flipped {
    fn drop(&mut self) {
        let _ = std::fs::write(&self.path, &self.original);
    }
}
