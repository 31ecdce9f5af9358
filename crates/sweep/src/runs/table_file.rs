//! Tables as text, cell by cell. Every row that cannot be read is an error that names it.

use std::path::Path;

use anyhow::{Context, bail};

use super::{clip, csv_table, json_table, ledger_table, packed};

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
    /// Reads a CSV file, or JSON in one of its forms, whichever the file holds; and what is to be said about it.
    pub fn read(path: &Path, as_json: bool) -> anyhow::Result<(TextTable, Option<String>)> {
        let text = packed::read(path)?;
        let start = text.trim_start_matches('\u{feff}').trim_start();
        let is_json = as_json || start.starts_with(['[', '{']);
        let table = match is_json {
            true if !start.starts_with(['[', '{']) && !start.is_empty() => Err(anyhow::anyhow!(
                "line 1 is not a JSON object\nhint: read a table with a header line by --csv"
            )),
            true => json_table::parse(&text),
            false => csv_table::parse(&text),
        };
        let table = table.with_context(|| format!("cannot use {}", path.display()))?;
        Ok(ledger_table::with_usual_columns(table))
    }

    /// Index of a column.
    pub fn column(&self, name: &str, flag: &str) -> anyhow::Result<usize> {
        match self.find(name)? {
            Some(at) => Ok(at),
            None => bail!(
                "there is no column `{}` for {flag}\nhint: the columns are {}",
                clip(name, 60),
                self.columns()
            ),
        }
    }

    /// The names of the columns, as many as one reads.
    pub fn columns(&self) -> String {
        let mut out = String::new();
        for (k, name) in self.header.iter().enumerate() {
            if out.len() > 300 {
                return out + &format!(" and {} more", self.header.len() - k);
            }
            out += if k > 0 { ", " } else { "" };
            out += &clip(name, 60);
        }
        out
    }

    /// Index of a column, if it is there. Two columns of one name are an error where the name is needed.
    pub fn find(&self, name: &str) -> anyhow::Result<Option<usize>> {
        let mut found = self.header.iter().enumerate().filter(|(_, h)| *h == name).map(|(i, _)| i);
        match (found.next(), found.next()) {
            (Some(first), Some(second)) => bail!(
                "columns {} and {} are both named `{}`\nhint: rename one of them",
                first + 1,
                second + 1,
                clip(name, 60)
            ),
            (first, _) => Ok(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_and_long_lists_are_cut() {
        let twice = csv_table::parse("loss,n,loss\n1,2,3\n").unwrap();
        let error = twice.column("loss", "--loss").unwrap_err().to_string();
        assert!(error.contains("columns 1 and 3 are both named `loss`\nhint: "), "{error}");
        assert_eq!(twice.find("n").unwrap(), Some(1));
        let error = csv_table::parse("a,b\n1,2\n").unwrap().column("loss", "--loss");
        assert!(error.unwrap_err().to_string().contains("the columns are a, b"));
        let wide: Vec<String> = (0..5000).map(|k| format!("metric-{k}")).collect();
        let table = TextTable { header: wide, rows: Vec::new(), sha256: String::new() };
        let error = table.column("loss", "--loss").unwrap_err().to_string();
        assert!(error.len() < 500 && error.ends_with(" more"), "{error}");
    }
}
