//! Tables: aligned text for a terminal, Markdown, and HTML.
//!
//! ```
//! use isoflop_report::table::{Align, Table, Width};
//!
//! let mut table = Table::new("Slices", [("budget", Align::Right), ("N*", Align::Right)]);
//! table.row(["1e15", "1.2M"]);
//! assert!(table.to_text(Width::ANY).contains("  1e15  1.2M"));
//! ```

mod print;
mod sheet;
mod strip;

pub use isoflop_text::{Align, Width};
use isoflop_text::{fitted, wrapped};
use unicode_width::UnicodeWidthStr;

use crate::chart::{Rich, escape};

pub use sheet::Sheet;
pub use strip::Strip;

/// What a row is to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    #[default]
    Plain,
    /// The one that counts.
    Strong,
    /// Something is wrong with it.
    Alert,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Heading; empty for none.
    pub title: Rich,
    /// Heads and alignments.
    pub columns: Vec<(Rich, Align)>,
    /// Tone and cells of each row. Missing cells are empty; cells beyond the columns are not shown.
    pub rows: Vec<(Tone, Vec<Rich>)>,
    /// Small print.
    pub notes: Vec<Rich>,
    /// For a table that the page sorts and saves.
    pub sheet: Option<Sheet>,
    /// Its numbers as dots.
    pub strip: Option<Strip>,
}

impl Table {
    /// A table without rows.
    pub fn new<H: Into<Rich>>(
        title: impl Into<Rich>,
        columns: impl IntoIterator<Item = (H, Align)>,
    ) -> Self {
        let columns = columns.into_iter().map(|(head, align)| (head.into(), align)).collect();
        Self {
            title: title.into(),
            columns,
            rows: Vec::new(),
            notes: Vec::new(),
            sheet: None,
            strip: None,
        }
    }

    /// Appends a plain row.
    pub fn row<C: Into<Rich>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.toned(Tone::Plain, cells);
    }

    /// Appends a row.
    pub fn toned<C: Into<Rich>>(&mut self, tone: Tone, cells: impl IntoIterator<Item = C>) {
        self.rows.push((tone, cells.into_iter().map(Into::into).collect()));
    }

    /// Columns padded with spaces to the width that a terminal shows, two apart, indented by two. What does not fit into `width`
    /// stands below, beside the first column again.
    pub fn to_text(&self, width: Width) -> String {
        const MARGIN: usize = 2;
        let clean = |rich: &Rich| {
            let text = rich.to_text();
            text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>()
        };
        let heads = self.columns.iter().map(|(head, _)| clean(head)).collect();
        let body = self.rows.iter().map(|(_, cells)| cells.iter().map(clean).collect());
        let aligns: Vec<Align> = self.columns.iter().map(|(_, align)| *align).collect();
        let rows: Vec<Vec<String>> = std::iter::once(heads).chain(body).collect();
        let mut out = String::new();
        if !self.title.is_empty() {
            out.push_str(&wrapped(&clean(&self.title), "", "  ", width));
        }
        for (k, part) in fitted(&aligns, &rows, 1, MARGIN, width).into_iter().enumerate() {
            if k > 0 {
                out.push('\n');
            }
            let wide = part.iter().flatten().map(|line| line.width()).max().unwrap_or(0);
            for (i, lines) in part.iter().enumerate() {
                let mark = match i.checked_sub(1).map(|row| self.rows[row].0) {
                    None | Some(Tone::Plain) => "  ",
                    Some(Tone::Strong) => "→ ",
                    Some(Tone::Alert) => "! ",
                };
                for (k, line) in lines.iter().enumerate() {
                    let mark = if k == 0 { mark } else { "  " };
                    out.push_str(&format!("{}\n", format!("{mark}{line}").trim_end()));
                }
                if i == 0 {
                    out.push_str(&format!("  {}\n", "─".repeat(wide)));
                }
            }
        }
        for note in &self.notes {
            out.push_str(&wrapped(&clean(note), "  ", "  ", width));
        }
        out
    }

    /// A Markdown table, cells escaped.
    pub fn to_markdown(&self) -> String {
        let mut out = String::new();
        if !self.title.is_empty() {
            out.push_str(&format!("**{}**\n\n", self.title.to_markdown()));
        }
        let heads: Vec<String> = self.columns.iter().map(|(head, _)| head.to_markdown()).collect();
        let rule: Vec<&str> = self
            .columns
            .iter()
            .map(|(_, a)| if *a == Align::Left { ":--" } else { "--:" })
            .collect();
        out.push_str(&format!("| {} |\n| {} |\n", heads.join(" | "), rule.join(" | ")));
        for (tone, cells) in &self.rows {
            let cells: Vec<String> = (0..self.columns.len())
                .map(|i| {
                    let text = cells.get(i).map(Rich::to_markdown).unwrap_or_default();
                    if *tone == Tone::Strong && !text.is_empty() {
                        format!("**{text}**")
                    } else {
                        text
                    }
                })
                .collect();
            out.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        for note in &self.notes {
            out.push_str(&format!("\n{}\n", note.to_markdown()));
        }
        out
    }

    /// An HTML table, cells escaped.
    pub fn to_html(&self) -> String {
        let kinds: Vec<&str> = (0..self.columns.len()).map(|i| self.kind(i)).collect();
        let (length, fit) = (self.length(), self.fit());
        let file = self.sheet.as_ref().map(|sheet| escape(&sheet.file));
        let file = file.map_or_else(String::new, |file| format!(" data-csv=\"{file}\""));
        let mut out = format!("<div{length}><div class=\"scroll\"><table{fit}{file}>\n");
        if !self.title.is_empty() {
            out.push_str(&format!("<caption>{}</caption>\n", self.title.to_html()));
        }
        out.push_str("<thead><tr>");
        let strip = self.strip.as_ref().and_then(Strip::drawn);
        let strip_at = |column: usize| strip.as_ref().filter(|strip| strip.before() == column);
        for (i, ((head, _), kind)) in self.columns.iter().zip(&kinds).enumerate() {
            out.extend(strip_at(i).map(|strip| strip.head()));
            out.push_str(&format!("<th scope=\"col\"{kind}>{}</th>", head.to_html()));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for (row, (tone, cells)) in self.rows.iter().enumerate() {
            out.push_str(match tone {
                Tone::Plain => "<tr>",
                Tone::Strong => "<tr class=\"strong\">",
                Tone::Alert => "<tr class=\"alert\">",
            });
            for (i, kind) in kinds.iter().enumerate() {
                out.extend(strip_at(i).map(|strip| strip.cell(row)));
                let text = cells.get(i).map(Rich::to_html).unwrap_or_default();
                let value = self.sheet.as_ref().map(|sheet| sheet.attribute(row, i, &text));
                let value = value.unwrap_or_default();
                out.push_str(&format!("<td{kind}{value}>{text}</td>"));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div>\n");
        for note in &self.notes {
            out.push_str(&format!("<p class=\"note\">{}</p>\n", note.to_html()));
        }
        out.push_str("</div>\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("Slices", [("budget", Align::Left), ("N*", Align::Right)]);
        table.row([Rich::markup("10^{15}"), "1.2M [0.9M, 1.6M]".into()]);
        table.toned(Tone::Alert, ["日本 <b>|", "—"]);
        table.toned(Tone::Strong, ["plain"]);
        table.notes.push("95% intervals.".into());
        table
    }

    #[test]
    fn columns_line_up_whatever_the_characters_are() {
        assert_eq!(
            table().to_text(Width::ANY),
            "\
Slices
  budget                    N*
  ────────────────────────────
  10¹⁵       1.2M [0.9M, 1.6M]
! 日本 <b>|                  —
→ plain
  95% intervals.
"
        );
    }

    #[test]
    fn markdown_and_html_are_escaped() {
        assert_eq!(
            table().to_markdown(),
            "\
**Slices**

| budget | N\\* |
| :-- | --: |
| 10<sup>15</sup> | 1.2M \\[0.9M, 1.6M\\] |
| 日本 &lt;b&gt;\\| | — |
| **plain** |  |

95% intervals.
"
        );
        let html = table().to_html();
        assert!(
            html.contains(
                "<tr class=\"alert\"><td class=\"w\">日本 &lt;b&gt;|</td><td class=\"n\">—</td></tr>"
            ),
            "{html}"
        );
    }
}
