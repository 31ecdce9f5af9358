//! Counts in messages.

pub(crate) use isoflop_text::{counted, listed, listed_by, plural};

/// What the last of `x of N slices` is, and that it has a bracketed minimum.
pub(crate) fn bracketed(slices: usize) -> String {
    let verb = if slices == 1 { "has" } else { "have" };
    format!("{} {verb} a bracketed minimum", plural(slices, "slice"))
}
