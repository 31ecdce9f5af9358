//! Doubts about runs that are not independent, or may not be.

use crate::intervals::{Plan, Resampling};
use crate::observation::{Observation, cluster_of};
use crate::parametric::{LEAST_UNITS, LawFit};
use crate::table::Table;
use crate::warning::Warning;

/// The doubt about `method`, which takes all runs as independent, where they are not.
pub fn clusters_ignored(table: &Table, method: &str) -> Option<Warning> {
    let (clusters, rows) = (table.clusters().len(), table.len());
    let method = method.to_string();
    (clusters < rows).then_some(Warning::ClustersIgnored { method, clusters, rows })
}

/// Whether all runs have one seed, so that nothing measures the noise between seeds.
pub fn one_seed(table: &Table) -> bool {
    let rows = table.rows();
    rows[0].seed.is_some() && rows.iter().all(|r| r.seed == rows[0].seed)
}

pub(super) fn clusters(table: &Table, fit: Option<&LawFit>, out: &mut Vec<Warning>) {
    let rows = table.len();
    let clusters = table.clusters().len();
    let named = |r: &Observation| r.cluster.is_some();
    let by_column = table.rows().iter().any(named);
    let names: std::collections::BTreeSet<&str> = table.rows().iter().map(cluster_of).collect();
    if names.len() < rows && !by_column {
        out.push(Warning::RepeatedNames { names: names.len(), rows });
    }
    if clusters < rows && clusters < LEAST_UNITS {
        out.push(Warning::FewClusters { clusters, rows, needed: LEAST_UNITS });
    }
    let scheme = fit.and_then(|f| f.result.as_ref()).and_then(|r| r.resampling);
    let method = |scheme: Resampling| format!("intervals of the law, by {},", scheme.name());
    match scheme {
        Some(scheme @ Resampling::Pairs) => out.extend(clusters_ignored(table, &method(scheme))),
        // Draws whole the part of a cluster that lies in one slice.
        Some(scheme @ Resampling::Slices) if drawn_in_slices(table) > clusters => {
            out.extend(clusters_ignored(table, &method(scheme)));
        }
        _ => {}
    }
    if names.len() == rows && !by_column {
        checkpoints(table, out);
    }
}

/// Cells that are drawn within their slices.
fn drawn_in_slices(table: &Table) -> usize {
    Plan::of(table, Some(Resampling::Slices)).units().0
}

/// Fewest runs of one N that look like the checkpoints of one training.
const LEAST_CHECKPOINTS: usize = 6;

/// Runs that differ in D alone, many for each N, and nothing that says they are independent.
fn checkpoints(table: &Table, out: &mut Vec<Warning>) {
    if table.rows().iter().any(|r| r.seed.is_some()) {
        return;
    }
    let bits = |v: Option<f64>| v.map_or(0, f64::to_bits);
    let mut lengths = std::collections::BTreeMap::<_, Vec<u64>>::new();
    for r in table.rows() {
        let shape = [r.params.to_bits(), bits(r.width), bits(r.depth)];
        let rest = [bits(r.learning_rate), bits(r.batch_tokens)];
        lengths.entry((shape, rest, r.hardware.as_deref())).or_default().push(r.tokens.to_bits());
    }
    let mut found = (0, 0);
    for all in lengths.values_mut() {
        let runs = all.len();
        all.sort_unstable();
        all.dedup();
        if all.len() == runs && runs >= LEAST_CHECKPOINTS {
            found = (found.0 + 1, found.1 + runs);
        }
    }
    if found.1 * 10 >= table.len() * 8 {
        out.push(Warning::Checkpoints { groups: found.0, rows: found.1 });
    }
}
