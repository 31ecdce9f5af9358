//! Dense linear algebra for a handful of unknowns, on the stack.

use super::{MAX_PARAMETERS, Matrix, Vector};

/// Solves `a x = b` for a symmetric positive definite `a` of size `n`; `None` if it is not.
pub(crate) fn cholesky_solve(a: &Matrix, b: &Vector, n: usize) -> Option<Vector> {
    let mut l = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
    for i in 0..n {
        for j in 0..=i {
            let mut sum = a[i][j];
            for k in 0..j {
                sum -= l[i][k] * l[j][k];
            }
            if i == j {
                // Written so that NaN is refused too.
                if !(sum > 1e-15 * a[i][i].abs() && sum > 0.0) {
                    return None;
                }
                l[i][i] = sum.sqrt();
            } else {
                l[i][j] = sum / l[j][j];
            }
        }
    }
    let mut x = *b;
    for i in 0..n {
        for k in 0..i {
            x[i] -= l[i][k] * x[k];
        }
        x[i] /= l[i][i];
    }
    for i in (0..n).rev() {
        for k in i + 1..n {
            x[i] -= l[k][i] * x[k];
        }
        x[i] /= l[i][i];
    }
    Some(x)
}

/// Eigenvalues (ascending) and the eigenvector of the smallest, by Jacobi rotations.
pub(crate) fn smallest_eigenpair(a: &Matrix, n: usize) -> (Vector, Vector) {
    let mut a = *a;
    let mut v = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
    for (i, row) in v.iter_mut().enumerate() {
        row[i] = 1.0;
    }
    for _sweep in 0..60 {
        let mut off = 0.0;
        for i in 0..n {
            for j in 0..i {
                off += a[i][j] * a[i][j];
            }
        }
        if off < 1e-30 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q] == 0.0 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let t = if theta == 0.0 { 1.0 } else { t };
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..n {
                    let (kp, kq) = (a[k][p], a[k][q]);
                    a[k][p] = c * kp - s * kq;
                    a[k][q] = s * kp + c * kq;
                }
                for k in 0..n {
                    let (pk, qk) = (a[p][k], a[q][k]);
                    a[p][k] = c * pk - s * qk;
                    a[q][k] = s * pk + c * qk;
                    let (kp, kq) = (v[k][p], v[k][q]);
                    v[k][p] = c * kp - s * kq;
                    v[k][q] = s * kp + c * kq;
                }
            }
        }
    }
    let mut values = [0.0; MAX_PARAMETERS];
    let mut least = 0;
    for i in 0..n {
        values[i] = a[i][i];
        if a[i][i] < a[least][least] {
            least = i;
        }
    }
    let mut vector = [0.0; MAX_PARAMETERS];
    for k in 0..n {
        vector[k] = v[k][least];
    }
    values[..n].sort_unstable_by(f64::total_cmp);
    (values, vector)
}

/// Condition number of a symmetric positive semi-definite matrix after scaling it to a unit
/// diagonal, and the parameters (largest first) that its flattest direction mixes.
pub(crate) fn condition_number(a: &Matrix, n: usize) -> (f64, Vec<usize>) {
    let mut scaled = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
    for i in 0..n {
        if !(a[i][i] > 0.0 && a[i][i].is_finite()) {
            return (f64::INFINITY, vec![i]);
        }
    }
    for i in 0..n {
        for j in 0..n {
            scaled[i][j] = a[i][j] / (a[i][i] * a[j][j]).sqrt();
        }
    }
    let (values, vector) = smallest_eigenpair(&scaled, n);
    let condition = if values[0] > 0.0 { values[n - 1] / values[0] } else { f64::INFINITY };
    let mut mixed: Vec<usize> = (0..n).filter(|&k| vector[k].abs() > 0.3).collect();
    mixed.sort_by(|&i, &j| vector[j].abs().total_cmp(&vector[i].abs()));
    (condition, mixed)
}

/// Least squares over three non-negative unknowns from the normal equations, by trying every
/// active set. Returns the unknowns and the value of `x'Gx - 2 h'x`.
pub(crate) fn nonnegative_least_squares(g: &[[f64; 3]; 3], h: &[f64; 3]) -> ([f64; 3], f64) {
    let mut best = ([0.0; 3], 0.0);
    for set in 1..8usize {
        let chosen: Vec3 = Vec3::of(set);
        let n = chosen.len;
        let mut a = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
        let mut b = [0.0; MAX_PARAMETERS];
        for i in 0..n {
            b[i] = h[chosen.at[i]];
            for j in 0..n {
                a[i][j] = g[chosen.at[i]][chosen.at[j]];
            }
        }
        let Some(x) = cholesky_solve(&a, &b, n) else {
            continue;
        };
        if x[..n].iter().any(|v| *v < 0.0) {
            continue;
        }
        // At the solution x'Gx = h'x, so the value is -h'x.
        let value = -(0..n).map(|i| b[i] * x[i]).sum::<f64>();
        if value < best.1 {
            let mut full = [0.0; 3];
            for i in 0..n {
                full[chosen.at[i]] = x[i];
            }
            best = (full, value);
        }
    }
    best
}

struct Vec3 {
    at: [usize; 3],
    len: usize,
}

impl Vec3 {
    fn of(set: usize) -> Self {
        let mut out = Vec3 { at: [0; 3], len: 0 };
        for i in 0..3 {
            if set & (1 << i) != 0 {
                out.at[out.len] = i;
                out.len += 1;
            }
        }
        out
    }
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
    }

    #[test]
    fn condition_number_names_the_flat_direction() {
        let r: f64 = 1.0 - 1e-6;
        let a = matrix(&[&[4.0, 2.0 * r, 0.0], &[2.0 * r, 1.0, 0.0], &[0.0, 0.0, 7.0]]);
        let (condition, mixed) = condition_number(&a, 3);
        assert!((condition / 2e6 - 1.0).abs() < 1e-3, "{condition}");
        let mut mixed = mixed;
        mixed.sort_unstable();
        assert_eq!(mixed, [0, 1]);
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
