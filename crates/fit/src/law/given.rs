//! Hoffmann's law with both exponents given: `L = E + A / N^alpha + B / D^beta`, for tests of published exponents.

use super::hoffmann::projected_starts;
use super::sum::Restricted;
use super::{About, Reads, Sample};
use crate::kernel::Slot::{self, Free, Given};

/// The law with alpha and beta held. Working parameters: `(ln E, a, b)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GivenExponents {
    pub alpha: f64,
    pub beta: f64,
}

impl Restricted for GivenExponents {
    fn about(&self) -> About {
        About {
            name: "given exponents",
            formula: "L = E + A / N^alpha + B / D^beta, alpha and beta given",
            reference: "Hoffmann et al. 2022, equation 2, with its exponents given",
            parameters: &["E", "A", "B"],
            reads: Reads::PARAMS_AND_TOKENS,
        }
    }

    fn slots(&self) -> [Slot; 5] {
        [Free(0), Free(1), Given(self.alpha), Free(2), Given(self.beta)]
    }

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>> {
        let all = projected_starts(sample, &[self.alpha], &[self.beta], 1);
        all.into_iter().map(|s| vec![s[0], s[1], s[3]]).collect()
    }
}
