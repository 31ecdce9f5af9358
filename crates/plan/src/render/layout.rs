//! Tables of a plan.

use std::collections::BTreeSet;

use isoflop_text::{Align, Width, fitted};

use crate::Provenance;

/// The first column to the left, the others to the right; indented by two. What does not fit stands below, beside the first `keys`
/// columns again.
pub(super) fn table<const N: usize>(
    head: &[&str; N],
    rows: impl Iterator<Item = Vec<String>>,
    keys: usize,
    width: Width,
) -> String {
    let mut aligns = [Align::Right; N];
    aligns[0] = Align::Left;
    let head = head.iter().map(ToString::to_string).collect();
    indented(&aligns, &std::iter::once(head).chain(rows).collect::<Vec<_>>(), keys, width)
}

/// Rows indented by two, with an empty line between parts.
pub(super) fn indented(
    aligns: &[Align],
    rows: &[Vec<String>],
    keys: usize,
    width: Width,
) -> String {
    let part = |part: Vec<Vec<String>>| -> String {
        part.iter().flatten().map(|line| format!("  {line}\n")).collect()
    };
    fitted(aligns, rows, keys, 2, width).into_iter().map(part).collect::<Vec<_>>().join("\n")
}

/// A name, its range over the grid and where it comes from: `depth`, `2 to 3`, `published: ..`.
pub(super) fn sourced(
    name: &str,
    values: Vec<f64>,
    show: fn(f64) -> String,
    sources: Vec<Provenance>,
) -> Vec<String> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = if low == high { show(low) } else { format!("{} to {}", show(low), show(high)) };
    let sources: BTreeSet<Provenance> = sources.into_iter().collect();
    let sources: Vec<String> = sources.iter().map(Provenance::to_string).collect();
    vec![name.to_owned(), range, sources.join("; ")]
}
