//! Tables as text, cell by cell.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::cells::Cells;
use crate::error::TableError;
use crate::options::Form;
use isoflop_text::{clip, thousands};

use crate::{csv_table, json_table, ledger_table};

/// A table as text: a header and rows. An empty cell is a missing value.
#[derive(Debug, Clone)]
pub struct TextTable {
    /// Column names.
    pub header: Vec<String>,
    pub cells: Cells,
}

impl TextTable {
    /// CSV, or JSON in one of its forms, whichever the text holds; and what is to be said about it.
    pub fn parse(text: &str, form: Form) -> Result<(TextTable, Option<String>), TableError> {
        let start = text.trim_start_matches('\u{feff}').trim_start();
        let opens = start.starts_with(['[', '{']);
        let table = if form == Form::Json && !opens && !start.is_empty() {
            return Err(TableError::format(
                "line 1 is not a JSON object",
                "read a table with a header line by --csv",
            ));
        } else if form == Form::Json || opens {
            json_table::parse(text)?
        } else {
            csv_table::parse(text)?
        };
        Ok(ledger_table::with_usual_columns(table))
    }

    /// Index of a column.
    pub fn column(&self, name: &str, flag: &str) -> Result<usize, TableError> {
        self.find(name)?.ok_or_else(|| {
            TableError::column(
                format!("there is no column `{}` for {flag}", clip(name, 60)),
                format!("the columns are {}", self.columns()),
            )
        })
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

    /// Index of a column, if it is there; a name in small letters stands for the one column that is written otherwise. Two columns of one name are an error where the name is needed.
    pub fn find(&self, name: &str) -> Result<Option<usize>, TableError> {
        let mut found = self.header.iter().enumerate().filter(|(_, h)| *h == name).map(|(i, _)| i);
        match (found.next(), found.next()) {
            (Some(first), Some(second)) => Err(TableError::column(
                format!(
                    "columns {} and {} are both named `{}`",
                    first + 1,
                    second + 1,
                    clip(name, 60)
                ),
                "rename one of them",
            )),
            (None, _) => {
                let alike = |(i, h): (usize, &String)| (h.to_lowercase() == name).then_some(i);
                let mut found = self.header.iter().enumerate().filter_map(alike);
                let first = found.next();
                Ok(first.filter(|_| found.next().is_none()))
            }
            (first, _) => Ok(first),
        }
    }
}

/// No table has more columns, or more rows.
const MOST_COLUMNS: usize = 1 << 16;
const MOST_ROWS: usize = 10_000_000;

/// Refuses a header that is none.
pub fn check_columns(count: usize) -> Result<(), TableError> {
    match count > MOST_COLUMNS {
        false => Ok(()),
        true => Err(TableError::format(
            format!("it has more than {} columns", thousands(MOST_COLUMNS as u64)),
            "leave out the columns that no fit reads; is the first line the header?",
        )),
    }
}

/// Refuses what memory does not hold.
pub fn check_rows(count: usize) -> Result<(), TableError> {
    match count > MOST_ROWS {
        false => Ok(()),
        true => Err(TableError::format(
            format!("it has more than {} rows", thousands(MOST_ROWS as u64)),
            "leave out the rows that no fit reads, such as all but the last of each run",
        )),
    }
}

/// The bytes of a file, of standard input for `-`, or so many of them that it is seen to have more than `most`.
pub fn bytes_of(path: &Path, most: u64) -> Result<Vec<u8>, TableError> {
    let read = || {
        let mut bytes = Vec::new();
        let source: Box<dyn Read> = match path.to_str() {
            Some("-") => Box::new(std::io::stdin()),
            _ => Box::new(File::open(path)?),
        };
        source.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| TableError::Io { path: path.into(), source })
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
        let capitals = csv_table::parse("Loss,N,n,D,d\n1,2,3,4,5\n").unwrap();
        assert_eq!(
            ["loss", "n", "D", "LOSS"].map(|name| capitals.find(name).unwrap()),
            [Some(0), Some(2), Some(3), None]
        );
        let either = csv_table::parse("Loss,LOSS\n1,2\n").unwrap();
        assert_eq!(either.find("loss").unwrap(), None);
        let wide: Vec<String> = (0..5000).map(|k| format!("metric-{k}")).collect();
        let table = TextTable { header: wide, cells: Cells::default() };
        let error = table.column("loss", "--loss").unwrap_err().to_string();
        assert!(error.len() < 500 && error.ends_with(" more"), "{error}");
    }
}
