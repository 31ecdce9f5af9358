//! Minimising a smooth or Huber loss over at most [`MAX_PARAMETERS`] parameters.

mod linear;
mod newton;
mod rows;

pub(crate) use linear::{
    cholesky_solve, condition_number, nonnegative_least_squares, residuals_and_leverages,
};
pub(crate) use newton::{Solution, minimise};
pub(crate) use rows::{Model, OnRows, Rows};

pub const MAX_PARAMETERS: usize = 10;

pub(crate) type Vector = [f64; MAX_PARAMETERS];
pub(crate) type Matrix = [[f64; MAX_PARAMETERS]; MAX_PARAMETERS];

#[derive(Debug, Clone)]
pub(crate) struct Evaluation {
    pub value: f64,
    pub gradient: Vector,
    pub hessian: Matrix,
}

impl Default for Evaluation {
    fn default() -> Self {
        Evaluation {
            value: f64::NAN,
            gradient: [0.0; MAX_PARAMETERS],
            hessian: [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS],
        }
    }
}

/// Something to minimise: a sum over rows of the Huber loss with threshold `delta` (infinite for
/// squares).
pub(crate) trait Problem {
    fn dimension(&self) -> usize;
    /// Fills `out` at `z`.
    fn evaluate(&self, z: &[f64], delta: f64, out: &mut Evaluation);
    /// Fills `out` with a matrix that the loss does not rise above, where the model is linear: `sum w min(1, delta / |r|) G G'`.
    /// Unlike the Hessian it stays informative where no residual lies within `delta`.
    fn majorant(&self, z: &[f64], delta: f64, out: &mut Matrix);
    /// Moves `z` back into the region where the law is defined.
    fn confine(&self, _z: &mut [f64]) {}
}

/// Adds `weight * g g'`.
pub(crate) fn add_outer(out: &mut Matrix, g: &[f64], weight: f64) {
    for i in 0..g.len() {
        for j in 0..g.len() {
            out[i][j] += weight * g[i] * g[j];
        }
    }
}

/// `g' a h`.
pub(crate) fn quadratic(g: &[f64], a: &Matrix, h: &[f64]) -> f64 {
    let row = |i: usize| (0..h.len()).map(|j| g[i] * a[i][j] * h[j]).sum::<f64>();
    (0..g.len()).map(row).sum()
}

/// `psi(r) / r`: the weight that a residual keeps in a weighted least squares with the same slope.
pub(crate) fn within(residual: f64, delta: f64) -> f64 {
    let size = residual.abs();
    if size > delta { delta / size } else { 1.0 }
}
