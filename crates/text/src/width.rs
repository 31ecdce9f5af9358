//! How wide text for people may be.

/// Longest line of a paragraph, however wide the terminal is.
const PARAGRAPH: usize = 100;
/// Nothing is laid out for less.
const LEAST: usize = 40;

/// Columns of a terminal that text may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width(usize);

impl Width {
    /// For files and pipes: tables are as wide as they are.
    pub const ANY: Width = Width(usize::MAX);

    /// So many columns, 40 at least.
    pub fn of(columns: usize) -> Self {
        Width(columns.max(LEAST))
    }

    pub fn columns(self) -> usize {
        self.0
    }

    /// Of paragraphs: 100 at most.
    pub fn of_paragraphs(self) -> usize {
        self.0.min(PARAGRAPH)
    }
}
