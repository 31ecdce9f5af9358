//! Runs of one shape: what their residuals have in common is no noise of single runs.

use std::collections::BTreeMap;

use crate::table::Table;

/// Runs of one architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapeRuns {
    /// The shape as the table names it, or `N = 1.234e6`.
    pub name: String,
    /// Row numbers, ascending.
    pub rows: Vec<usize>,
}

/// How far apart the N of one shape may be where shapes have no names, as a share of it.
const SAME_SIZE: f64 = 1e-3;

/// The rows of each shape: by name, and without names by equal N (within 0.1% of the smallest). In order of their first
/// rows.
pub fn shapes(table: &Table) -> Vec<ShapeRuns> {
    let rows = table.rows();
    let mut named = BTreeMap::<&str, Vec<usize>>::new();
    let mut bare: Vec<usize> = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        match &row.shape {
            Some(name) => named.entry(name).or_default().push(i),
            None => bare.push(i),
        }
    }
    let by_name = |(name, rows): (&str, Vec<usize>)| ShapeRuns { name: name.into(), rows };
    let mut out: Vec<ShapeRuns> = named.into_iter().map(by_name).collect();
    bare.sort_by(|&i, &j| rows[i].params.total_cmp(&rows[j].params).then(i.cmp(&j)));
    let params = |i: usize| rows[i].params;
    let mut rest = bare.as_slice();
    while let Some(&first) = rest.first() {
        let alike = rest.partition_point(|&i| params(i) <= params(first) * (1.0 + SAME_SIZE));
        let mut rows = rest[..alike].to_vec();
        rows.sort_unstable();
        out.push(ShapeRuns { name: format!("N = {:.3e}", params(first)), rows });
        rest = &rest[alike..];
    }
    out.sort_by_key(|shape| shape.rows[0]);
    out
}
