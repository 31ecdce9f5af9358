//! `source = "text"`: files, folders and globs of plain text, JSON or CSV, plain, gzip or zstd.

use isoflop_plan::TextConfig;

use super::compression::{self, Compression};
use super::files::{self, Found};
use super::json::Field;
use super::layout::Layout;
use super::{BadLines, DocumentSink, LeftOut, Source, csv, json, plain};
use crate::document::RawDocument;
use crate::error::DataError;

/// Text files on disk.
///
/// `.jsonl`, `.ndjson` and `.json` hold JSON objects, `.csv` and `.tsv` a table, with one document
/// an object or row; all others are plain text, one document a file. `.gz`, `.zst` and `.zstd`
/// after that are unpacked.
#[derive(Debug, Clone)]
pub struct TextSource {
    found: Found,
    field: Field,
    bad_lines: f64,
}

/// What some corpora write between documents, and tokenizers have as a token of its own.
const SEPARATOR: &[u8] = b"<|endoftext|>";

impl TextSource {
    /// Finds the files.
    ///
    /// # Errors
    ///
    /// [`DataError::NoMatch`] for a path or glob without files, [`DataError::Format`] for a file
    /// that no reader understands, [`DataError::Io`].
    pub fn new(config: &TextConfig) -> Result<Self, DataError> {
        let field = Field(config.field.clone());
        let found = files::expand(&config.paths, &field, config.files.is_all())?;
        Ok(Self { found, field, bad_lines: config.bad_lines })
    }
}

impl Source for TextSource {
    fn describe(&self) -> String {
        let files = &self.found.files;
        match &files[..] {
            [one] => one.path.display().to_string(),
            [first, ..] => {
                format!("{} files, the first of them {}", files.len(), first.path.display())
            }
            [] => "no files".into(),
        }
    }

    fn total_bytes(&self) -> Option<u64> {
        let files = &self.found.files;
        let plain =
            files.iter().all(|f| (f.compression, f.layout) == (Compression::None, Layout::Plain));
        plain.then(|| files.iter().map(|f| f.bytes).sum())
    }

    fn read(&self, sink: DocumentSink<'_>) -> Result<LeftOut, DataError> {
        let mut left_out = LeftOut {
            files_read: self.found.files.len() as u64,
            apart: self.found.apart.clone(),
            ..LeftOut::default()
        };
        let mut bad = BadLines::up_to(self.bad_lines);
        let mut separators = 0;
        let mut sink = |document: RawDocument| {
            separators += count(&document.bytes, SEPARATOR);
            sink(document)
        };
        for file in &self.found.files {
            let (path, field) = (&*file.path, &self.field);
            let reader = compression::open(path, file.compression)?;
            match file.layout {
                Layout::JsonLines => json::read_lines(path, reader, field, &mut bad, &mut sink)?,
                Layout::JsonObjects => {
                    json::read_objects(path, reader, field, &mut bad, &mut sink)?;
                }
                Layout::Csv(delimiter) => {
                    csv::read(path, reader, (&field.0, delimiter), &mut bad, &mut sink)?;
                }
                Layout::Plain => {
                    if !plain::read(path, reader, &mut sink)? {
                        left_out.binary_files += 1;
                        if left_out.examples.len() < 5 {
                            left_out.examples.push(path.display().to_string());
                        }
                    }
                }
            }
        }
        left_out.skipped = bad.finish()?;
        left_out.separators = separators;
        Ok(left_out)
    }
}

fn count(text: &[u8], word: &[u8]) -> u64 {
    let begins = text.iter().enumerate().filter(|(_, byte)| **byte == word[0]);
    begins.filter(|(at, _)| text[*at..].starts_with(word)).count() as u64
}
