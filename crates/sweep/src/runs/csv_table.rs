//! CSV with comma, semicolon or tab, also behind `sep=` lines and comments.

use anyhow::bail;
use isoflop::registration::sha256;

use super::clip;
use super::table_file::TextTable;

const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// A table with a header; the separator is that of a `sep=` line, else whichever the header has most of.
pub fn parse(text: &str) -> anyhow::Result<TextTable> {
    let sha256 = sha256(text.as_bytes());
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
    if first.trim().is_empty() {
        bail!("it has no header\nhint: the first line names the columns");
    }
    // The first of equals, so that a single column reads as CSV.
    let most = |line: &str| {
        let count = |c: char| line.matches(c).count();
        SEPARATORS.into_iter().fold(',', |b, s| if count(s) > count(b) { s } else { b })
    };
    let separator = asked.unwrap_or_else(|| most(first));
    let behind_hash = comment.filter(|comment| are_rows(first, comment, separator));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator as u8)
        .trim(csv::Trim::All)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        rows.push(record.iter().map(str::to_owned).collect());
    }
    let header = match behind_hash {
        Some(header) => header.split(separator).map(|name| name.trim().to_owned()).collect(),
        None => rows.remove(0),
    };
    Ok(TextTable { header, rows, sha256 })
}

/// The separator that a line `sep=;` names, as Excel writes, and the text below.
fn separator_line(text: &str) -> anyhow::Result<(Option<char>, &str)> {
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
        _ => bail!(
            "its first line names no separator: `{}`\nhint: sep=, or sep=; or leave the line out",
            clip(line, 40)
        ),
    }
}

/// Whether the first line is one of numbers, and the comment above it names its columns.
fn are_rows(first: &str, comment: &str, separator: char) -> bool {
    let cells = |line: &str| -> Vec<String> {
        line.split(separator).map(|cell| cell.trim().to_owned()).collect()
    };
    let numbers = |cells: &[String]| cells.iter().filter(|c| c.parse::<f64>().is_ok()).count();
    let (row, names) = (cells(first), cells(comment));
    row.len() == names.len() && names.len() > 1 && numbers(&row) > 1 && numbers(&names) == 0
}

/// A row that cannot be read, in words.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_quotes_and_byte_order_marks_are_understood() {
        let table = parse("\u{feff}run;loss\n\"a;b\"; 3.5 \n").unwrap();
        assert_eq!(table.header, ["run", "loss"]);
        assert_eq!(table.rows, [["a;b", "3.5"]]);
        assert_eq!(parse("a\tb\n1\t2\n").unwrap().rows, [["1", "2"]]);
        for line in ["sep=;\r\n", "\"sep=;\"\n", "\u{feff}sep=;\n"] {
            let table = parse(&format!("{line}a,x;b\n1;2\n")).unwrap();
            assert_eq!((&table.header[0][..], &table.rows[0][1][..]), ("a,x", "2"), "{line}");
        }
        let error = parse("sep=ab\na,b\n").unwrap_err().to_string();
        assert!(error.contains("`sep=ab`\nhint: "), "{error}");
    }

    #[test]
    fn a_header_behind_a_hash_is_one() {
        let table = parse("# by hand\n# run, loss, n\na,2,3\nb,3,4\n").unwrap();
        assert_eq!(table.header, ["run", "loss", "n"]);
        assert_eq!(table.rows.len(), 2);
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
