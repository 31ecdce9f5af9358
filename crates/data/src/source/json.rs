//! JSON objects, one field of which is a document: a line each, in an array, or over several lines.

mod found;
mod objects;
mod value;

use std::io::{BufRead, Read};
use std::path::Path;

use isoflop_text::{path_in_words, thousands};

use super::compression::{BYTE_ORDER_MARK, Unpacked};
use super::{BadLines, DocumentSink};
use crate::document::RawDocument;
use crate::error::DataError;

pub(super) use objects::{Objects, all_objects};
pub(super) use value::{Field, has_field};

/// Reads one object a line, of no more than so many bytes; several on one are read one by one. Blank lines are allowed.
pub(super) fn read_lines(
    path: &Path,
    mut reader: Unpacked<'_>,
    (field, most): (&Field, u64),
    bad: &mut BadLines,
    sink: DocumentSink<'_>,
) -> Result<(), DataError> {
    let name = path_in_words(path);
    let mut bytes = Vec::new();
    for line in 1_u64.. {
        bytes.clear();
        let read = reader.by_ref().take(most.saturating_add(1)).read_until(b'\n', &mut bytes);
        match read.map_err(|e| DataError::read(path, e))? {
            0 => break,
            count if count as u64 > most => return Err(too_long(path, line, most)),
            _ => {}
        }
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes).trim_ascii();
        if text.is_empty() {
            continue;
        }
        // Whole lines first: nearly all of them are one object.
        let mut found = vec![field.text_of(text)];
        if found[0].is_err()
            && let Some(several) = all_objects(text).filter(|several| several[0].len() < text.len())
        {
            found = several.into_iter().map(|object| field.text_of(object)).collect();
        }
        for text in found {
            hand_over((path, &name), line, text, bad, sink)?;
        }
    }
    Ok(())
}

/// Reads objects of no more than so many bytes wherever they begin and end: in an array, or one after the other.
pub(super) fn read_objects(
    path: &Path,
    mut reader: Unpacked<'_>,
    (field, most): (&Field, u64),
    bad: &mut BadLines,
    sink: DocumentSink<'_>,
) -> Result<(), DataError> {
    let name = path_in_words(path);
    let mut objects = Objects::default();
    let mut found = Vec::new();
    loop {
        let block = reader.fill_buf().map_err(|e| DataError::read(path, e))?;
        let count = block.len();
        if count == 0 {
            break;
        }
        objects.push(block, &mut found);
        reader.consume(count);
        for (line, object) in found.drain(..) {
            let text = match object {
                Some(object) if object.len() as u64 > most => {
                    return Err(too_long(path, line, most));
                }
                Some(object) => field.text_of(&object),
                None => Err(value::not_an_object()),
            };
            hand_over((path, &name), line, text, bad, sink)?;
        }
        if objects.pending() as u64 > most {
            return Err(too_long(path, objects.begun_on(), most));
        }
    }
    // All behind a quote or bracket too many would be lost.
    if objects.pending() > 0 {
        return Err(DataError::Record {
            path: path.into(),
            line: objects.begun_on(),
            problem: "the file ends inside of this object".into(),
            hint: "it is torn, or a quote or bracket is missing; fetch it anew, or mend it".into(),
        });
    }
    Ok(())
}

fn hand_over(
    (path, name): (&Path, &str),
    line: u64,
    text: Result<Vec<u8>, (String, String)>,
    bad: &mut BadLines,
    sink: DocumentSink<'_>,
) -> Result<(), DataError> {
    match text {
        Ok(bytes) => {
            bad.good();
            sink(RawDocument { origin: format!("{name}:{line}"), bytes })
        }
        Err((problem, hint)) => bad.bad(path, line, problem, hint),
    }
}

fn too_long(path: &Path, line: u64, most: u64) -> DataError {
    DataError::Record {
        path: path.into(),
        line,
        problem: format!("longer than {} bytes (`data.max_line_bytes`)", thousands(most)),
        hint: format!(
            "one document is one JSON object, and a file of plain text ends in .txt; data.max_line_bytes = {} reads longer ones",
            most.saturating_mul(4)
        ),
    }
}
