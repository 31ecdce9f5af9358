//! A document as text for a terminal, and as Markdown.

use isoflop_text::{Width, facts, wrapped};

use super::{Block, Card, Document};
use crate::chart::Rich;

impl Document {
    /// Text for a terminal: headline, numbers, tables, warnings. Figures and folded sections are
    /// left to the page.
    pub fn to_text(&self, width: Width) -> String {
        let mut out = format!("{}\n", clean(&self.title));
        if !self.headline.is_empty() {
            out.push_str(&wrapped(&clean(&self.headline), "", "", width));
        }
        if !self.cards.is_empty() {
            out.push('\n');
        }
        let cards = self.cards.iter().map(|card| {
            let note = card.note.as_ref().map(|n| format!("  ({})", clean(n))).unwrap_or_default();
            (clean(&card.label), number(card) + &note)
        });
        out.push_str(&facts("  ", &cards.collect::<Vec<_>>(), width));
        for section in self.sections.iter().filter(|s| !s.folded) {
            let mut body = String::new();
            for block in &section.blocks {
                match block {
                    Block::Figures(_) => {}
                    Block::Text(text) => {
                        body.push('\n');
                        body.push_str(&wrapped(&clean(text), "", "", width));
                    }
                    Block::Table(table) => body.push_str(&format!("\n{}", table.to_text(width))),
                    Block::Facts(rows) => {
                        let rows = rows.iter().map(|(name, value)| (clean(name), clean(value)));
                        body.push('\n');
                        body.push_str(&facts("  ", &rows.collect::<Vec<_>>(), width));
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
                out.push_str(&wrapped(&clean(&notice.text), "  ! ", "    ", width));
                if !notice.advice.is_empty() {
                    out.push_str(&wrapped(&clean(&notice.advice), "    → ", "      ", width));
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

/// Without what a terminal would obey.
pub(super) fn clean(rich: &Rich) -> String {
    rich.to_text().replace(|c: char| c.is_control(), " ")
}

/// The number of a card with its interval, or with what else stands beside it.
pub(super) fn number(card: &Card) -> String {
    let value = clean(&card.value);
    match card.interval.as_ref().map(clean) {
        None => value,
        Some(interval) if interval.starts_with('[') => format!("{value} {interval}"),
        Some(beside) => format!("{value}, {beside}"),
    }
}
