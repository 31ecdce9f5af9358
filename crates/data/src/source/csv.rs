//! CSV and TSV with a header, one column of which is the text (RFC 4180).

use std::io::{BufRead, Read};
use std::path::Path;

use isoflop_text::{path_in_words, thousands};

use super::compression::Unpacked;
use super::{BadLines, DocumentSink};
use crate::document::RawDocument;
use crate::error::DataError;

/// No table has more columns.
const MOST_COLUMNS: usize = 1 << 16;

/// Reads the column `field` of every row, of no more than so many bytes. Blank lines are allowed.
pub(super) fn read(
    path: &Path,
    reader: Unpacked<'_>,
    (field, delimiter, most): (&str, u8, u64),
    bad: &mut BadLines,
    sink: DocumentSink<'_>,
) -> Result<(), DataError> {
    let mut rows = Rows { path, reader, delimiter, most, columns: MOST_COLUMNS, line: 0 };
    let Some((line, header)) = rows.next()? else { return Ok(()) };
    let fault = |problem: String, hint: &str| DataError::Record {
        path: path.into(),
        line,
        problem,
        hint: hint.into(),
    };
    if header.count > MOST_COLUMNS {
        let problem = format!("a header of {} columns", thousands(header.count as u64));
        return Err(fault(problem, "is it a table? plain text ends in .txt"));
    }
    let header = header.fields;
    let mut columns = (0..header.len()).filter(|column| is(&header[*column], field));
    let hint = "set data.field to the name of a column";
    let column = columns.next().ok_or_else(|| fault(format!("no column {field:?}"), hint))?;
    if let Some(second) = columns.next() {
        return Err(fault(
            format!("columns {} and {} are both named {field:?}", column + 1, second + 1),
            "rename one of them, or set data.field to another column",
        ));
    }
    rows.columns = header.len();
    let name = path_in_words(path);
    while let Some((line, mut row)) = rows.next()? {
        if row.count != header.len() {
            let (here, there) = (row.count, header.len());
            let problem = format!("{here} fields, where the header has {there}");
            let hint = "a field with the delimiter or a line end in it stands in double quotes";
            bad.bad(path, line, problem, hint.into())?;
            continue;
        }
        bad.good();
        let origin = format!("{name}:{line}");
        sink(RawDocument { origin, bytes: row.fields.swap_remove(column) })?;
    }
    Ok(())
}

/// The delimiter with which a header has the column; `Err` names the columns.
pub(super) fn delimiter(header: &[u8], field: &str) -> Result<u8, Vec<String>> {
    let split = |delimiter: u8| {
        let mut row = Row::of(MOST_COLUMNS);
        let _ = row.push(header, delimiter);
        row.end();
        row.fields
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
    /// Bytes of a row.
    most: u64,
    /// Those that are kept of a row.
    columns: usize,
    line: u64,
}

impl Rows<'_> {
    /// The next row and its first line, blank lines left out.
    fn next(&mut self) -> Result<Option<(u64, Row)>, DataError> {
        let (mut row, mut began, mut bytes) = (Row::of(self.columns), None, 0);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read =
                self.reader.by_ref().take(self.most.saturating_add(1)).read_until(b'\n', &mut line);
            let count = read.map_err(|e| DataError::read(self.path, e))?;
            let refuse = |line: u64, problem: String, more: &str| DataError::Record {
                path: self.path.into(),
                line,
                problem,
                hint: format!(
                    "a double quote is missing, or this is no CSV: plain text ends in .txt{more}"
                ),
            };
            match (count, began) {
                (0, None) => return Ok(None),
                (0, Some(began)) => {
                    return Err(refuse(began, "the file ends inside of quotes".into(), ""));
                }
                _ => self.line += 1,
            }
            if began.is_none() && line.trim_ascii().is_empty() {
                continue;
            }
            let began = *began.get_or_insert(self.line);
            bytes += count as u64;
            if bytes > self.most {
                let most = thousands(self.most);
                let problem = format!("a row of more than {most} bytes (`data.max_line_bytes`)");
                let more = format!(
                    "; data.max_line_bytes = {} reads longer ones",
                    self.most.saturating_mul(4)
                );
                return Err(refuse(began, problem, &more));
            }
            if row.push(&line, self.delimiter) {
                row.end();
                return Ok(Some((began, row)));
            }
        }
    }
}

/// A row being read, which may go over several lines.
struct Row {
    /// The first so many.
    fields: Vec<Vec<u8>>,
    most: usize,
    /// All that there are.
    count: usize,
    field: Vec<u8>,
    quoted: bool,
    /// Behind a quote inside of quotes: their end, or the first of two that stand for one.
    closing: bool,
}

impl Row {
    /// Which keeps so many fields.
    fn of(most: usize) -> Self {
        let (fields, field) = (Vec::new(), Vec::new());
        Self { fields, most, count: 0, field, quoted: false, closing: false }
    }

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
                    self.next();
                    fresh = true;
                    continue;
                }
                _ => self.field.push(byte),
            }
            fresh = false;
        }
        !self.quoted || self.closing
    }

    fn end(&mut self) {
        if self.field.last() == Some(&b'\r') {
            self.field.pop();
        }
        self.next();
    }

    fn next(&mut self) {
        let field = std::mem::take(&mut self.field);
        self.count += 1;
        if self.fields.len() < self.most {
            self.fields.push(field);
        }
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
        read(Path::new("x"), reader, ("text", delimiter, 1000), &mut bad, &mut sink)
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
        let long = texts(&format!("id,text\n1,\"a\n{}\"\n", "b\n".repeat(600))).unwrap_err();
        assert!(long.starts_with("x:2: a row of more than 1,000 bytes"), "{long}");
        let twice = texts("text,id,text\na,1,b\n").unwrap_err();
        assert!(twice.starts_with("x:1: columns 1 and 3 are both named"), "{twice}");
    }
}
