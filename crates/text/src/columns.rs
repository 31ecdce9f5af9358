//! Columns and paragraphs for a terminal.

use unicode_width::UnicodeWidthStr;

use crate::width::Width;

/// Side to which a column's cells are pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// For text.
    Left,
    /// For numbers.
    Right,
}

/// A line per row: cells padded to the width that a terminal shows, two spaces apart, none at the end.
/// Missing cells are empty; cells beyond the columns are not shown.
pub fn columns(aligns: &[Align], rows: &[Vec<String>]) -> Vec<String> {
    let cell = |row: &'_ [String], i: usize| row.get(i).map_or(0, |cell| cell.width());
    let widths: Vec<usize> =
        (0..aligns.len()).map(|i| rows.iter().map(|row| cell(row, i)).max().unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = aligns.iter().zip(&widths).enumerate().map(|(i, (align, width))| {
            let text = row.get(i).map_or("", String::as_str);
            let pad = " ".repeat(width - text.width());
            match align {
                Align::Left => format!("{text}{pad}"),
                Align::Right => format!("{pad}{text}"),
            }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Names beside values, values wrapped under their first word.
pub fn facts(indent: &str, rows: &[(String, String)], width: Width) -> String {
    let wide = rows.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    let next = " ".repeat(indent.width() + wide + 2);
    let line = |(name, value): &(String, String)| {
        let pad = " ".repeat(wide - name.width());
        wrapped(value, &format!("{indent}{name}{pad}  "), &next, width)
    };
    rows.iter().map(line).collect()
}

/// `text` with line breaks; `first` stands before the first line, `next` before the others.
pub fn wrapped(text: &str, first: &str, next: &str, width: Width) -> String {
    wrapped_at(text, first, next, width.of_paragraphs())
}

/// Lines that are longer than the terminal is wide go on below, farther in.
pub fn within(text: &str, width: Width) -> String {
    let line = |line: &str| {
        if line.width() <= width.columns() {
            return format!("{line}\n");
        }
        let indent = " ".repeat(line.len() - line.trim_start().len());
        wrapped_at(line.trim_start(), &indent, &format!("{indent}    "), width.columns())
    };
    text.lines().map(line).collect()
}

/// [`wrapped`] at so many columns.
pub(crate) fn wrapped_at(text: &str, first: &str, next: &str, columns: usize) -> String {
    let mut out = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        if !empty && line.width() + 1 + word.width() > columns {
            out.push_str(&format!("{line}\n"));
            line = next.to_owned();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(&format!("{}\n", line.trim_end()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_characters_are() {
        let rows = [vec!["budget", "N*"], vec!["日本", "1.2M", "beyond"], vec!["plain"]]
            .map(|row| row.into_iter().map(String::from).collect::<Vec<_>>());
        let lines = columns(&[Align::Left, Align::Right], &rows);
        assert_eq!(lines, ["budget    N*", "日本    1.2M", "plain"]);
    }

    #[test]
    fn values_stay_right_of_their_names() {
        let long = "word ".repeat(30);
        let rows = [("a".into(), long), ("name".into(), "x".into())];
        let text = facts("  ", &rows, Width::ANY);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("  a     word") && lines[1].starts_with("        word"));
        assert!(lines.iter().all(|line| line.width() <= 100));
        assert_eq!(lines[lines.len() - 1], "  name  x");
    }
}
