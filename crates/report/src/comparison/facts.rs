//! What is not the same on all sides: it comes first.

use isoflop_compare::Comparison;

use crate::chart::Rich;
use crate::document::{Block, Section};
use crate::table::{Align, Table};

pub(super) fn section(comparison: &Comparison) -> Option<Section> {
    let mut section = Section::new("differences", "What differs");
    let heads = std::iter::once(String::new()).chain(comparison.sides.iter().cloned());
    let mut table = Table::new("", heads.map(|head| (head, Align::Left)));
    for differing in &comparison.differing {
        let value = |value: &Option<String>| match value {
            Some(value) => Rich(vec![crate::chart::Span {
                text: value.clone(),
                style: crate::chart::SpanStyle::Strong,
            }]),
            None => "—".into(),
        };
        let name = Rich::plain(differing.what.as_str());
        table.row(std::iter::once(name).chain(differing.values.iter().map(value)));
    }
    let alone = comparison.versus.iter().filter(|v| v.pairs.alone != (0, 0));
    for versus in alone {
        let (first, second) = versus.pairs.alone;
        table.notes.push(
            format!(
                "Cells without a match: {first} of {}, {second} of {}.",
                comparison.sides[0], comparison.sides[versus.side]
            )
            .into(),
        );
    }
    if table.rows.is_empty() && table.notes.is_empty() {
        section.blocks.push(Block::Text("Nothing that is known of them differs.".into()));
    } else {
        section.blocks.push(Block::Table(table));
    }
    Some(section)
}
