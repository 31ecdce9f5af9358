//! What a resampling draws.

use std::collections::BTreeMap;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Resampling;
use crate::isoflop::group_slices;
use crate::table::Table;

/// A scheme with the row numbers of its units.
#[derive(Debug, Clone)]
pub(crate) enum Plan {
    /// Each of so many rows is a unit.
    Pairs(usize),
    Clusters(Vec<Vec<usize>>),
    /// Cells of each slice, and their rows: those of one cluster are one cell.
    Slices(Vec<Vec<Vec<usize>>>),
    Shapes(Vec<Vec<usize>>),
    /// Whose residuals are flipped together.
    Wild(Vec<Vec<usize>>),
}

impl Plan {
    /// The scheme asked for, else clusters where rows share one and pairs where none do.
    pub fn of(table: &Table, asked: Option<Resampling>) -> Plan {
        match asked {
            Some(Resampling::Pairs) => Plan::Pairs(table.len()),
            Some(Resampling::Clusters) => Plan::Clusters(table.clusters()),
            Some(Resampling::Wild) => Plan::Wild(table.clusters()),
            Some(Resampling::Slices) => Plan::Slices(cells_of_slices(table)),
            Some(Resampling::Shapes) => Plan::Shapes(
                crate::shapes::shapes(table).into_iter().map(|shape| shape.rows).collect(),
            ),
            None => match table.clusters() {
                clusters if clusters.len() < table.len() => Plan::Clusters(clusters),
                _ => Plan::Pairs(table.len()),
            },
        }
    }

    pub fn scheme(&self) -> Resampling {
        match self {
            Plan::Pairs(_) => Resampling::Pairs,
            Plan::Clusters(_) => Resampling::Clusters,
            Plan::Slices(_) => Resampling::Slices,
            Plan::Shapes(_) => Resampling::Shapes,
            Plan::Wild(_) => Resampling::Wild,
        }
    }

    /// How many units are drawn, and what one is called.
    pub fn units(&self) -> (usize, &'static str) {
        match self {
            Plan::Pairs(rows) => (*rows, "run"),
            Plan::Clusters(clusters) | Plan::Wild(clusters) => (clusters.len(), "cluster"),
            Plan::Slices(slices) => (slices.iter().map(Vec::len).sum(), "run"),
            Plan::Shapes(shapes) => (shapes.len(), "shape"),
        }
    }

    /// Adds one to the weight of each row drawn: of wild draws, as for pairs.
    pub fn count_rows(&self, weights: &mut [f64], random: &mut ChaCha8Rng) {
        let mut draw = |groups: &[Vec<usize>]| {
            for _ in 0..groups.len() {
                let chosen = &groups[random.random_range(0..groups.len())];
                chosen.iter().for_each(|&i| weights[i] += 1.0);
            }
        };
        match self {
            Plan::Clusters(groups) | Plan::Shapes(groups) => draw(groups),
            Plan::Slices(slices) => slices.iter().for_each(|slice| draw(slice)),
            Plan::Pairs(_) | Plan::Wild(_) => {
                let rows = weights.len();
                (0..rows).for_each(|_| weights[random.random_range(0..rows)] += 1.0);
            }
        }
    }
}

fn cells_of_slices(table: &Table) -> Vec<Vec<Vec<usize>>> {
    let mut cluster = vec![0; table.len()];
    for (k, rows) in table.clusters().iter().enumerate() {
        rows.iter().for_each(|&i| cluster[i] = k);
    }
    let cells = |rows: Vec<usize>| {
        let mut cells = BTreeMap::<usize, Vec<usize>>::new();
        rows.into_iter().for_each(|i| cells.entry(cluster[i]).or_default().push(i));
        cells.into_values().collect()
    };
    group_slices(table).into_iter().map(|g| cells(g.rows)).collect()
}
