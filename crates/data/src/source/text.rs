//! `source = "text"`: files, folders and globs of plain text or JSONL, plain, gzip or zstd.

use super::compression::{self, Compression};
use super::files::{self, TextFile};
use super::{DocumentSink, LeftOut, Source, jsonl, plain};
use crate::error::DataError;

/// Text files on disk.
///
/// Names ending in `.jsonl` or `.ndjson` hold one JSON object a line; all others are plain text,
/// one document a file. `.gz`, `.zst` and `.zstd` after that are unpacked.
#[derive(Debug, Clone)]
pub struct TextSource {
    files: Vec<TextFile>,
    field: String,
}

/// How the documents of a file are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Plain,
    Jsonl,
}

impl TextSource {
    /// Finds the files. `field` is the JSONL field that holds the text.
    ///
    /// # Errors
    ///
    /// [`DataError::NoMatch`] for a path or glob without files, [`DataError::Format`] for a file
    /// that no reader understands, [`DataError::Io`].
    pub fn new(paths: &[String], field: &str) -> Result<Self, DataError> {
        let files = files::expand(paths)?;
        for file in &files {
            layout(file)?;
        }
        Ok(Self { files, field: field.to_owned() })
    }
}

impl Source for TextSource {
    fn describe(&self) -> String {
        match &self.files[..] {
            [one] => one.path.display().to_string(),
            [first, ..] => {
                format!("{} files, the first of them {}", self.files.len(), first.path.display())
            }
            [] => "no files".into(),
        }
    }

    fn total_bytes(&self) -> Option<u64> {
        let plain = |f: &TextFile| matches!(layout(f), Ok((Compression::None, Layout::Plain)));
        self.files.iter().all(plain).then(|| self.files.iter().map(|f| f.bytes).sum())
    }

    fn read(&self, sink: DocumentSink<'_>) -> Result<LeftOut, DataError> {
        let mut left_out = LeftOut::default();
        for file in &self.files {
            let (compression, layout) = layout(file)?;
            let reader = compression::open(&file.path, compression)?;
            match layout {
                Layout::Jsonl => jsonl::read(&file.path, reader, &self.field, sink)?,
                Layout::Plain => {
                    if !plain::read(&file.path, reader, sink)? {
                        left_out.binary_files += 1;
                        if left_out.examples.len() < 5 {
                            left_out.examples.push(file.path.display().to_string());
                        }
                    }
                }
            }
        }
        Ok(left_out)
    }
}

fn layout(file: &TextFile) -> Result<(Compression, Layout), DataError> {
    let name = file.path.to_string_lossy().to_lowercase();
    let (compression, stem) = Compression::of(&name);
    if stem.ends_with(".parquet") {
        return Err(DataError::Format {
            path: file.path.clone(),
            problem: "Parquet files are not read yet".into(),
            hint: "convert it to JSONL, for example with DuckDB: COPY (SELECT text FROM 'x.parquet') TO 'x.jsonl'".into(),
        });
    }
    let jsonl = stem.ends_with(".jsonl") || stem.ends_with(".ndjson");
    Ok((compression, if jsonl { Layout::Jsonl } else { Layout::Plain }))
}
