//! Whether the residuals of the runs of one shape deviate together.

use serde::Serialize;

use crate::distribution::f_tail;
use crate::isoflop::{IsoflopFit, Method};
use crate::shapes::{ShapeRuns, shapes};
use crate::stats::{dot, mean};
use crate::table::Table;

/// One-way analysis of variance of residuals by shape (Fisher 1925), beside what the fit itself can take up: of the directions in
/// which shapes differ, those that the fit's parameters span are no evidence, since it has no residuals along them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapeTest {
    /// What the residuals are about: `the law` or `the slices`.
    pub about: &'static str,
    pub runs: usize,
    pub shapes: usize,
    /// Variance between shapes over variance within.
    pub f: f64,
    /// Degrees of freedom between and within.
    pub free: (f64, f64),
    /// Probability of so large an F where runs deviate alone.
    pub p: f64,
    /// The shape whose runs deviate most, for their number.
    pub worst: ShapeDeviation,
    /// Whether `p` is below [`ShapeTest::LIMIT`].
    pub together: bool,
}

/// The residuals of one shape.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapeDeviation {
    pub shape: String,
    pub runs: usize,
    /// Mean residual of ln L.
    pub mean: f64,
}

/// Fewest degrees of freedom within shapes that a variance is told from.
const LEAST_FREE: f64 = 4.0;
/// Most products that the test may take: a second, and 100 MB. A table with more slices and runs has none.
const MOST_WORK: f64 = 2e8;

impl ShapeTest {
    /// Probability below which runs of one shape are said to deviate together.
    pub const LIMIT: f64 = 1e-3;

    /// `residuals` of ln L by row of the table, about a fit whose prediction moves along `columns` as its parameters do. `None`
    /// where too few shapes have several runs, or where the fit is exact.
    pub(super) fn new(
        about: &'static str,
        table: &Table,
        residuals: &[(usize, f64)],
        columns: Vec<Vec<f64>>,
    ) -> Option<ShapeTest> {
        let values: Vec<f64> = residuals.iter().map(|(_, r)| *r).collect();
        let n = values.len();
        let work = n as f64 * (columns.len() as f64).powi(2);
        if values.iter().all(|r| r.abs() < 1e-7) || work > MOST_WORK {
            return None;
        }
        let values = super::residuals::clipped(&values);
        let groups = groups(table, residuals);
        // Means of each shape taken out, of the residuals and of the columns alike (Frisch & Waugh 1933).
        let inside = |v: &[f64]| {
            let mut out = v.to_vec();
            for group in &groups {
                let middle =
                    group.rows.iter().map(|&i| v[i]).sum::<f64>() / group.rows.len() as f64;
                group.rows.iter().for_each(|&i| out[i] -= middle);
            }
            out
        };
        let (within, rank_within) =
            left_over(columns.iter().map(|c| inside(c)).collect(), inside(&values));
        let constant = std::iter::once(vec![1.0; n]).chain(columns).collect();
        let (all, rank) = left_over(constant, values.clone());
        let free_within = n as f64 - groups.len() as f64 - rank_within as f64;
        let free_between = (groups.len() + rank_within) as f64 - rank as f64;
        if free_within < LEAST_FREE || free_between < 1.0 {
            return None;
        }
        let f = ((all - within).max(0.0) / free_between) / (within / free_within);
        let p = f_tail(f, free_between, free_within);
        let deviation = |group: &ShapeRuns| {
            let of: Vec<f64> = group.rows.iter().map(|&i| values[i]).collect();
            (mean(&of).abs() * (of.len() as f64).sqrt(), mean(&of))
        };
        let several = groups.iter().filter(|group| group.rows.len() > 1);
        let worst = several.max_by(|a, b| deviation(a).0.total_cmp(&deviation(b).0))?;
        Some(ShapeTest {
            about,
            runs: n,
            shapes: groups.len(),
            f,
            free: (free_between, free_within),
            p,
            worst: ShapeDeviation {
                shape: worst.name.clone(),
                runs: worst.rows.len(),
                mean: deviation(worst).1,
            },
            together: p < Self::LIMIT,
        })
    }

    /// Of the residuals about the curves of the slices. `None` for curves through every run.
    pub fn of_slices(table: &Table, fit: &IsoflopFit) -> Option<ShapeTest> {
        if matches!(fit.method, Method::Akima | Method::Porian) {
            return None;
        }
        let residuals: Vec<(usize, f64)> =
            fit.slices.iter().flat_map(|s| s.log_residuals.iter().copied()).collect();
        let mut columns = Vec::new();
        // Each slice has its own level, place and bend; the two exponents of the corrected curve, which say how lopsided it is, are
        // shared.
        let mut shared = [vec![0.0; residuals.len()], vec![0.0; residuals.len()]];
        let mut first = 0;
        for slice in fit.slices.iter().filter(|s| !s.log_residuals.is_empty()) {
            let x: Vec<f64> =
                slice.log_residuals.iter().map(|(i, _)| table.rows()[*i].params.ln()).collect();
            let centre = slice.minimum.map_or_else(|| mean(&x), |m| m.params.point.ln());
            for power in 0..=2 {
                let mut column = vec![0.0; residuals.len()];
                x.iter()
                    .enumerate()
                    .for_each(|(k, x)| column[first + k] = (x - centre).powi(power));
                columns.push(column);
            }
            for (k, x) in x.iter().enumerate() {
                shared[0][first + k] = (x - centre).powi(3);
                shared[1][first + k] = (x - centre).powi(4);
            }
            first += x.len();
        }
        if fit.method == Method::Corrected {
            columns.extend(shared);
        }
        ShapeTest::new("the slices", table, &residuals, columns)
    }
}

/// Shapes with the places of their runs among the residuals.
fn groups(table: &Table, residuals: &[(usize, f64)]) -> Vec<ShapeRuns> {
    let mut place = vec![None; table.len()];
    residuals.iter().enumerate().for_each(|(k, (row, _))| place[*row] = Some(k));
    let placed = |shape: ShapeRuns| {
        let rows: Vec<usize> = shape.rows.iter().filter_map(|&row| place[row]).collect();
        (!rows.is_empty()).then_some(ShapeRuns { rows, ..shape })
    };
    shapes(table).into_iter().filter_map(placed).collect()
}

/// Sum of squares that least squares on the columns leaves of `y`, and the number of independent columns: Gram-Schmidt, twice.
fn left_over(columns: Vec<Vec<f64>>, mut y: Vec<f64>) -> (f64, usize) {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let take_out = |v: &mut [f64], basis: &[Vec<f64>]| {
        for unit in basis {
            let along = dot(unit, v);
            v.iter_mut().zip(unit).for_each(|(v, u)| *v -= along * u);
        }
    };
    for mut column in columns {
        let length = dot(&column, &column).sqrt();
        take_out(&mut column, &basis);
        take_out(&mut column, &basis);
        let left = dot(&column, &column).sqrt();
        if left > 1e-7 * length {
            column.iter_mut().for_each(|v| *v /= left);
            basis.push(column);
        }
    }
    take_out(&mut y, &basis);
    (dot(&y, &y), basis.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Observation;

    #[test]
    fn without_parameters_it_is_the_analysis_of_variance_of_textbooks() {
        // Three treatments of a textbook example: F = 9.3 with 2 and 15 degrees of freedom.
        let values = [
            [6.0, 8.0, 4.0, 5.0, 3.0, 4.0],
            [8.0, 12.0, 9.0, 11.0, 6.0, 8.0],
            [13.0, 9.0, 11.0, 8.0, 7.0, 12.0],
        ];
        let mut rows = Vec::new();
        let mut residuals = Vec::new();
        for (k, value) in values.as_flattened().iter().enumerate() {
            let shape = 1e6 * 2f64.powi((k / 6) as i32);
            let name = format!("{k}");
            rows.push(Observation::new(
                name,
                shape * (1.0 + 1e-5 * k as f64),
                1e8 + k as f64,
                6e14,
                3.0,
            ));
            residuals.push((k, value - 8.0));
        }
        let test =
            ShapeTest::new("the law", &Table::new(rows).unwrap(), &residuals, Vec::new()).unwrap();
        // Between 84 / 2, within 68 / 15.
        assert!((test.f - 42.0 / (68.0 / 15.0)).abs() < 1e-9, "{test:?}");
        assert_eq!((test.free, test.shapes), ((2.0, 15.0), 3));
        assert!((test.p - 0.0023987773293929).abs() < 1e-9 && !test.together, "{test:?}");
        assert!((test.worst.mean + 3.0).abs() < 1e-12 && test.worst.shape == "N = 1.000e6");
    }
}
