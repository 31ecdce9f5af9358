//! The page of a comparison: what differs, whether losses agree, what a recipe saves, which machine is faster, and the best
//! sizes for a time, an energy and a sum of money.

mod facts;
mod gain;
mod losses;
mod speed;
mod spending;
mod verdict;

use isoflop_compare::Comparison;

use crate::chart::Rich;
use crate::document::{Block, Document, Notice, Section};
use crate::glossary;

/// What a page says beside the comparison itself.
#[derive(Debug, Clone, Default)]
pub struct Around<'a> {
    /// The command that makes it again.
    pub command: &'a str,
    /// Text of the last line, such as the date.
    pub footer: &'a str,
    /// Doubts about what was compared.
    pub notices: Vec<Notice>,
}

/// The page, as HTML or as text.
pub fn document(comparison: &Comparison, around: &Around) -> Document {
    let mut sections = vec![facts::section(comparison)];
    for versus in &comparison.versus {
        sections.push(losses::section(comparison, versus));
        sections.push(gain::section(comparison, versus));
    }
    sections.push(speed::section(comparison));
    sections.extend(spending::sections(comparison).into_iter().map(Some));
    sections.extend(comparison.versus.iter().map(|versus| losses::pairs(comparison, versus)));
    if !around.command.is_empty() {
        let mut again = Section::new("reproduce", "Make it again");
        again.blocks.push(Block::Code(around.command.to_owned()));
        sections.push(Some(again));
    }
    glossary::explained(Document {
        kicker: "Comparison".into(),
        title: comparison.sides.join(" and ").into(),
        headline: verdict::sentence(comparison),
        cards: verdict::cards(comparison),
        digest: None,
        notices: around.notices.clone(),
        sections: sections.into_iter().flatten().collect(),
        footer: Rich::plain(around.footer),
    })
}

/// An anchor that no other side has.
fn anchor(name: &str, side: usize) -> String {
    if side == 1 { name.into() } else { format!("{name}-{side}") }
}
