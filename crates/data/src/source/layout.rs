//! How the documents of a file are found: told by the end of its name and by what it begins with.

use std::io::Read;
use std::path::Path;

use isoflop_unpack::Packing;

use super::compression::Unpacked;
use super::{csv, json};
use crate::error::DataError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// The file is one document.
    Plain,
    JsonLines,
    /// An array, or objects over several lines.
    JsonObjects,
    /// With this delimiter.
    Csv(u8),
}

/// Why a file of records holds no text: the problem, and what to do about it.
pub(super) type NoText = (String, String);

/// No more of a file is looked at.
const HEAD_BYTES: usize = 4 << 20;

/// How to read a file, which `open` opens; the inner error is that of JSON or CSV without the field.
pub(super) fn layout<'a>(
    path: &Path,
    field: &json::Field,
    open: impl Fn(Packing) -> Result<Unpacked<'a>, DataError>,
) -> Result<(Packing, Result<Layout, NoText>), DataError> {
    let name = path.to_string_lossy().to_lowercase();
    let (packing, stem) = Packing::of_name(&name);
    let ends = |endings: &[&str]| endings.iter().any(|ending| stem.ends_with(ending));
    if ends(&[".parquet"]) {
        return Err(DataError::Format {
            path: path.into(),
            problem: "Parquet files are not read yet".into(),
            hint: "convert it to JSONL, for example with DuckDB: COPY (SELECT text FROM 'x.parquet') TO 'x.jsonl'".into(),
        });
    }
    let of_lines = ends(&[".jsonl", ".ndjson", ".jsonlines", ".jl"]);
    let (of_objects, of_cells) = (ends(&[".json"]), ends(&[".csv", ".tsv"]));
    let of_any = ends(&[".txt"]) || Path::new(stem).extension().is_none();
    let packing = match packing {
        Packing::None if of_lines || of_objects || of_cells || of_any => {
            packed_all_the_same(path, open(packing)?)?
        }
        told => told,
    };
    let found = if of_lines || of_objects {
        of_json(&head(path, open(packing)?)?, of_lines, field)
    } else if of_cells {
        of_csv(&head(path, open(packing)?)?, &field.0)
    } else if of_any {
        Ok(of_text(&head(path, open(packing)?)?, field))
    } else {
        Ok(Layout::Plain)
    };
    Ok((packing, found))
}

/// How a file is packed whose name does not say so.
fn packed_all_the_same(path: &Path, reader: Unpacked<'_>) -> Result<Packing, DataError> {
    let mut begins = Vec::new();
    reader.take(4).read_to_end(&mut begins).map_err(|e| DataError::read(path, e))?;
    Ok(Packing::of_content(&begins))
}

/// The beginning of a file, to the end of a line where it has one.
fn head(path: &Path, mut reader: Unpacked<'_>) -> Result<Vec<u8>, DataError> {
    let mut head = Vec::new();
    while head.len() < HEAD_BYTES && !head.trim_ascii().contains(&b'\n') {
        let more = reader.by_ref().take(1 << 16).read_to_end(&mut head);
        if more.map_err(|e| DataError::read(path, e))? == 0 {
            break;
        }
    }
    Ok(head)
}

fn of_json(head: &[u8], of_lines: bool, field: &json::Field) -> Result<Layout, NoText> {
    let text = head.trim_ascii_start();
    let mut lines = text.split(|byte| *byte == b'\n').filter(|l| !l.trim_ascii().is_empty());
    let first = lines.next().unwrap_or_default();
    let second_opens = lines.next().is_some_and(|line| line.trim_ascii().starts_with(b"{"));
    let whole = json::all_objects(first.trim_ascii()).is_some();
    let layout = match text.first() {
        None => return Ok(Layout::JsonLines),
        Some(b'[') => Layout::JsonObjects,
        Some(b'{') if whole || second_opens => Layout::JsonLines,
        Some(b'{') => Layout::JsonObjects,
        Some(_) => Layout::JsonLines,
    };
    let (mut objects, mut found) = (json::Objects::default(), Vec::new());
    objects.push(text, &mut found);
    let first = found.first().and_then(|(_, object)| object.as_deref());
    let has = first.and_then(|object| json::has_field(object, field));
    // Lines of objects are records, whatever is in the first of them.
    if of_lines || has == Some(true) || (layout == Layout::JsonLines && second_opens) {
        return Ok(layout);
    }
    let name = &field.0;
    Err((
        format!("JSON without a field {name:?}, which is no text"),
        match has {
            Some(false) => {
                "set data.field to the name of the field that holds the text, or data.files = \"all\" to train on the JSON itself".into()
            }
            _ => "JSON text is objects, one a line or in an array; data.files = \"all\" trains on the JSON itself".into(),
        },
    ))
}

/// Of a name that says nothing: lines of objects with the field are JSON, all else is text.
fn of_text(head: &[u8], field: &json::Field) -> Layout {
    let opens = head.trim_ascii_start().starts_with(b"{");
    let found = opens.then(|| of_json(head, false, field));
    let has = |line: &[u8]| {
        let objects = json::all_objects(line.trim_ascii());
        objects
            .is_some_and(|all| all.first().is_some_and(|o| json::has_field(o, field) == Some(true)))
    };
    let first = head.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    match found {
        Some(Ok(Layout::JsonLines)) if has(first) => Layout::JsonLines,
        _ => Layout::Plain,
    }
}

fn of_csv(head: &[u8], field: &str) -> Result<Layout, NoText> {
    if head.trim_ascii().is_empty() {
        return Ok(Layout::Plain);
    }
    let header = head.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    csv::delimiter(header, field).map(Layout::Csv).map_err(|names| {
        let names: Vec<_> = names.iter().map(|name| format!("{name:.40?}")).collect();
        (
            format!("a table with no column {field:?}"),
            format!(
                "set data.field to one of {}, or data.files = \"all\" to train on the table itself",
                names.join(", ")
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_by_what_it_begins_with() {
        let json = |head: &str| of_json(head.as_bytes(), false, &json::Field("text".into()));
        let lines = |head: &str| of_json(head.as_bytes(), true, &json::Field("text".into()));
        assert_eq!(json("{\"text\": \"a\"}\n{\"text\": \"b\"}\n"), Ok(Layout::JsonLines));
        assert_eq!(json("{\"body\": \"a\"}\n{\"body\": \"b\"}\n"), Ok(Layout::JsonLines));
        assert_eq!(json("[{\"text\": \"a\"},\n{\"text\""), Ok(Layout::JsonObjects));
        assert_eq!(json("{\n  \"text\": \"a\"\n}\n"), Ok(Layout::JsonObjects));
        assert_eq!(lines("[{\"body\": \"a\"}]"), Ok(Layout::JsonObjects));
        assert_eq!(lines("{\"text\": \n{\"text\": \"b\"}\n"), Ok(Layout::JsonLines));
        assert_eq!(lines("not JSON\n"), Ok(Layout::JsonLines));
        assert!(json("{\n \"model\": {\"vocab\": {\n").is_err());
        assert!(json("{\"text\": \n").is_err());
        assert!(json("[1, 2]").is_err());
        let text = |head: &str| of_text(head.as_bytes(), &json::Field("text".into()));
        assert_eq!(text("{\"text\": \"a\"}\n{\"text\": \"b\"}\n"), Layout::JsonLines);
        for plain in [
            "",
            "words\n",
            "{ braces }\n",
            "{\"body\": \"a\"}\n{\"body\": \"b\"}\n",
            "{\n\"text\": \"a\"}",
        ] {
            assert_eq!(text(plain), Layout::Plain, "{plain}");
        }
        assert!(json("[{\"body\": \"a\"}]").unwrap_err().1.contains("data.field"));
    }
}
