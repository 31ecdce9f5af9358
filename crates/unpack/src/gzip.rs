//! Gzip files of any number of members, with or without padding behind them.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// All members of a gzip file, one after the other. Zero bytes between and behind them are padding
/// of tapes and object stores, as `gzip` itself has it; an empty file has no member.
pub struct GzipMembers<R> {
    state: State<R>,
    members: u64,
}

enum State<R> {
    Between(R),
    Inside(GzDecoder<R>),
    End,
}

impl<R: BufRead> GzipMembers<R> {
    pub fn new(reader: R) -> Self {
        Self { state: State::Between(reader), members: 0 }
    }

    /// Behind the padding: a member, the end, or what does not belong there.
    fn enter(&mut self, mut reader: R) -> io::Result<State<R>> {
        loop {
            let found = reader.fill_buf()?;
            match found.first() {
                None => return Ok(State::End),
                Some(0x1f) => {
                    self.members += 1;
                    return Ok(State::Inside(GzDecoder::new(reader)));
                }
                Some(0) if self.members > 0 => {
                    let zeros = found.iter().take_while(|byte| **byte == 0).count();
                    reader.consume(zeros);
                }
                Some(_) if self.members == 0 => {
                    return Err(invalid("it is no gzip file, whatever its name says"));
                }
                Some(_) => return Err(invalid("garbage follows the end of its gzip stream")),
            }
        }
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, State::End) {
                State::End => return Ok(0),
                State::Between(reader) => self.state = self.enter(reader)?,
                State::Inside(mut decoder) => match decoder.read(buffer)? {
                    0 => self.state = State::Between(decoder.into_inner()),
                    count => {
                        self.state = State::Inside(decoder);
                        return Ok(count);
                    }
                },
            }
        }
    }
}

fn invalid(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use std::io::Write;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(packed: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        GzipMembers::new(packed).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn members_and_padding() {
        let members = [gzip("first "), gzip("second")].concat();
        assert_eq!(read(&members).unwrap(), "first second");
        assert_eq!(read(&[&members[..], &[0; 512]].concat()).unwrap(), "first second");
        let padded = [gzip("first "), vec![0; 7], gzip("second")].concat();
        assert_eq!(read(&padded).unwrap(), "first second");
        assert_eq!(read(b"").unwrap(), "");
    }

    #[test]
    fn what_is_no_gzip_is_told() {
        let told = |packed: &[u8]| read(packed).unwrap_err().to_string();
        let garbage = [gzip("text"), b"<html>".to_vec()].concat();
        assert_eq!(told(&garbage), "garbage follows the end of its gzip stream");
        assert!(told(b"plain text").contains("no gzip file"));
        assert!(told(&[0; 512]).contains("no gzip file"));
        assert!(read(&gzip("text")[..12]).is_err());
    }
}
