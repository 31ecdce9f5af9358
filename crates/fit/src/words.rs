//! Counts in messages.

pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {}", plural(count, noun))
}

/// What the last of `x of N slices` is, and that it has a bracketed minimum.
pub(crate) fn bracketed(slices: usize) -> String {
    let verb = if slices == 1 { "has" } else { "have" };
    format!("{} {verb} a bracketed minimum", plural(slices, "slice"))
}

/// `run` of 1, else `runs`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { noun.into() } else { format!("{noun}s") }
}
