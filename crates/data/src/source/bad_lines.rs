//! Lines that hold no text: skipped and counted up to a share, refused above it.

use std::path::Path;

use isoflop_text::path_in_words;
use serde::{Deserialize, Serialize};

use crate::error::DataError;

/// Lines of JSON or rows of CSV that were skipped because no text could be read from them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedLines {
    pub lines: u64,
    /// Of so many.
    pub of: u64,
    /// Up to five of them, with their problems.
    pub examples: Vec<String>,
}

/// In so many lines, one bad line is let pass whatever the share, unless that is 0.
const ONE_IN: u64 = 20;
/// So many bad lines, more of them than good ones, are another format: no more of it is read.
const ANOTHER_FORMAT: u64 = 100;

/// Counts good and bad lines of a whole source.
#[derive(Debug)]
pub(super) struct BadLines {
    share: f64,
    skipped: SkippedLines,
    first: Option<DataError>,
}

impl BadLines {
    pub(super) fn up_to(share: f64) -> Self {
        Self { share, skipped: SkippedLines::default(), first: None }
    }

    pub(super) fn good(&mut self) {
        self.skipped.of += 1;
    }

    /// Counts a bad line; the error, where there are too many whatever follows.
    pub(super) fn bad(
        &mut self,
        path: &Path,
        line: u64,
        problem: String,
        hint: String,
    ) -> Result<(), DataError> {
        self.skipped.of += 1;
        self.skipped.lines += 1;
        if self.skipped.examples.len() < 5 {
            self.skipped.examples.push(format!("{}:{line}: {problem}", path_in_words(path)));
        }
        let path = path.into();
        self.first.get_or_insert(DataError::Record { path, line, problem, hint });
        let SkippedLines { lines, of, .. } = self.skipped;
        if self.share <= 0.0 || (lines >= ANOTHER_FORMAT && 2 * lines > of) {
            return Err(self.refusal());
        }
        Ok(())
    }

    /// What was skipped, unless it is too much.
    pub(super) fn finish(mut self) -> Result<SkippedLines, DataError> {
        let SkippedLines { lines, of, .. } = self.skipped;
        let one = self.share > 0.0 && of >= ONE_IN;
        let most = ((self.share * of as f64) as u64).max(u64::from(one));
        if lines > most { Err(self.refusal()) } else { Ok(self.skipped) }
    }

    fn refusal(&mut self) -> DataError {
        let SkippedLines { lines, of, .. } = self.skipped;
        let first = self.first.take().expect("there is a bad line");
        match first {
            DataError::Record { path, line, problem, hint } if lines < of => {
                let bad = lines as f64 / of as f64;
                // Rounded up, so that it lets pass what is there.
                let enough = (bad * 1000.0).ceil() / 1000.0;
                let are = if lines == 1 { "is" } else { "are" };
                let problem = format!(
                    "{problem}; {lines} of {of} lines {are} bad, more than data.bad_lines = {} lets pass",
                    self.share
                );
                let way_on = match enough <= 0.5 {
                    true => format!("; data.bad_lines = {enough} skips such lines"),
                    false => String::new(),
                };
                DataError::Record { path, line, problem, hint: hint + &way_on }
            }
            first => first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(share: f64, good: u64, bad: u64) -> Result<u64, String> {
        let mut lines = BadLines::up_to(share);
        for line in 0..bad {
            let (problem, hint) = ("no text".into(), "write one".into());
            lines.bad(Path::new("a"), line + 1, problem, hint).map_err(|e| e.to_string())?;
        }
        (0..good).for_each(|_| lines.good());
        lines.finish().map(|skipped| skipped.lines).map_err(|e| e.to_string())
    }

    #[test]
    fn a_share_of_the_lines_may_be_bad() {
        assert_eq!(read(0.01, 990, 10), Ok(10));
        assert_eq!(read(0.01, 79, 1), Ok(1), "one in twenty or more always may");
        assert_eq!(
            read(0.01, 989, 11).unwrap_err(),
            "a:1: no text; 11 of 1000 lines are bad, more than data.bad_lines = 0.01 lets pass\nhint: write one; data.bad_lines = 0.011 skips such lines"
        );
        assert!(read(0.0, 1000, 1).is_err());
        assert!(read(0.01, 1, 1).unwrap_err().contains("1 of 2 lines is bad"));
    }

    #[test]
    fn all_bad_is_another_format() {
        assert_eq!(read(0.5, 0, 1).unwrap_err(), "a:1: no text\nhint: write one");
        let mut lines = BadLines::up_to(0.5);
        let stopped = (1..1000).position(|line| {
            lines.bad(Path::new("a"), line, String::new(), String::new()).is_err()
        });
        assert_eq!(stopped, Some(99), "the rest of a large file is not read");
    }
}
