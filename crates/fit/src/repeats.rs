//! Several rows of one N and D: how they vote and are resampled.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::intervals::Resampling;
use crate::law::Sample;
use crate::table::Table;
use crate::words::{counted, plural};

/// Rows that share their N and D with others: seeds of a cell, settings of one size, repeats without a name.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Repeats {
    /// (N, D) with several rows.
    pub pairs: usize,
    pub all_pairs: usize,
    /// Rows at the former.
    pub rows: usize,
    /// Votes that these rows have in the law.
    pub votes: f64,
    /// Units that they are resampled as for the law's intervals; `None` without.
    pub units: Option<usize>,
    /// Whether any of them names a seed or a machine.
    pub named: bool,
}

impl Repeats {
    /// `None` where every row has an N and D of its own. `scheme` is that of the law's intervals.
    pub fn of(table: &Table, scheme: Option<Resampling>) -> Option<Repeats> {
        let mut pairs = BTreeMap::<[u64; 2], Vec<usize>>::new();
        for (i, row) in table.rows().iter().enumerate() {
            pairs.entry([row.params, row.tokens].map(f64::to_bits)).or_default().push(i);
        }
        let all_pairs = pairs.len();
        let several: Vec<Vec<usize>> = pairs.into_values().filter(|r| r.len() > 1).collect();
        if several.is_empty() {
            return None;
        }
        let rows: Vec<usize> = several.iter().flatten().copied().collect();
        let weights = Sample::new(table).weights;
        let units = scheme.map(|scheme| match scheme {
            Resampling::Pairs => rows.len(),
            Resampling::Shapes => several.len(),
            Resampling::Clusters | Resampling::Slices | Resampling::Wild => {
                let mut unit = vec![0; table.len()];
                for (k, cluster) in table.clusters().iter().enumerate() {
                    cluster.iter().for_each(|&i| unit[i] = k);
                }
                rows.iter().map(|&i| unit[i]).collect::<BTreeSet<usize>>().len()
            }
        });
        let named =
            |&i: &usize| table.rows()[i].seed.is_some() || table.rows()[i].hardware.is_some();
        Some(Repeats {
            pairs: several.len(),
            all_pairs,
            rows: rows.len(),
            votes: rows.iter().map(|&i| weights[i]).sum(),
            units,
            named: rows.iter().any(named),
        })
    }
}

impl std::fmt::Display for Repeats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.all_pairs;
        write!(
            f,
            "{} share their N and D with others, at {} of {all} (N, D): in the law ",
            counted(self.rows, "row"),
            self.pairs
        )?;
        let votes = self.votes.round() as usize;
        match votes {
            v if v == self.rows => write!(f, "each has a vote of its own")?,
            v if v == self.pairs => write!(f, "those of one (N, D) share one vote")?,
            v => write!(f, "they share {v} {}", plural(v, "vote"))?,
        }
        match self.units {
            None => Ok(()),
            Some(u) if u == self.rows => write!(f, ", and each is resampled on its own"),
            Some(u) if u == self.pairs => {
                write!(f, ", and those of one (N, D) are resampled together")
            }
            Some(u) => write!(f, ", and they are resampled as {}", counted(u, "unit")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Observation;

    /// Six sizes with three rows each and one alone.
    fn table(seeds: bool, names: bool) -> Table {
        let row = |k: usize| {
            let (size, seed) = (k / 3, k % 3);
            let n = 1e6 * 2f64.powi(size as i32);
            let name = if names { format!("r{k}") } else { format!("size {size}") };
            let loss = 3.0 - 0.1 * size as f64 + 0.001 * seed as f64;
            let row = Observation::new(name, n, 1e9, 6e9 * n, loss);
            Observation { seed: seeds.then(|| seed.to_string()), ..row }
        };
        Table::new((0..19).map(row).collect()).unwrap()
    }

    #[test]
    fn seeds_share_a_vote_and_settings_do_not() {
        let of =
            |seeds, names, scheme| Repeats::of(&table(seeds, names), scheme).unwrap().to_string();
        assert_eq!(
            of(true, true, Some(Resampling::Clusters)),
            "18 rows share their N and D with others, at 6 of 7 (N, D): in the law those of one (N, D) share one vote, and those of one (N, D) are resampled together"
        );
        assert!(
            of(false, true, Some(Resampling::Pairs)).ends_with(
                "in the law each has a vote of its own, and each is resampled on its own"
            )
        );
        assert!(of(false, false, Some(Resampling::Clusters)).ends_with(
            "in the law each has a vote of its own, and those of one (N, D) are resampled together"
        ));
        assert!(of(true, true, None).ends_with("share one vote"));
    }

    #[test]
    fn rows_of_their_own_are_not_told() {
        let row = |k: usize| Observation::new(format!("{k}"), 1e6 * (k + 1) as f64, 1e9, 6e15, 3.0);
        assert_eq!(Repeats::of(&Table::new((0..5).map(row).collect()).unwrap(), None), None);
    }
}
