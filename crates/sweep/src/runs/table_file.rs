//! CSV and JSONL tables, cell by cell. Every row that cannot be read is an error that names it.

use std::path::Path;

use anyhow::{Context, bail};
use isoflop::registration::sha256;

/// A table as text: a header and rows of equal length. An empty cell is a missing value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTable {
    /// Column names.
    pub header: Vec<String>,
    /// Cells.
    pub rows: Vec<Vec<String>>,
    /// SHA-256 of the file's text, in hex.
    pub sha256: String,
}

impl TextTable {
    /// Reads a CSV file with a header; the separator is whichever of comma, semicolon and tab the header has most of.
    pub fn read_csv(path: &Path) -> anyhow::Result<TextTable> {
        Self::parse_csv(&read(path)?).with_context(|| format!("cannot use {}", path.display()))
    }

    /// Reads a file with a JSON object per line. Columns are all keys, in order of appearance.
    pub fn read_jsonl(path: &Path) -> anyhow::Result<TextTable> {
        Self::parse_jsonl(&read(path)?).with_context(|| format!("cannot use {}", path.display()))
    }

    fn parse_csv(text: &str) -> anyhow::Result<TextTable> {
        let sha256 = sha256(text.as_bytes());
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // Blank lines and comments may stand above the header.
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            if !(line.trim().is_empty() || line.starts_with('#')) {
                break;
            }
            start += line.len();
        }
        let text = &text[start..];
        let first = text.lines().next().unwrap_or_default();
        if first.trim().is_empty() {
            bail!("it has no header\nhint: the first line names the columns");
        }
        let count = |c: char| first.matches(c).count();
        let separators = [(',', count(',')), (';', count(';')), ('\t', count('\t'))];
        // The first of equals, so that a single column reads as CSV.
        let best = separators.iter().fold(separators[0], |b, s| if s.1 > b.1 { *s } else { b });
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(best.0 as u8)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(unreadable)?;
            rows.push(record.iter().map(str::to_owned).collect());
        }
        Ok(TextTable { header, rows, sha256 })
    }

    fn parse_jsonl(text: &str) -> anyhow::Result<TextTable> {
        let mut header: Vec<String> = Vec::new();
        let mut objects = Vec::new();
        for (k, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let object: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(&quote_non_numbers(line)).with_context(|| {
                    format!(
                        "line {} is not a JSON object\nhint: every line is one object, such as {{\"params\": 1e8, \"tokens\": 2e9, \"loss\": 3.1}}",
                        k + 1
                    )
                })?;
            for key in object.keys() {
                if !header.contains(key) {
                    header.push(key.clone());
                }
            }
            objects.push(object);
        }
        let cell = |value: Option<&serde_json::Value>| match value {
            None | Some(serde_json::Value::Null) => String::new(),
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let rows = objects.iter().map(|o| header.iter().map(|h| cell(o.get(h))).collect());
        Ok(TextTable { rows: rows.collect(), header, sha256: sha256(text.as_bytes()) })
    }

    /// Index of a column.
    pub fn column(&self, name: &str, flag: &str) -> anyhow::Result<usize> {
        match self.find(name)? {
            Some(at) => Ok(at),
            None => bail!(
                "there is no column `{name}` for {flag}\nhint: the columns are {}",
                self.header.join(", ")
            ),
        }
    }

    /// Index of a column, if it is there. Two columns of one name are an error where the name is needed.
    pub fn find(&self, name: &str) -> anyhow::Result<Option<usize>> {
        let mut found = self.header.iter().enumerate().filter(|(_, h)| *h == name).map(|(i, _)| i);
        match (found.next(), found.next()) {
            (Some(first), Some(second)) => bail!(
                "columns {} and {} are both named `{name}`\nhint: rename one of them",
                first + 1,
                second + 1
            ),
            (first, _) => Ok(first),
        }
    }
}

/// A row of CSV that cannot be read, in words.
fn unreadable(error: csv::Error) -> anyhow::Error {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or_else(String::new, |p| format!("line {} ", p.line()));
            anyhow::anyhow!(
                "{line}has {len} cells, and the header has {expected_len}\nhint: every row has as many cells as the header; quote cells that hold the separator"
            )
        }
        _ => anyhow::anyhow!("{error}\nhint: save the table as CSV in UTF-8"),
    }
}

/// Python writes NaN and Infinity as bare words, which JSON does not know: in quotes they are cells that are no numbers.
fn quote_non_numbers(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let (mut inside, mut rest) = (false, line);
    while let Some(c) = rest.chars().next() {
        let word =
            ["NaN", "-Infinity", "Infinity"].iter().find(|w| !inside && rest.starts_with(**w));
        if let Some(word) = word {
            out += &format!("\"{word}\"");
            rest = &rest[word.len()..];
            continue;
        }
        let escaped = inside && c == '\\';
        inside ^= c == '"';
        let next = if escaped {
            rest.char_indices().nth(2).map_or(rest.len(), |n| n.0)
        } else {
            c.len_utf8()
        };
        out += &rest[..next];
        rest = &rest[next..];
    }
    out
}

fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| {
        format!("cannot read {}\nhint: give the path of a table", path.display())
    })?;
    decoded(bytes).with_context(|| format!("cannot read {}", path.display()))
}

fn decoded(bytes: Vec<u8>) -> anyhow::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to() + 1;
        anyhow::anyhow!("it is not UTF-8 text (byte {at})\nhint: save the table as UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_quotes_and_byte_order_marks_are_understood() {
        let table = TextTable::parse_csv("\u{feff}run;loss\n\"a;b\"; 3.5 \n").unwrap();
        assert_eq!(table.header, ["run", "loss"]);
        assert_eq!(table.rows, [["a;b", "3.5"]]);
        assert_eq!(TextTable::parse_csv("a\tb\n1\t2\n").unwrap().rows, [["1", "2"]]);
    }

    #[test]
    fn ragged_and_empty_files_are_errors() {
        for empty in ["", "\n\n", "# only a comment\n"] {
            let error = TextTable::parse_csv(empty).unwrap_err().to_string();
            assert!(error.contains("no header") && error.contains("hint: "), "{error}");
        }
        let error = TextTable::parse_csv("a,b\n1,2\n1\n").unwrap_err().to_string();
        assert!(error.contains("line 3 has 1 cells, and the header has 2\nhint: "), "{error}");
        let commented = TextTable::parse_csv("\n# by hand\na,b\n1,2\n").unwrap();
        assert_eq!(commented.header, ["a", "b"]);
        let twice = TextTable::parse_csv("loss,n,loss\n1,2,3\n").unwrap();
        let error = twice.column("loss", "--loss").unwrap_err().to_string();
        assert!(error.contains("columns 1 and 3 are both named `loss`\nhint: "), "{error}");
        assert_eq!(twice.find("n").unwrap(), Some(1));
        let error = TextTable::parse_csv("a,b\n1,2\n").unwrap().column("loss", "--loss");
        assert!(error.unwrap_err().to_string().contains("the columns are a, b"));
    }

    #[test]
    fn text_that_is_not_utf_8_is_an_error_that_says_so() {
        for bytes in [&b"run,loss\nm\xfcller,3\n"[..], b"\xff\xfer\0u\0n\0"] {
            let error = decoded(bytes.to_vec()).unwrap_err().to_string();
            assert!(error.contains("save the table as UTF-8"), "{error}");
        }
    }

    #[test]
    fn json_lines_keep_order_and_digits() {
        let text = "{\"run\":\"x\",\"loss\":3.1234567890123457}\n\n{\"loss\":null,\"n\":12}\n";
        let table = TextTable::parse_jsonl(text).unwrap();
        let mut header = table.header.clone();
        header.sort();
        assert_eq!(header, ["loss", "n", "run"]);
        let loss = table.find("loss").unwrap().unwrap();
        assert_eq!(table.rows[0][loss], "3.1234567890123457");
        assert_eq!(table.rows[1][loss], "");
        assert!(TextTable::parse_jsonl("3\n").unwrap_err().to_string().contains("\nhint: "));
        let python = "{\"run\": \"a NaN \\\" b\", \"loss\": NaN, \"n\": -Infinity}\n";
        let table = TextTable::parse_jsonl(python).unwrap();
        let cell = |name: &str| table.rows[0][table.find(name).unwrap().unwrap()].as_str();
        assert_eq!((cell("run"), cell("loss"), cell("n")), ("a NaN \" b", "NaN", "-Infinity"));
    }
}
