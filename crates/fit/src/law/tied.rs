//! Hoffmann's law with one exponent: `L = E + A / N^alpha + B / D^alpha`.
//!
//! `N*` and `D*` then both grow as the square root of C (Muennighoff et al. 2023 fit it so).

use super::hoffmann::{EXPONENT_GRID, EXPONENTS, LEAST_FLOOR, projected_starts};
use super::{Centre, FastForm, Hoffmann, Law, Point, Reads, Sample, SumOfPowers};
use crate::kernel::Restriction;

/// The law with `alpha = beta`. Working parameters: `(ln E, a, alpha, b)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tied;

impl Law for Tied {
    fn name(&self) -> &'static str {
        "tied"
    }

    fn formula(&self) -> &'static str {
        "L = E + A / N^alpha + B / D^alpha"
    }

    fn reference(&self) -> &'static str {
        "Hoffmann et al. 2022 with alpha = beta, as in Muennighoff et al. 2023, arXiv:2305.16264"
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["E", "A", "alpha", "B"]
    }

    fn reads(&self) -> Reads {
        Hoffmann.reads()
    }

    fn log_loss(&self, theta: &[f64], point: &Point, gradient: &mut [f64]) -> f64 {
        let mut full = [0.0; 5];
        let value = Hoffmann.log_loss(
            &[theta[0], theta[1], theta[2], theta[3], theta[2]],
            point,
            &mut full,
        );
        gradient[..4].copy_from_slice(&[full[0], full[1], full[2] + full[4], full[3]]);
        value
    }

    fn natural(&self, theta: &[f64], centre: &Centre) -> Vec<f64> {
        let mut out = Hoffmann.natural(&[theta[0], theta[1], theta[2], theta[3], theta[2]], centre);
        out.truncate(4);
        out
    }

    fn working(&self, natural: &[f64], centre: &Centre) -> Vec<f64> {
        let n = natural;
        let mut out = Hoffmann.working(&[n[0], n[1], n[2], n[3], n[2]], centre);
        out.truncate(4);
        out
    }

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>> {
        let mut starts = Vec::new();
        for k in EXPONENT_GRID {
            starts.extend(projected_starts(sample, &[k], &[k], 1));
        }
        starts.iter().map(|s| s[..4].to_vec()).collect()
    }

    fn wild_start(&self, sample: &Sample, uniform: &mut dyn FnMut() -> f64) -> Vec<f64> {
        let mut start = Hoffmann.wild_start(sample, uniform);
        start.truncate(4);
        start
    }

    fn range(&self, sample: &Sample) -> Vec<(f64, f64)> {
        let mut range = Hoffmann.range(sample);
        range.truncate(4);
        range
    }

    fn at_bound(&self, theta: &[f64], sample: &Sample) -> Vec<&'static str> {
        let mut names = Vec::new();
        if theta[0].exp() < LEAST_FLOOR * sample.least_loss() {
            names.push("E");
        }
        if !(EXPONENTS.0..EXPONENTS.1).contains(&theta[2]) {
            names.push("alpha");
        }
        names
    }

    fn sum_of_powers(&self, theta: &[f64], centre: &Centre) -> Option<SumOfPowers> {
        Hoffmann.sum_of_powers(&[theta[0], theta[1], theta[2], theta[3], theta[2]], centre)
    }

    fn fast_form(&self, _sample: &Sample) -> Option<FastForm> {
        let directions = vec![
            [1.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0, 1.0],
            [0.0, 0.0, 0.0, 1.0, 0.0],
        ];
        let restriction = Restriction::new([0.0; 5], directions);
        Some(FastForm { restriction, flops_for_params: false })
    }
}
