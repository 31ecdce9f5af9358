//! A bound on what a file unpacks to.

use std::io::{self, BufRead, Read};

/// A reader that fails where there is more than so many bytes, instead of ending there.
pub struct AtMost<R> {
    reader: R,
    left: u64,
}

impl<R: BufRead> AtMost<R> {
    pub fn new(reader: R, bytes: u64) -> Self {
        Self { reader, left: bytes }
    }
}

#[derive(Debug)]
struct Beyond;

impl std::fmt::Display for Beyond {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it unpacks to more bytes than are read")
    }
}

impl std::error::Error for Beyond {}

/// Whether an error is that of an [`AtMost`].
pub fn is_beyond(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Beyond>())
}

impl<R: BufRead> Read for AtMost<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for AtMost<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let found = self.reader.fill_buf()?;
        if found.is_empty() {
            return Ok(found);
        }
        match usize::try_from(self.left).unwrap_or(usize::MAX).min(found.len()) {
            0 => Err(io::Error::new(io::ErrorKind::InvalidData, Beyond)),
            count => Ok(&found[..count]),
        }
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count as u64);
        self.reader.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_too_many_is_an_error() {
        let read = |most| {
            let mut out = Vec::new();
            AtMost::new(&b"12345"[..], most).read_to_end(&mut out).map(|_| out)
        };
        assert_eq!(read(5).unwrap(), b"12345");
        assert!(is_beyond(&read(4).unwrap_err()));
        assert!(is_beyond(&read(0).unwrap_err()));
        assert!(!is_beyond(&io::Error::other("torn")));
    }
}
