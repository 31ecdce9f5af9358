//! Dense linear algebra for a handful of unknowns, by nalgebra: in the solver's loop it is as fast as code on the stack
//! (a bootstrap of 4,000 to 3%).

use crate::stats::dot;
use nalgebra::{DMatrix, DVector};

use super::{MAX_PARAMETERS, Matrix, Vector};

/// Solves `a x = b` for a symmetric positive definite `a` of size `n`; `None` if it is not, or nearly not.
pub(crate) fn cholesky_solve(a: &Matrix, b: &Vector, n: usize) -> Option<Vector> {
    let factor = DMatrix::from_fn(n, n, |i, j| a[i][j]).cholesky()?;
    let l = factor.l_dirty();
    if !(0..n).all(|k| l[(k, k)].powi(2) > 1e-15 * a[k][k].abs()) {
        return None;
    }
    let mut x = DVector::from_column_slice(&b[..n]);
    factor.solve_mut(&mut x);
    let mut out = [0.0; MAX_PARAMETERS];
    out[..n].copy_from_slice(x.as_slice());
    Some(out)
}

/// Condition number of a symmetric positive semi-definite matrix after scaling it to a unit
/// diagonal, and the parameters (largest first) that its flattest direction mixes.
pub(crate) fn condition_number(a: &Matrix, n: usize) -> (f64, Vec<usize>) {
    let bad = |k: &usize| !(a[*k][*k] > 0.0 && a[*k][..n].iter().all(|v| v.is_finite()));
    if let Some(k) = (0..n).find(bad) {
        return (f64::INFINITY, vec![k]);
    }
    let scaled = DMatrix::from_fn(n, n, |i, j| a[i][j] / (a[i][i] * a[j][j]).sqrt());
    let Some(eigen) = scaled.try_symmetric_eigen(f64::EPSILON, MOST_ROTATIONS) else {
        return (f64::INFINITY, Vec::new());
    };
    let least = eigen.eigenvalues.imin();
    let (lo, hi) = (eigen.eigenvalues[least], eigen.eigenvalues.max());
    let vector = eigen.eigenvectors.column(least);
    let mut mixed: Vec<usize> = (0..n).filter(|&k| vector[k].abs() > 0.3).collect();
    mixed.sort_by(|&i, &j| vector[j].abs().total_cmp(&vector[i].abs()));
    (if lo > 0.0 { hi / lo } else { f64::INFINITY }, mixed)
}

/// Far more than ten unknowns take.
const MOST_ROTATIONS: usize = 10_000;

/// Least squares over three non-negative unknowns from the normal equations, by trying every
/// active set. Returns the unknowns and the value of `x'Gx - 2 h'x`.
pub(crate) fn nonnegative_least_squares(g: &[[f64; 3]; 3], h: &[f64; 3]) -> ([f64; 3], f64) {
    let mut best = ([0.0; 3], 0.0);
    for set in 1..8usize {
        let chosen: Vec<usize> = (0..3).filter(|i| set & (1 << i) != 0).collect();
        let mut a = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
        let mut b = [0.0; MAX_PARAMETERS];
        for (i, &p) in chosen.iter().enumerate() {
            b[i] = h[p];
            for (j, &q) in chosen.iter().enumerate() {
                a[i][j] = g[p][q];
            }
        }
        let Some(x) = cholesky_solve(&a, &b, chosen.len()) else { continue };
        // At the solution x'Gx = h'x, so the value is -h'x.
        let value = -b.iter().zip(&x).map(|(b, x)| b * x).sum::<f64>();
        if value < best.1 && x.iter().all(|v| *v >= 0.0) {
            best = ([0.0; 3], value);
            chosen.iter().zip(x).for_each(|(&k, x)| best.0[k] = x);
        }
    }
    best
}

/// Residuals and leverages of least squares on `columns`, by Gram-Schmidt done twice.
pub(crate) fn residuals_and_leverages(
    mut columns: Vec<Vec<f64>>,
    mut values: Vec<f64>,
) -> (Vec<f64>, Vec<f64>) {
    let mut leverages = vec![0.0; values.len()];
    let reject = |from: &mut [f64], unit: &[f64]| {
        let along = dot(unit, from);
        from.iter_mut().zip(unit).for_each(|(a, b)| *a -= along * b);
    };
    for k in 0..columns.len() {
        let (before, rest) = columns.split_at_mut(k);
        for _ in 0..2 {
            before.iter().for_each(|unit| reject(&mut rest[0], unit));
        }
        let size = dot(&rest[0], &rest[0]).sqrt().max(f64::MIN_POSITIVE);
        rest[0].iter_mut().for_each(|a| *a /= size);
        leverages.iter_mut().zip(&rest[0]).for_each(|(h, q)| *h += q * q);
    }
    for _ in 0..2 {
        columns.iter().for_each(|unit| reject(&mut values, unit));
    }
    (values, leverages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[&[f64]]) -> Matrix {
        let mut m = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
        for (i, row) in rows.iter().enumerate() {
            m[i][..row.len()].copy_from_slice(row);
        }
        m
    }

    #[test]
    fn solves_and_refuses() {
        let a = matrix(&[&[4.0, 1.0], &[1.0, 3.0]]);
        let mut b = [0.0; MAX_PARAMETERS];
        b[..2].copy_from_slice(&[1.0, 2.0]);
        let x = cholesky_solve(&a, &b, 2).unwrap();
        assert!((x[0] - 1.0 / 11.0).abs() < 1e-15 && (x[1] - 7.0 / 11.0).abs() < 1e-15);
        assert!(cholesky_solve(&matrix(&[&[1.0, 2.0], &[2.0, 1.0]]), &b, 2).is_none());
        assert!(cholesky_solve(&matrix(&[&[f64::NAN]]), &b, 1).is_none());
        // Singular to rounding.
        let flat = matrix(&[&[1.0, 1.0], &[1.0, 1.0 + 4e-16]]);
        assert!(cholesky_solve(&flat, &b, 2).is_none());
    }

    #[test]
    fn condition_number_names_the_flat_direction() {
        let r: f64 = 1.0 - 1e-6;
        let a = matrix(&[&[4.0, 2.0 * r, 0.0], &[2.0 * r, 1.0, 0.0], &[0.0, 0.0, 7.0]]);
        let (condition, mut mixed) = condition_number(&a, 3);
        assert!((condition / 2e6 - 1.0).abs() < 1e-3, "{condition}");
        mixed.sort_unstable();
        assert_eq!(mixed, [0, 1]);
        let bad = matrix(&[&[1.0, f64::NAN], &[f64::NAN, 1.0]]);
        assert_eq!(condition_number(&bad, 2).0, f64::INFINITY);
    }

    #[test]
    fn non_negative_least_squares_drops_what_would_be_negative() {
        // Columns (1,0,0), (0,1,0), (0,0,1); target (1, -2, 3).
        let g = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let (x, value) = nonnegative_least_squares(&g, &[1.0, -2.0, 3.0]);
        assert_eq!(x, [1.0, 0.0, 3.0]);
        assert_eq!(value, -10.0);
    }
}
