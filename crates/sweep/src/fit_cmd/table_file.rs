//! CSV and JSONL tables, cell by cell. Every row that cannot be read is an error that names it.

use std::path::Path;

use anyhow::{Context, bail};

/// A table as text: a header and rows of equal length. An empty cell is a missing value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTable {
    /// Column names.
    pub header: Vec<String>,
    /// Cells.
    pub rows: Vec<Vec<String>>,
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
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let first = text.lines().next().unwrap_or_default();
        if first.trim().is_empty() {
            bail!("it is empty\nhint: the first line names the columns");
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
            let record = record.context("hint: every row has as many cells as the header")?;
            rows.push(record.iter().map(str::to_owned).collect());
        }
        Ok(TextTable { header, rows })
    }

    fn parse_jsonl(text: &str) -> anyhow::Result<TextTable> {
        let mut header: Vec<String> = Vec::new();
        let mut objects = Vec::new();
        for (k, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line)
                .with_context(|| format!("line {} is not a JSON object", k + 1))?;
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
        Ok(TextTable { rows: rows.collect(), header })
    }

    /// Index of a column.
    pub fn column(&self, name: &str, flag: &str) -> anyhow::Result<usize> {
        match self.find(name) {
            Some(at) => Ok(at),
            None => bail!(
                "there is no column `{name}` for {flag}\nhint: the columns are {}",
                self.header.join(", ")
            ),
        }
    }

    /// Index of a column, if it is there.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|h| h == name)
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {}\nhint: give the path of a table", path.display()))
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
        assert!(TextTable::parse_csv("").unwrap_err().to_string().contains("empty"));
        assert!(TextTable::parse_csv("a,b\n1\n").is_err());
        let error = TextTable::parse_csv("a,b\n1,2\n").unwrap().column("loss", "--loss");
        assert!(error.unwrap_err().to_string().contains("the columns are a, b"));
    }

    #[test]
    fn json_lines_keep_order_and_digits() {
        let text = "{\"run\":\"x\",\"loss\":3.1234567890123457}\n\n{\"loss\":null,\"n\":12}\n";
        let table = TextTable::parse_jsonl(text).unwrap();
        let mut header = table.header.clone();
        header.sort();
        assert_eq!(header, ["loss", "n", "run"]);
        let loss = table.find("loss").unwrap();
        assert_eq!(table.rows[0][loss], "3.1234567890123457");
        assert_eq!(table.rows[1][loss], "");
        assert!(TextTable::parse_jsonl("3\n").is_err());
    }
}
