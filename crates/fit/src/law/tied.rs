//! Hoffmann's law with one exponent: `L = E + A / N^alpha + B / D^alpha`.
//!
//! `N*` and `D*` then both grow as the square root of C (Muennighoff et al. 2023 fit it so).

use super::hoffmann::projected_starts;
use super::sum::{EXPONENT_GRID, Restricted};
use super::{About, Reads, Sample};
use crate::kernel::Slot::{self, Free};

/// The law with `alpha = beta`. Working parameters: `(ln E, a, alpha, b)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tied;

impl Restricted for Tied {
    fn about(&self) -> About {
        About {
            name: "tied",
            formula: "L = E + A / N^alpha + B / D^alpha",
            reference: "Hoffmann et al. 2022 with alpha = beta, as in Muennighoff et al. 2023, arXiv:2305.16264",
            parameters: &["E", "A", "alpha", "B"],
            reads: Reads::PARAMS_AND_TOKENS,
        }
    }

    fn slots(&self) -> [Slot; 5] {
        [Free(0), Free(1), Free(2), Free(3), Free(2)]
    }

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>> {
        let one = |k: &f64| projected_starts(sample, &[*k], &[*k], 1);
        EXPONENT_GRID.iter().flat_map(one).map(|s| s[..4].to_vec()).collect()
    }
}
