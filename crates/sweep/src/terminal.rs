//! How wide results may be.

use isoflop_text::Width;
use terminal_size::{Width as Columns, terminal_size_of};

/// What `COLUMNS` says, else the terminal's width; for files and pipes whatever it takes.
pub fn width() -> Width {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse().ok());
    let seen = || terminal_size_of(std::io::stdout()).map(|(Columns(columns), _)| columns.into());
    said.or_else(seen).map_or(Width::ANY, Width::of)
}
