//! CSV with comma, semicolon, tab or bar, also behind `sep=` lines and comments.

use crate::cells::Cells;
use crate::error::TableError;
use crate::table_file::{TextTable, check_columns, check_rows};
use isoflop_text::clip;

const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];

/// A table with a header; the separator is that of a `sep=` line, else whichever the header has most of.
pub fn parse(text: &str) -> Result<TextTable, TableError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (asked, text) = separator_line(text)?;
    // Blank lines and comments may stand above the header, which may be the last of them.
    let (mut start, mut comment) = (0, None);
    for line in text.split_inclusive('\n') {
        let behind = line.strip_prefix('#');
        if !(line.trim().is_empty() || behind.is_some()) {
            break;
        }
        comment = behind.map(str::trim).or(comment);
        start += line.len();
    }
    let text = &text[start..];
    let first = text.lines().next().unwrap_or_default();
    // The first of equals, so that a single column reads as CSV.
    let most = |line: &str| {
        let count = |c: char| line.matches(c).count();
        SEPARATORS.into_iter().fold(',', |b, s| if count(s) > count(b) { s } else { b })
    };
    let separator = asked.unwrap_or_else(|| most(first));
    let mut reader = reader(text, separator);
    let mut record = csv::StringRecord::new();
    if first.trim().is_empty() || !reader.read_record(&mut record).map_err(unreadable)? {
        return Err(TableError::format("it has no header", "the first line names the columns"));
    }
    check_columns(record.len())?;
    let mut cells = Cells::default();
    let header = match comment.and_then(|comment| names_above(&record, comment, separator)) {
        Some(names) => {
            push(&mut cells, &record);
            names
        }
        None => record.iter().map(str::to_owned).collect(),
    };
    while reader.read_record(&mut record).map_err(unreadable)? {
        check_rows(cells.len() + 1)?;
        push(&mut cells, &record);
    }
    Ok(TextTable { header, cells })
}

fn reader(text: &str, separator: char) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(separator as u8)
        .trim(csv::Trim::All)
        .has_headers(false)
        .from_reader(text.as_bytes())
}

fn push(cells: &mut Cells, record: &csv::StringRecord) {
    record.iter().enumerate().for_each(|(column, cell)| cells.push(column, cell));
    cells.end_row();
}

/// The separator that a line `sep=;` names, as Excel writes, and the text below.
fn separator_line(text: &str) -> Result<(Option<char>, &str), TableError> {
    let line = text.lines().next().unwrap_or_default();
    let Some(named) = line.trim_matches('"').strip_prefix("sep=") else {
        return Ok((None, text));
    };
    let below = text.split_once('\n').map_or("", |(_, below)| below);
    let named = named.trim_matches('\r');
    match named.chars().next() {
        Some(c) if named.len() == 1 && (c.is_ascii_punctuation() || c == '\t' || c == ' ') => {
            Ok((Some(c), below))
        }
        _ => Err(TableError::format(
            format!("its first line names no separator: `{}`", clip(line, 40)),
            "sep=, or sep=; or leave the line out",
        )),
    }
}

/// The names of the columns in the comment above the first row, where that is one of numbers.
fn names_above(first: &csv::StringRecord, comment: &str, separator: char) -> Option<Vec<String>> {
    let mut names = csv::StringRecord::new();
    reader(comment, separator).read_record(&mut names).ok()?;
    let numbers =
        |cells: &csv::StringRecord| cells.iter().filter(|cell| cell.parse::<f64>().is_ok()).count();
    let above = names.len() == first.len() && names.len() > 1;
    (above && numbers(first) > 1 && numbers(&names) == 0)
        .then(|| names.iter().map(str::to_owned).collect())
}

/// A row that cannot be read, in words.
fn unreadable(error: csv::Error) -> TableError {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or_else(String::new, |p| format!("line {} ", p.line()));
            TableError::format(
                format!("{line}has {len} cells, and the header has {expected_len}"),
                "every row has as many cells as the header; quote cells that hold the separator",
            )
        }
        _ => TableError::format(error.to_string(), "save the table as CSV in UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_quotes_and_byte_order_marks_are_understood() {
        let table = parse("\u{feff}run;loss\n\"a;b\"; 3.5 \n").unwrap();
        assert_eq!(table.header, ["run", "loss"]);
        assert_eq!([0, 1].map(|at| table.cells.row(0).cell(at)), ["a;b", "3.5"]);
        let tabs = parse("a\tb\n1\t2\n").unwrap();
        assert_eq!([0, 1].map(|at| tabs.cells.row(0).cell(at)), ["1", "2"]);
        let bars = parse("| a | b |\n| 1 | 2 |\n").unwrap();
        assert_eq!([1, 2].map(|at| bars.cells.row(0).cell(at)), ["1", "2"]);
        for line in ["sep=;\r\n", "\"sep=;\"\n", "\u{feff}sep=;\n"] {
            let table = parse(&format!("{line}a,x;b\n1;2\n")).unwrap();
            assert_eq!((&table.header[0][..], table.cells.row(0).cell(1)), ("a,x", "2"), "{line}");
        }
        let error = parse("sep=ab\na,b\n").unwrap_err().to_string();
        assert!(error.contains("`sep=ab`\nhint: "), "{error}");
    }

    #[test]
    fn a_header_behind_a_hash_is_one() {
        let table = parse("# by hand\n# run, loss, n\na,2,3\nb,3,4\n").unwrap();
        assert_eq!(table.header, ["run", "loss", "n"]);
        assert_eq!(table.cells.len(), 2);
        // Separators in quotes are none.
        let quoted = parse("# run, a, b, loss\n\"x, y\",2,3\n").unwrap();
        assert_eq!((quoted.header.len(), quoted.cells.len()), (3, 0));
        let commented = parse("\n# by hand\na,b\n1,2\n").unwrap();
        assert_eq!(commented.header, ["a", "b"]);
    }

    #[test]
    fn ragged_and_empty_files_are_errors() {
        for empty in ["", "\n\n", "# only a comment\n", "sep=;\n"] {
            let error = parse(empty).unwrap_err().to_string();
            assert!(error.contains("no header") && error.contains("hint: "), "{error}");
        }
        let error = parse("a,b\n1,2\n1\n").unwrap_err().to_string();
        assert!(error.contains("line 3 has 1 cells, and the header has 2\nhint: "), "{error}");
    }
}
