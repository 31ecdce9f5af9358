//! How the parameters of a law move together over its refits.

use serde::Serialize;

use crate::intervals::Draws;
use crate::law::{Centre, Law};
use crate::stats::{dot, mean};

/// Covariance and correlation of a law's parameters over bootstrap refits. Coefficients (`A`, `B`, but no exponents and not E) are
/// taken by their logarithm, as in Besiroglu et al. 2024, whose spread is near normal where that of `A` is not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Covariance {
    /// `E`, `ln A`, `alpha`, ..
    pub parameters: Vec<String>,
    pub covariance: Vec<Vec<f64>>,
    /// Pearson's; `None` where one of the two never varies.
    pub correlation: Vec<Vec<Option<f64>>>,
    /// Refits that it is taken over.
    pub draws: usize,
}

/// Refits for each entry on the diagonal, below which a covariance is mostly chance.
const LEAST_DRAWS: usize = 10;

impl Covariance {
    /// `None` with fewer than two parameters or ten refits for each.
    pub(super) fn of(law: &dyn Law, refits: &Draws, centre: &Centre) -> Option<Covariance> {
        let names = law.parameters();
        if names.len() < 2 || refits.len() < LEAST_DRAWS * names.len() {
            return None;
        }
        let natural: Vec<Vec<f64>> = refits.iter().map(|z| law.natural(z, centre)).collect();
        let column = |k: usize| -> Vec<f64> {
            let log = is_coefficient(names[k]);
            let all: Vec<f64> =
                natural.iter().map(|v| if log { v[k].ln() } else { v[k] }).collect();
            let middle = mean(&all);
            all.into_iter().map(|v| v - middle).collect()
        };
        let columns: Vec<Vec<f64>> = (0..names.len()).map(column).collect();
        let free = refits.len() as f64 - 1.0;
        let one = |a: &Vec<f64>, b: &Vec<f64>| dot(a, b) / free;
        let covariance: Vec<Vec<f64>> =
            columns.iter().map(|a| columns.iter().map(|b| one(a, b)).collect()).collect();
        if covariance.iter().flatten().any(|v| !v.is_finite()) {
            return None;
        }
        let correlation = |i: usize, j: usize| {
            let scale = (covariance[i][i] * covariance[j][j]).sqrt();
            (scale > 0.0).then(|| (covariance[i][j] / scale).clamp(-1.0, 1.0))
        };
        let all = 0..names.len();
        Some(Covariance {
            parameters: names.iter().map(|name| shown(name)).collect(),
            correlation: all
                .clone()
                .map(|i| all.clone().map(|j| correlation(i, j)).collect())
                .collect(),
            covariance,
            draws: refits.len(),
        })
    }
}

/// A scale, whose value is positive and spans orders of magnitude.
fn is_coefficient(name: &str) -> bool {
    matches!(name, "A" | "B" | "N_c" | "D_c" | "R_D*" | "R_N*")
}

fn shown(name: &str) -> String {
    if is_coefficient(name) { format!("ln {name}") } else { name.to_owned() }
}
