//! Aligned columns.

/// The first column to the left, the others to the right; indented by two.
pub(super) fn table<const N: usize>(
    head: &[&str; N],
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    let mut lines = vec![head.iter().map(|h| (*h).to_string()).collect::<Vec<_>>()];
    lines.extend(rows);
    let widths: Vec<usize> =
        (0..N).map(|i| lines.iter().map(|l| l[i].chars().count()).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for line in lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(
                |(i, (cell, w))| if i == 0 { format!("{cell:<w$}") } else { format!("{cell:>w$}") },
            )
            .collect();
        out += &format!("  {}\n", cells.join("  "));
    }
    out
}
