//! Weighted linear least squares with the covariance of the coefficients.

use nalgebra::{DMatrix, DVector};

/// Coefficients, and their covariance for errors of standard deviation 1 over the root of the weights.
pub(crate) struct LeastSquares {
    pub coefficients: Vec<f64>,
    pub covariance: DMatrix<f64>,
    /// Weighted sum of squared residuals.
    pub squares: f64,
    /// Rows less coefficients.
    pub free: f64,
}

/// `None` where the columns do not determine the coefficients, or no row is left over.
pub(crate) fn fit(rows: &[Vec<f64>], values: &[f64], weights: &[f64]) -> Option<LeastSquares> {
    let many = rows.first()?.len();
    if rows.len() <= many {
        return None;
    }
    let root: Vec<f64> = weights.iter().map(|w| w.sqrt()).collect();
    let a = DMatrix::from_fn(rows.len(), many, |i, j| root[i] * rows[i][j]);
    let b = DVector::from_fn(rows.len(), |i, _| root[i] * values[i]);
    let normal = a.transpose() * &a;
    let scale: Vec<f64> = (0..many).map(|k| normal[(k, k)].sqrt()).collect();
    if scale.iter().any(|s| !(*s > 0.0 && s.is_finite())) {
        return None;
    }
    let scaled = DMatrix::from_fn(many, many, |i, j| normal[(i, j)] / (scale[i] * scale[j]));
    // Columns that nearly follow from one another say nothing apart.
    if scaled.symmetric_eigenvalues().min() < 1e-6 {
        return None;
    }
    let inverse = scaled.cholesky()?.inverse();
    let covariance = DMatrix::from_fn(many, many, |i, j| inverse[(i, j)] / (scale[i] * scale[j]));
    let x = &covariance * (a.transpose() * &b);
    let squares = (b - a * &x).norm_squared();
    let free = (rows.len() - many) as f64;
    Some(LeastSquares { coefficients: x.as_slice().to_vec(), covariance, squares, free })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_back_with_the_textbook_errors() {
        let x = [0.0, 1.0, 2.0, 3.0];
        let rows: Vec<Vec<f64>> = x.iter().map(|x| vec![1.0, *x]).collect();
        let fit = fit(&rows, &[1.0, 3.1, 4.9, 7.0], &[1.0; 4]).unwrap();
        assert!((fit.coefficients[1] - 1.98).abs() < 1e-12);
        // 1 / sum (x - mean)^2.
        assert!((fit.covariance[(1, 1)] - 0.2).abs() < 1e-12);
        assert!((fit.squares - 0.018).abs() < 1e-12 && fit.free == 2.0);
    }

    #[test]
    fn columns_that_follow_from_others_are_refused() {
        let rows: Vec<Vec<f64>> = (0..5).map(|i| vec![1.0, i as f64, 2.0 * i as f64]).collect();
        assert!(fit(&rows, &[1.0; 5], &[1.0; 5]).is_none());
        assert!(fit(&rows[..1], &[1.0], &[1.0]).is_none());
    }
}
