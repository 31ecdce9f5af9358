//! Tables on paper, which does not scroll: the type is set so small that every column is on the sheet.

use super::{Align, Table};
use crate::chart::{Rich, Span, Weight, rich_width};

/// Width of A4 within the page's margins, in em of the print style's tables (718 pixels of 11), less what rounding takes.
const PAPER: f64 = 64.0;
/// Width of a strip of dots in print with the space beside it, em.
const STRIP: f64 = 13.8;
/// Space between columns in print, em.
const GAP: f64 = 0.8;
/// Smallest type, as a share of the usual: 6.6 pixels, 5 points. Beyond, cells are broken.
const SMALLEST: f64 = 0.6;
/// A column of words whose cells have at most so many characters is not broken.
const SHORT: usize = 24;
/// Width that a column of longer words gets, em.
const WORDS: f64 = 13.0;
/// Tables of up to so many rows are not divided between sheets.
const ROWS: usize = 16;

impl Table {
    /// The class of the table's box: short tables are not divided.
    pub(super) fn length(&self) -> &'static str {
        if self.rows.len() <= ROWS { " class=\"short\"" } else { "" }
    }

    /// Attributes that make the table as narrow as a sheet.
    pub(super) fn fit(&self) -> String {
        let strip = if self.strip.is_some() { STRIP } else { 0.0 };
        let columns = (0..self.columns.len()).map(|i| self.needed(i) + GAP);
        let fit = PAPER / (strip + columns.sum::<f64>());
        match fit {
            fit if fit < SMALLEST => format!(" class=\"broken\" style=\"--fit:{SMALLEST}\""),
            fit if fit < 1.0 => format!(" style=\"--fit:{:.3}\"", fit - 0.0005),
            _ => String::new(),
        }
    }

    /// The class of a column's cells: numbers, whole words, or text that may be broken.
    pub(super) fn kind(&self, column: usize) -> &'static str {
        match self.columns[column].1 {
            Align::Right => " class=\"n\"",
            Align::Left if self.whole(column) => " class=\"w\"",
            Align::Left => "",
        }
    }

    fn whole(&self, column: usize) -> bool {
        let length = |cell: &Rich| cell.0.iter().map(|s| s.text.chars().count()).sum::<usize>();
        self.cells(column).all(|cell| length(cell) <= SHORT)
    }

    fn cells(&self, column: usize) -> impl Iterator<Item = &Rich> {
        self.rows.iter().filter_map(move |(_, cells)| cells.get(column))
    }

    /// Width that a column needs, em: heads are broken at spaces, cells only where they are long texts.
    fn needed(&self, column: usize) -> f64 {
        let (head, align) = &self.columns[column];
        let widest = |texts: &mut dyn Iterator<Item = Rich>| {
            texts.map(|t| rich_width(&t, 1.0, Weight::SemiBold)).fold(0.0, f64::max)
        };
        let head = widest(&mut words(head));
        let cells = widest(&mut self.cells(column).map(tabular));
        let body = match align {
            Align::Left if !self.whole(column) => {
                let word = widest(&mut self.cells(column).flat_map(words));
                cells.min(WORDS).max(word)
            }
            _ => cells,
        };
        head.max(body)
    }
}

/// The text with digits as wide as they are in columns of numbers.
fn tabular(text: &Rich) -> Rich {
    let digits = |c: char| if c.is_ascii_digit() { '0' } else { c };
    let spans = text.0.iter();
    Rich(spans.map(|s| Span { text: s.text.chars().map(digits).collect(), ..s.clone() }).collect())
}

fn words(text: &Rich) -> impl Iterator<Item = Rich> + use<> {
    let text = text.to_text();
    text.split_whitespace().map(Rich::plain).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(columns: usize, cell: &str) -> String {
        let mut table = Table::new("", (0..columns).map(|_| ("head", Align::Right)));
        table.row((0..columns).map(|_| cell));
        table.to_html()
    }

    #[test]
    fn wide_tables_are_set_in_smaller_type() {
        assert!(of(4, "1.20 [1.10, 1.30]").contains("<table>"));
        let html = of(8, "1.20 [1.10, 1.30]");
        let fit = html.split_once("--fit:").unwrap().1.split_once('"').unwrap().0;
        // 17 characters of which nine are digits, about 9 em, eight times.
        assert!((0.7..0.95).contains(&fit.parse::<f64>().unwrap()), "{fit}");
        assert!(of(20, "1.20 [1.10, 1.30]").contains("class=\"broken\""));
    }

    #[test]
    fn long_texts_are_broken_and_short_ones_are_not() {
        let mut table = Table::new("", [("a", Align::Left), ("b", Align::Left)]);
        table.row(["short words", "a text that is longer than any name of a thing in a table"]);
        let html = table.to_html();
        assert!(html.contains("<td class=\"w\">short words</td><td>a text"), "{html}");
    }
}
