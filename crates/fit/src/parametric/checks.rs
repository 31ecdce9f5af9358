//! What no law can be fitted to, and where no interval can be had.

use crate::error::FitError;
use crate::law::{Law, Sample};
use crate::observation::Observation;
use crate::stats::{Line, rms};
use crate::table::Table;
use crate::words::counted;

/// Fewest independent units (runs, or clusters of runs) for a bootstrap: of fewer, most resamples repeat a handful of
/// combinations, and intervals come out far too narrow (Cameron, Gelbach & Miller 2008 on few clusters).
pub(crate) const LEAST_UNITS: usize = 8;

/// Root mean square of ln D about a line in ln N below which a design has one direction only.
const ONE_DIRECTION: f64 = 0.1;

/// Refuses data that cannot hold the law, by name.
pub(crate) fn data(table: &Table, law: &dyn Law) -> Result<(), FitError> {
    let parameters = law.parameters().len();
    let what = format!("the law `{}`", law.name());
    if table.len() < parameters + 1 {
        return Err(FitError::TooFewRows {
            what,
            parameters,
            needed: parameters + 1,
            given: table.len(),
        });
    }
    let reads = law.reads();
    let columns: [(bool, &str, fn(&Observation) -> f64); 3] = [
        (reads.params, "N (params)", |r| r.params),
        (reads.tokens, "D (tokens)", |r| r.tokens),
        (reads.flops, "C (flops)", |r| r.flops),
    ];
    for (read, variable, value) in columns {
        let first = value(&table.rows()[0]);
        if read && table.rows().iter().all(|r| (value(r) / first - 1.0).abs() < 1e-9) {
            return Err(FitError::Constant {
                variable: variable.into(),
                what: format!("its share in {what}"),
                rows: table.len(),
            });
        }
    }
    if reads.unique
        && let Some(row) = table.rows().iter().find(|r| r.unique_tokens.is_none())
    {
        return Err(FitError::MissingColumn {
            run: row.run.clone(),
            column: "unique tokens".into(),
            what,
        });
    }
    match law.refuses(table) {
        Some(refusal) => Err(refusal),
        None => Ok(()),
    }
}

/// Whether N and D move along one line (D = k N, or a single budget), so that no law of both can be told: what noise there is
/// would decide.
pub(super) fn one_direction(law: &dyn Law, sample: &Sample) -> bool {
    let reads = law.reads();
    if !(reads.params && reads.tokens) {
        return false;
    }
    let x: Vec<f64> = sample.points.iter().map(|p| p.x).collect();
    let y: Vec<f64> = sample.points.iter().map(|p| p.y).collect();
    spread_about_line(&x, &y) < ONE_DIRECTION
}

/// Root mean square of `y` about its least-squares line in `x`.
pub(crate) fn spread_about_line(x: &[f64], y: &[f64]) -> f64 {
    rms(&Line::fit(x, y).residuals(x, y))
}

/// Why runs that form few clusters have no interval, whatever is drawn.
pub(crate) fn too_few_clusters(table: &Table) -> Option<String> {
    let clusters = table.clusters().len();
    too_few(clusters, "cluster").filter(|_| clusters < table.len())
}

/// Why there is too little to resample.
pub(crate) fn too_few(units: usize, noun: &str) -> Option<String> {
    (units < LEAST_UNITS).then(|| {
        let units = counted(units, noun);
        format!("no intervals: {units} to resample, and fewer than {LEAST_UNITS} tell nothing")
    })
}

/// Why the refits that converged are no sample: those that fail are the extreme ones.
pub(super) fn too_many_failures(failed: usize, draws: usize) -> Option<String> {
    (10 * failed > draws).then(|| {
        format!("no intervals: {failed} of {draws} refits did not converge, and the rest would understate them")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_failed_refits_is_too_many() {
        assert_eq!(too_many_failures(20, 200), None);
        assert!(too_many_failures(21, 200).is_some_and(|why| why.contains("21 of 200")));
    }
}
