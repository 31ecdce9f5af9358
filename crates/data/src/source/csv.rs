//! CSV and TSV with a header, one column of which is the text (RFC 4180).

use std::io::{BufRead, Read};
use std::path::Path;

use super::compression::Unpacked;
use super::{BadLines, DocumentSink};
use crate::document::RawDocument;
use crate::error::DataError;

/// No row may be longer.
const MOST_BYTES: u64 = 256 << 20;

/// Reads the column `field` of every row. Blank lines are allowed.
pub(super) fn read(
    path: &Path,
    reader: Unpacked<'_>,
    (field, delimiter): (&str, u8),
    bad: &mut BadLines,
    sink: DocumentSink<'_>,
) -> Result<(), DataError> {
    let mut rows = Rows { path, reader, delimiter, line: 0 };
    let Some((_, header)) = rows.next()? else { return Ok(()) };
    let column = header.iter().position(|name| is(name, field));
    let column = column.ok_or_else(|| DataError::Record {
        path: path.into(),
        line: 1,
        problem: format!("no column {field:?}"),
        hint: "set data.field to the name of a column".into(),
    })?;
    while let Some((line, mut row)) = rows.next()? {
        if row.len() != header.len() {
            let (here, there) = (row.len(), header.len());
            let problem = format!("{here} fields, where the header has {there}");
            let hint = "a field with the delimiter or a line end in it stands in double quotes";
            bad.bad(path, line, problem, hint.into())?;
            continue;
        }
        bad.good();
        let origin = format!("{}:{line}", path.display());
        sink(RawDocument { origin, bytes: row.swap_remove(column) })?;
    }
    Ok(())
}

/// The delimiter with which a header has the column; `Err` names the columns.
pub(super) fn delimiter(header: &[u8], field: &str) -> Result<u8, Vec<String>> {
    let split = |delimiter: u8| {
        let mut row = Row::default();
        let _ = row.push(header, delimiter);
        row.end()
    };
    let found = *b",;\t";
    let found = found.map(|delimiter| (delimiter, split(delimiter)));
    match found.iter().find(|(_, names)| names.iter().any(|name| is(name, field))) {
        Some((delimiter, _)) => Ok(*delimiter),
        None => {
            let most = found.iter().max_by_key(|(_, names)| names.len());
            let names = most.into_iter().flat_map(|(_, names)| names).take(20);
            Err(names.map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect())
        }
    }
}

fn is(name: &[u8], field: &str) -> bool {
    name.trim_ascii() == field.as_bytes()
}

struct Rows<'a> {
    path: &'a Path,
    reader: Unpacked<'a>,
    delimiter: u8,
    line: u64,
}

impl Rows<'_> {
    /// The next row and its first line, blank lines left out.
    fn next(&mut self) -> Result<Option<(u64, Vec<Vec<u8>>)>, DataError> {
        let (mut row, mut began, mut bytes) = (Row::default(), None, 0);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = self.reader.by_ref().take(MOST_BYTES).read_until(b'\n', &mut line);
            let count = read.map_err(|e| DataError::read(self.path, e))?;
            let refuse = |line: u64, problem: &str| DataError::Record {
                path: self.path.into(),
                line,
                problem: problem.into(),
                hint: "a double quote is missing, or this is no CSV: plain text ends in .txt"
                    .into(),
            };
            match (count, began) {
                (0, None) => return Ok(None),
                (0, Some(began)) => return Err(refuse(began, "the file ends inside of quotes")),
                _ => self.line += 1,
            }
            if began.is_none() && line.trim_ascii().is_empty() {
                continue;
            }
            let began = *began.get_or_insert(self.line);
            bytes += count as u64;
            if bytes >= MOST_BYTES {
                return Err(refuse(began, "a row of 256 MiB"));
            }
            if row.push(&line, self.delimiter) {
                return Ok(Some((began, row.end())));
            }
        }
    }
}

/// A row being read, which may go over several lines.
#[derive(Default)]
struct Row {
    fields: Vec<Vec<u8>>,
    field: Vec<u8>,
    quoted: bool,
    /// Behind a quote inside of quotes: their end, or the first of two that stand for one.
    closing: bool,
}

impl Row {
    /// Takes one line; whether the row ends with it.
    fn push(&mut self, line: &[u8], delimiter: u8) -> bool {
        let mut fresh = self.field.is_empty() && !self.quoted;
        for &byte in line {
            if self.quoted && self.closing {
                self.closing = false;
                if byte == b'"' {
                    self.field.push(byte);
                    continue;
                }
                self.quoted = false;
            }
            match byte {
                b'"' if self.quoted => self.closing = true,
                _ if self.quoted => self.field.push(byte),
                b'"' if fresh => self.quoted = true,
                b'\n' => {}
                _ if byte == delimiter => {
                    self.fields.push(std::mem::take(&mut self.field));
                    fresh = true;
                    continue;
                }
                _ => self.field.push(byte),
            }
            fresh = false;
        }
        !self.quoted || self.closing
    }

    fn end(mut self) -> Vec<Vec<u8>> {
        if self.field.last() == Some(&b'\r') {
            self.field.pop();
        }
        self.fields.push(self.field);
        self.fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(csv: &str) -> Result<Vec<String>, String> {
        let mut out = Vec::new();
        let mut bad = BadLines::up_to(0.5);
        let delimiter = delimiter(csv.lines().next().unwrap_or("").as_bytes(), "text");
        let delimiter = delimiter.map_err(|names| names.join(" "))?;
        let reader = Box::new(std::io::Cursor::new(csv.as_bytes().to_vec()));
        let mut sink = |raw: RawDocument| {
            out.push(format!("{} {}", raw.origin, String::from_utf8(raw.bytes).unwrap()));
            Ok(())
        };
        read(Path::new("x"), reader, ("text", delimiter), &mut bad, &mut sink)
            .and_then(|()| bad.finish().map(|_| ()))
            .map_err(|e| e.to_string())?;
        Ok(out)
    }

    #[test]
    fn quotes_line_ends_and_delimiters() {
        let csv = "id,text\r\n1,\"a, \"\"b\"\"\nc\"\r\n\r\n2,plain 5\" disk\r\n3,\"\"\r\n";
        assert_eq!(texts(csv).unwrap(), ["x:2 a, \"b\"\nc", "x:5 plain 5\" disk", "x:6 "]);
        assert_eq!(texts("text;id\na, b;1\n").unwrap(), ["x:2 a, b"]);
        assert_eq!(texts("id\ttext\n1\ta\n").unwrap(), ["x:2 a"]);
        assert_eq!(texts("id,body\n1,a\n").unwrap_err(), "id body");
    }

    #[test]
    fn rows_that_are_wrong() {
        let few = "id,text\n1,a\n2\n3,c\n4,d\n";
        assert_eq!(texts(few).unwrap().len(), 3);
        let open = texts("id,text\n1,a\n2,\"b\n").unwrap_err();
        assert!(open.starts_with("x:3: the file ends inside of quotes"), "{open}");
    }
}
