//! `source = "text"`: files, folders and globs of plain text, JSON or CSV, plain, gzip or zstd.

use std::path::Path;

use isoflop_plan::TextConfig;
use isoflop_text::path_in_words;
use isoflop_unpack::Packing;

use super::compression::{self, Unpacked};
use super::files::{self, Found};
use super::json::Field;
use super::layout::{Layout, layout};
use super::{BadLines, DocumentSink, LeftOut, Source, csv, json, plain};
use crate::document::RawDocument;
use crate::error::DataError;

/// Text files on disk.
///
/// `.jsonl`, `.ndjson`, `.jsonlines`, `.jl` and `.json` hold JSON objects, `.csv` and `.tsv` a table,
/// with one document an object or row, and so do `.txt` and files without an ending that begin with
/// a line of an object that has the field; all others are plain text, one document a file. `.gz`, `.zst` and `.zstd`
/// after that are unpacked.
#[derive(Debug, Clone)]
pub struct TextSource {
    found: Found,
    field: Field,
    bad_lines: f64,
    max_line_bytes: u64,
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
        let (bad_lines, max_line_bytes) = (config.bad_lines, config.max_line_bytes);
        Ok(Self { found, field, bad_lines, max_line_bytes })
    }
}

impl Source for TextSource {
    fn describe(&self) -> String {
        let files = &self.found.files;
        match &files[..] {
            [one] => path_in_words(&one.path),
            [first, ..] => {
                format!("{} files, the first of them {}", files.len(), path_in_words(&first.path))
            }
            [] => "no files".into(),
        }
    }

    fn total_bytes(&self) -> Option<u64> {
        let files = &self.found.files;
        let plain = files.iter().all(|f| (f.packing, f.layout) == (Packing::None, Layout::Plain));
        plain.then(|| files.iter().map(|f| f.bytes).sum())
    }

    fn read(&self, sink: DocumentSink<'_>) -> Result<LeftOut, DataError> {
        let mut reading = Reading::new(&self.field, self.bad_lines, self.max_line_bytes);
        for file in &self.found.files {
            let reader = compression::open(&file.path, file.packing)?;
            reading.file(&file.path, file.layout, reader, sink)?;
        }
        Ok(LeftOut { apart: self.found.apart.clone(), ..reading.finish()? })
    }
}

/// Hands every document of a file in memory to `sink`, as [`TextSource`] does with one on disk. It may unpack to no more than
/// `most` bytes.
///
/// # Errors
///
/// As [`TextSource::new`] and [`Source::read`].
pub fn read_bytes(
    name: &Path,
    bytes: &[u8],
    most: u64,
    config: &TextConfig,
    sink: DocumentSink<'_>,
) -> Result<LeftOut, DataError> {
    let field = Field(config.field.clone());
    let open = |packing| compression::of_bytes(name, bytes, packing, most);
    let (packing, layout) = layout(name, &field, open)?;
    let layout = match layout {
        Ok(layout) => layout,
        Err(_) if config.files.is_all() => Layout::Plain,
        Err((problem, hint)) => {
            return Err(DataError::Format { path: name.into(), problem, hint });
        }
    };
    let mut reading = Reading::new(&field, config.bad_lines, config.max_line_bytes);
    reading.file(name, layout, open(packing)?, sink)?;
    reading.finish()
}

/// Files of text one after the other, and what was met in them.
struct Reading<'a> {
    field: &'a Field,
    bad: BadLines,
    most: u64,
    left_out: LeftOut,
}

impl<'a> Reading<'a> {
    fn new(field: &'a Field, bad_lines: f64, most: u64) -> Self {
        Self { field, bad: BadLines::up_to(bad_lines), most, left_out: LeftOut::default() }
    }

    fn file(
        &mut self,
        path: &Path,
        layout: Layout,
        reader: Unpacked<'_>,
        sink: DocumentSink<'_>,
    ) -> Result<(), DataError> {
        let Self { field, bad, most, left_out } = self;
        left_out.files_read += 1;
        let mut sink = |document: RawDocument| {
            left_out.separators += count(&document.bytes, SEPARATOR);
            sink(document)
        };
        match layout {
            Layout::JsonLines => json::read_lines(path, reader, (field, *most), bad, &mut sink),
            Layout::JsonObjects => json::read_objects(path, reader, (field, *most), bad, &mut sink),
            Layout::Csv(delimiter) => {
                csv::read(path, reader, (&field.0, delimiter, *most), bad, &mut sink)
            }
            Layout::Plain => {
                if !plain::read(path, reader, &mut sink)? {
                    left_out.binary_files += 1;
                    if left_out.examples.len() < 5 {
                        left_out.examples.push(path_in_words(path));
                    }
                }
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<LeftOut, DataError> {
        Ok(LeftOut { skipped: self.bad.finish()?, ..self.left_out })
    }
}

fn count(text: &[u8], word: &[u8]) -> u64 {
    let begins = text.iter().enumerate().filter(|(_, byte)| **byte == word[0]);
    begins.filter(|(at, _)| text[*at..].starts_with(word)).count() as u64
}
