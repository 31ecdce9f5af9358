//! A document as text for a terminal, and as Markdown.

use unicode_width::UnicodeWidthStr;

use super::{Block, Document};
use crate::chart::Rich;

/// Width of paragraphs in a terminal. Tables are as wide as they need to be.
const COLUMNS: usize = 100;

impl Document {
    /// Text for a terminal: headline, numbers, tables, warnings. Figures and folded sections are
    /// left to the page.
    pub fn to_text(&self) -> String {
        let clean = |rich: &Rich| rich.to_text().replace(|c: char| c.is_control(), " ");
        let mut out = format!("{}\n", clean(&self.title));
        if !self.headline.is_empty() {
            out.push_str(&wrapped(&clean(&self.headline), "", ""));
        }
        if !self.cards.is_empty() {
            out.push('\n');
        }
        let wide = self.cards.iter().map(|c| clean(&c.label).chars().count()).max().unwrap_or(0);
        for card in &self.cards {
            let label = clean(&card.label);
            let pad = " ".repeat(wide - label.chars().count());
            let interval =
                card.interval.as_ref().map(|i| format!(" {}", clean(i))).unwrap_or_default();
            let note = card.note.as_ref().map(|n| format!("  ({})", clean(n))).unwrap_or_default();
            out.push_str(&format!("  {label}{pad}  {}{interval}{note}\n", clean(&card.value)));
        }
        for section in self.sections.iter().filter(|s| !s.folded) {
            let mut body = String::new();
            for block in &section.blocks {
                match block {
                    Block::Figures(_) => {}
                    Block::Text(text) => {
                        body.push('\n');
                        body.push_str(&wrapped(&clean(text), "", ""));
                    }
                    Block::Table(table) => body.push_str(&format!("\n{}", table.to_text())),
                    Block::Facts(facts) => {
                        body.push('\n');
                        let wide =
                            facts.iter().map(|(k, _)| clean(k).chars().count()).max().unwrap_or(0);
                        for (name, value) in facts {
                            let name = clean(name);
                            let pad = " ".repeat(wide - name.chars().count());
                            body.push_str(&format!("  {name}{pad}  {}\n", clean(value)));
                        }
                    }
                    Block::Code(code) => {
                        body.push('\n');
                        code.lines().for_each(|line| body.push_str(&format!("    {line}\n")));
                    }
                }
            }
            out.push_str(&body);
        }
        if !self.notices.is_empty() {
            out.push_str(&format!("\nWarnings ({})\n", self.notices.len()));
            for notice in &self.notices {
                out.push_str(&wrapped(&clean(&notice.text), "  ! ", "    "));
                if !notice.advice.is_empty() {
                    out.push_str(&wrapped(&clean(&notice.advice), "    → ", "      "));
                }
            }
        }
        out
    }

    /// Markdown. `image` gives the address of a figure by its id, or `None` to leave it out.
    pub fn to_markdown(&self, image: impl Fn(&str) -> Option<String>) -> String {
        let mut out = format!("# {}\n\n", self.title.to_markdown());
        if !self.headline.is_empty() {
            out.push_str(&format!("{}\n\n", self.headline.to_markdown()));
        }
        for card in &self.cards {
            let interval =
                card.interval.as_ref().map(|i| format!(" {}", i.to_markdown())).unwrap_or_default();
            let note =
                card.note.as_ref().map(|n| format!(" ({})", n.to_markdown())).unwrap_or_default();
            out.push_str(&format!(
                "- {}: **{}**{interval}{note}\n",
                card.label.to_markdown(),
                card.value.to_markdown()
            ));
        }
        if !self.notices.is_empty() {
            out.push_str("\n## Warnings\n\n");
            for notice in &self.notices {
                out.push_str(&format!(
                    "- {} *{}*\n",
                    notice.text.to_markdown(),
                    notice.advice.to_markdown()
                ));
            }
        }
        for section in &self.sections {
            out.push_str(&format!("\n## {}\n\n", section.title.to_markdown()));
            if let Some(lead) = &section.lead {
                out.push_str(&format!("{}\n\n", lead.to_markdown()));
            }
            for block in &section.blocks {
                match block {
                    Block::Figures(figures) => {
                        for figure in figures {
                            if let Some(address) = image(&figure.id) {
                                out.push_str(&format!(
                                    "![{}]({address})\n\n",
                                    figure.title.to_markdown()
                                ));
                            }
                        }
                    }
                    Block::Text(text) => out.push_str(&format!("{}\n\n", text.to_markdown())),
                    Block::Table(table) => out.push_str(&format!("{}\n", table.to_markdown())),
                    Block::Facts(facts) => {
                        for (name, value) in facts {
                            out.push_str(&format!(
                                "- {}: {}\n",
                                name.to_markdown(),
                                value.to_markdown()
                            ));
                        }
                        out.push('\n');
                    }
                    Block::Code(code) => {
                        code.lines().for_each(|line| out.push_str(&format!("    {line}\n")));
                        out.push('\n');
                    }
                }
            }
        }
        out
    }
}

/// Breaks a paragraph at spaces; `first` and `next` stand before its lines.
pub(crate) fn wrapped(text: &str, first: &str, next: &str) -> String {
    let mut out = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        if !empty && line.width() + 1 + word.width() > COLUMNS {
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
    out.push_str(&format!("{line}\n"));
    out
}
