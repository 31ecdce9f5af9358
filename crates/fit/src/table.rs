//! Runs, checked: what a fit reads, and every row that it left out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::counting::Counting;
use crate::error::FitError;
use crate::isoflop::Spoiled;
use crate::left_out::{LeftOut, LeftOutReason};
use crate::observation::{Observation, bits, cell_of, check, cluster_of};
use crate::repeated_rows::{ReadRow, alike};
use crate::score::BUDGET_TOLERANCE;

/// Checked runs: every number positive and finite, no exact duplicates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// Shared, as a table of a million rows is a third of a gigabyte.
    #[serde(serialize_with = "as_rows")]
    rows: Arc<Vec<Observation>>,
    /// Place of each row in the input, from 0.
    #[serde(skip)]
    places: Arc<Vec<usize>>,
    left_out: Vec<LeftOut>,
}

/// Why rows that were read cannot be used, by their places.
fn refused(rows: &[ReadRow]) -> HashMap<usize, LeftOutReason> {
    let checked = |(k, read): (usize, &ReadRow)| Some((k, check(read.as_ref().ok()?)?));
    let mut reasons: HashMap<usize, LeftOutReason> =
        rows.iter().enumerate().filter_map(checked).collect();
    for places in alike(rows, |row| (row.run.as_str(), bits(row))) {
        let mut seen: Vec<usize> = Vec::new();
        for k in places.into_iter().filter(|k| !reasons.contains_key(k)).collect::<Vec<_>>() {
            if seen.iter().any(|&other| rows[other] == rows[k]) {
                reasons.insert(k, LeftOutReason::Duplicate);
            } else {
                seen.push(k);
            }
        }
    }
    reasons
}

fn as_rows<S: Serializer>(rows: &Arc<Vec<Observation>>, serializer: S) -> Result<S::Ok, S::Error> {
    rows.as_slice().serialize(serializer)
}

impl Table {
    /// Checks every row. Rows that cannot be used are left out and named in [`Table::left_out`].
    ///
    /// # Errors
    /// [`FitError::Empty`] without rows, [`FitError::NothingUsable`] when all are left out, [`FitError::OneColumn`] where N is D
    /// in every row.
    pub fn new(rows: Vec<Observation>) -> Result<Table, FitError> {
        Table::read(rows.into_iter().map(Ok).collect())
    }

    /// As [`Table::new`], of rows some of which were left out where they were read: their names, and why.
    ///
    /// # Errors
    /// As [`Table::new`].
    pub fn read(rows: Vec<ReadRow>) -> Result<Table, FitError> {
        if rows.is_empty() {
            return Err(FitError::Empty);
        }
        let given = rows.len();
        let mut reasons = refused(&rows);
        let (mut left_out, mut places) = (Vec::new(), Vec::with_capacity(given));
        // In the memory of the rows given, as a million take a third of a gigabyte.
        let numbered = rows.into_iter().zip(0..);
        let kept: Vec<Observation> = numbered
            .filter_map(|(read, k)| {
                let row = k + 1;
                let (run, reason) = match (read, reasons.remove(&k)) {
                    (Ok(observation), None) => {
                        places.push(row);
                        return Some(observation);
                    }
                    (Ok(observation), Some(reason)) => (observation.run, reason),
                    (Err((run, reason)), _) => (run, reason),
                };
                left_out.push(LeftOut { run, row, reason });
                None
            })
            .collect();
        if kept.len() > 1 && kept.iter().all(|r| r.params == r.tokens) {
            return Err(FitError::OneColumn { rows: kept.len() });
        }
        Self::checked(kept, places, left_out, given)
    }

    fn checked(
        rows: Vec<Observation>,
        places: Vec<usize>,
        left_out: Vec<LeftOut>,
        given: usize,
    ) -> Result<Table, FitError> {
        match left_out.first() {
            Some(first) if rows.is_empty() => Err(FitError::NothingUsable {
                given,
                first_run: first.run.clone(),
                first_reason: first.reason.to_string(),
                hint: first.reason.hint().into(),
            }),
            _ => Ok(Table { rows: Arc::new(rows), places: Arc::new(places), left_out }),
        }
    }

    pub fn rows(&self) -> &[Observation] {
        &self.rows
    }

    /// The rows, for results that point at some of them.
    pub(crate) fn shared_rows(&self) -> Arc<Vec<Observation>> {
        Arc::clone(&self.rows)
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Never true: a table has at least one usable row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Rows that no fit sees, with why.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// The rows for which `keep` holds; the others join [`Table::left_out`] with `why`.
    ///
    /// # Errors
    /// [`FitError::NothingUsable`] when none is kept.
    pub fn filter(
        &self,
        why: &str,
        mut keep: impl FnMut(&Observation) -> bool,
    ) -> Result<Table, FitError> {
        self.rebuilt(|row| {
            let asked = || LeftOutReason::Asked { why: why.to_string() };
            Ok(if keep(row) { Ok(row.clone()) } else { Err(asked()) })
        })
    }

    /// The runs of budgets up to `flops`; runs without a budget by their C, which may be 1% more.
    ///
    /// # Errors
    /// [`FitError::NothingUsable`] when none is kept.
    pub fn up_to(&self, flops: f64) -> Result<Table, FitError> {
        let most = flops * (1.0 + BUDGET_TOLERANCE);
        self.filter(&format!("of a budget above {flops:e} FLOPs"), |r| {
            r.budget_flops.unwrap_or(r.flops) <= most
        })
    }

    /// As [`Table::filter`] by the number of the row, without a word of the others: for fits beside the main one.
    pub(crate) fn subset(&self, mut keep: impl FnMut(usize) -> bool) -> Option<Table> {
        let kept: Vec<usize> = (0..self.len()).filter(|&i| keep(i)).collect();
        let rows = kept.iter().map(|&i| self.rows[i].clone()).collect();
        let places = kept.iter().map(|&i| self.places[i]).collect();
        let some = !kept.is_empty();
        some.then(|| Table { rows: Arc::new(rows), places: Arc::new(places), left_out: Vec::new() })
    }

    /// Without the runs that are spoiled in `counted`, a table of some of the same rows.
    pub(crate) fn without_places_of(&self, counted: &Table, spoiled: &[Spoiled]) -> Table {
        let places: HashSet<usize> = spoiled.iter().map(|s| counted.places[s.row]).collect();
        let some = || self.subset(|i| !places.contains(&self.places[i]));
        (!places.is_empty()).then(some).flatten().unwrap_or_else(|| self.clone())
    }

    /// Where a row stood in the input, from 1.
    pub(crate) fn place(&self, row: usize) -> usize {
        self.places[row]
    }

    /// The same runs with N and C counted so. Rows without that count are left out.
    ///
    /// # Errors
    /// [`FitError::NothingUsable`] when no row has the count.
    pub fn under(&self, counting: Counting) -> Result<Table, FitError> {
        if counting == Counting::AsGiven {
            return Ok(self.clone());
        }
        self.rebuilt(|row| {
            let counted = counting.count(&row.counts, (row.params, row.flops), row.tokens);
            let recounted = |(params, flops)| Observation { params, flops, ..row.clone() };
            Ok(counted
                .map(recounted)
                .map_err(|column| LeftOutReason::NoCount { column: column.to_string() }))
        })
    }

    /// The same rows with something else about them, such as another C; rows that this makes unusable are left out.
    ///
    /// # Errors
    /// [`FitError::NothingUsable`] when none is left, and whatever `change` refuses.
    pub(crate) fn changed(
        &self,
        mut change: impl FnMut(&mut Observation) -> Result<(), FitError>,
    ) -> Result<Table, FitError> {
        self.rebuilt(|row| {
            let mut other = row.clone();
            change(&mut other)?;
            Ok(check(&other).map_or(Ok(other), Err))
        })
    }

    /// A table of what becomes of each row, or why it is left out.
    fn rebuilt(
        &self,
        mut of: impl FnMut(&Observation) -> Result<Result<Observation, LeftOutReason>, FitError>,
    ) -> Result<Table, FitError> {
        let mut left_out = self.left_out.clone();
        let (mut rows, mut places) = (Vec::new(), Vec::new());
        for (observation, &row) in self.rows.iter().zip(self.places.iter()) {
            match of(observation)? {
                Ok(observation) => {
                    rows.push(observation);
                    places.push(row);
                }
                Err(reason) => {
                    left_out.push(LeftOut { run: observation.run.clone(), row, reason });
                }
            }
        }
        Self::checked(rows, places, left_out, self.rows.len())
    }

    pub fn largest_flops(&self) -> f64 {
        self.rows.iter().map(|r| r.flops).fold(f64::MIN_POSITIVE, f64::max)
    }

    /// Rows that are not independent and so are resampled together, by number: those of one cluster (without
    /// clusters: of one run name), and those that differ in nothing but their seed. In order of their first rows.
    pub fn clusters(&self) -> Vec<Vec<usize>> {
        // The first row that a row hangs together with, followed to the end.
        let mut first: Vec<usize> = (0..self.rows.len()).collect();
        fn root(first: &[usize], mut i: usize) -> usize {
            while first[i] != i {
                i = first[i];
            }
            i
        }
        let mut names = BTreeMap::new();
        let mut cells = BTreeMap::new();
        for (i, row) in self.rows.iter().enumerate() {
            let by_name = *names.entry(cluster_of(row)).or_insert(i);
            let by_cell = cell_of(row).map_or(i, |cell| *cells.entry(cell).or_insert(i));
            let (a, b, c) = (root(&first, i), root(&first, by_name), root(&first, by_cell));
            let least = a.min(b).min(c);
            for k in [a, b, c] {
                first[k] = least;
            }
        }
        let mut place = BTreeMap::new();
        let mut out: Vec<Vec<usize>> = Vec::new();
        for i in 0..self.rows.len() {
            let at = *place.entry(root(&first, i)).or_insert_with(|| {
                out.push(Vec::new());
                out.len() - 1
            });
            out[at].push(i);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_left_out_is_named() {
        let good = Observation::new("good", 1e6, 1e8, 6e14, 3.0);
        let table = Table::new(vec![
            Observation::new("nan", 1e6, 1e8, 6e14, f64::NAN),
            good.clone(),
            Observation::new("zero", 0.0, 1e8, 6e14, 3.0),
            Observation::new("minus", 1e6, 1e8, 6e14, -3.0),
            Observation::new("inf", 1e6, f64::INFINITY, 6e14, 3.0),
            good.clone(),
        ])
        .unwrap();
        assert_eq!(table.len(), 1);
        let names: Vec<&str> = table.left_out().iter().map(|l| l.run.as_str()).collect();
        assert_eq!(names, ["nan", "zero", "minus", "inf", "good"]);
        assert_eq!(table.left_out()[4].reason, LeftOutReason::Duplicate);
        assert_eq!(table.left_out()[4].row, 6);
    }

    #[test]
    fn rows_left_out_later_keep_their_place_in_the_input() {
        let row = |name: &str, loss| Observation::new(name, 1e6, 1e8, 6e14, loss);
        let mut counted = row("counted", 3.1);
        counted.counts.params_total = Some(2e6);
        let rows = vec![row("nan", f64::NAN), row("one", 3.0), counted, row("two", 3.2)];
        let table = Table::new(rows).unwrap();
        let filtered = table.filter("asked", |r| r.run != "one").unwrap();
        let under = filtered.under(Counting::By(isoflop_plan::Convention::SixNd)).unwrap();
        let left: Vec<(&str, usize)> =
            under.left_out().iter().map(|l| (l.run.as_str(), l.row)).collect();
        assert_eq!(left, [("nan", 1), ("one", 2), ("two", 4)]);
    }

    #[test]
    fn nothing_usable_is_an_error_with_the_first_reason() {
        assert_eq!(Table::new(vec![]), Err(FitError::Empty));
        let error = Table::new(vec![Observation::new("a", 1.0, 1.0, 1.0, 0.0)]).unwrap_err();
        assert!(error.to_string().contains("loss is 0"), "{error}");
    }
}
