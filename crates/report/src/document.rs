//! A page before it is text: headline, cards, warnings, sections of figures and tables. Written as
//! one self-contained HTML file, as text for a terminal, or as Markdown.

mod html;
mod plain;
mod screen;

use crate::chart::{Figure, Rich};
use crate::table::Table;

/// One figure of the summary: a number in large type.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    pub label: Rich,
    /// The number.
    pub value: Rich,
    pub interval: Option<Rich>,
    /// What to think of it.
    pub note: Option<Rich>,
}

/// A doubt, and what to do about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// What is doubtful.
    pub text: Rich,
    /// What to do.
    pub advice: Rich,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A paragraph.
    Text(Rich),
    /// Figures, two in a row where they are narrow.
    Figures(Vec<Figure>),
    Table(Table),
    /// Names and values.
    Facts(Vec<(Rich, Rich)>),
    /// Commands or a file, as typed.
    Code(String),
}

/// A stretch of the page under one heading.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Anchor: letters, digits and dashes.
    pub id: String,
    /// Heading.
    pub title: Rich,
    /// What it shows, in a sentence or two.
    pub lead: Option<Rich>,
    /// Contents.
    pub blocks: Vec<Block>,
    /// Folded away until asked for, on the page; left out of the terminal's text.
    pub folded: bool,
}

impl Section {
    /// A section without contents.
    pub fn new(id: &str, title: impl Into<Rich>) -> Self {
        Self {
            id: id.to_owned(),
            title: title.into(),
            lead: None,
            blocks: Vec::new(),
            folded: false,
        }
    }
}

/// The whole page.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Small line above the title.
    pub kicker: Rich,
    pub title: Rich,
    /// The result in one sentence.
    pub headline: Rich,
    /// The numbers to remember.
    pub cards: Vec<Card>,
    /// What a terminal shows of the results in its narrow table.
    pub digest: Option<Table>,
    /// Every doubt.
    pub notices: Vec<Notice>,
    /// The rest.
    pub sections: Vec<Section>,
    /// Last line.
    pub footer: Rich,
}

impl Document {
    /// Every figure, in order.
    pub fn figures(&self) -> Vec<&Figure> {
        let blocks = self.sections.iter().flat_map(|s| &s.blocks);
        let figures = blocks.filter_map(|b| match b {
            Block::Figures(figures) => Some(figures.iter()),
            _ => None,
        });
        figures.flatten().collect()
    }
}
