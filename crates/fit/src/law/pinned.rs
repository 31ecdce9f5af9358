//! Hoffmann's law with a known floor: `L = E + A / N^alpha + B / D^beta`, E given (the entropy of a
//! synthetic source, or a value that the user trusts).

use super::sum::Restricted;
use super::{About, Hoffmann, Reads, Sample};
use crate::error::FitError;
use crate::kernel::Slot::{self, Free, Given};
use crate::table::Table;

/// The law with E pinned. Working parameters: `(a, alpha, b, beta)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PinnedFloor {
    /// E, nats per token; 0 is no floor.
    pub floor_nats: f64,
}

impl Restricted for PinnedFloor {
    fn about(&self) -> About {
        About {
            name: "pinned",
            formula: "L = E + A / N^alpha + B / D^beta, E given",
            reference: "Hoffmann et al. 2022, equation 2, with E given",
            parameters: &["A", "alpha", "B", "beta"],
            reads: Reads::PARAMS_AND_TOKENS,
        }
    }

    fn slots(&self) -> [Slot; 5] {
        [Given(self.floor_nats.ln()), Free(0), Free(1), Free(2), Free(3)]
    }

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>> {
        // With E given, a free fit's terms are near enough: shift both by what E leaves.
        let least = sample.least_loss();
        let excess = (least - self.floor_nats).max(1e-3 * least);
        let shifted = |start: Vec<f64>| {
            let most = (start[1].exp() + start[3].exp() + excess).ln();
            // Not below a tenth of what is to be explained.
            let term = |a: f64| a.max((0.1 * excess).ln()).min(most);
            vec![term(start[1]), start[2], term(start[3]), start[4]]
        };
        Hoffmann.starts(sample).into_iter().map(shifted).collect()
    }

    fn refuses(&self, table: &Table) -> Option<FitError> {
        let least = table.rows().iter().min_by(|a, b| a.loss_nats.total_cmp(&b.loss_nats))?;
        (self.floor_nats >= least.loss_nats).then(|| FitError::BadOption {
            option: "pinned E".into(),
            value: format!("{} nats", self.floor_nats),
            range: format!("[0, {}), the least loss (run `{}`)", least.loss_nats, least.run),
            hint: "give an E below every loss, in nats per token, or fit it (hoffmann)".into(),
        })
    }
}
