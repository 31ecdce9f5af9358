//! Hoffmann's law with a known floor: `L = E + A / N^alpha + B / D^beta`, E given (the entropy of a
//! synthetic source, or a value that the user trusts).

use super::hoffmann::EXPONENTS;
use super::{Centre, FastForm, Hoffmann, Law, Point, Reads, Sample, SumOfPowers};
use crate::error::FitError;
use crate::kernel::Restriction;
use crate::table::Table;

/// The law with E pinned. Working parameters: `(a, alpha, b, beta)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PinnedFloor {
    /// E, nats per token; must be positive.
    pub floor_nats: f64,
}

impl PinnedFloor {
    fn full(&self, t: &[f64]) -> [f64; 5] {
        [self.floor_nats.ln(), t[0], t[1], t[2], t[3]]
    }
}

impl Law for PinnedFloor {
    fn name(&self) -> &'static str {
        "pinned"
    }

    fn formula(&self) -> &'static str {
        "L = E + A / N^alpha + B / D^beta, E given"
    }

    fn reference(&self) -> &'static str {
        "Hoffmann et al. 2022, equation 2, with E given"
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["A", "alpha", "B", "beta"]
    }

    fn reads(&self) -> Reads {
        Hoffmann.reads()
    }

    fn log_loss(&self, theta: &[f64], point: &Point, gradient: &mut [f64]) -> f64 {
        let mut full = [0.0; 5];
        let value = Hoffmann.log_loss(&self.full(theta), point, &mut full);
        gradient[..4].copy_from_slice(&full[1..]);
        value
    }

    fn natural(&self, theta: &[f64], centre: &Centre) -> Vec<f64> {
        Hoffmann.natural(&self.full(theta), centre)[1..].to_vec()
    }

    fn working(&self, natural: &[f64], centre: &Centre) -> Vec<f64> {
        let n = natural;
        Hoffmann.working(&[self.floor_nats, n[0], n[1], n[2], n[3]], centre)[1..].to_vec()
    }

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>> {
        // With E given, a free fit's terms are near enough: shift both by what E leaves.
        let free = Hoffmann.starts(sample);
        let left = |start: &Vec<f64>| {
            let excess = (sample.least_loss() - self.floor_nats).max(1e-3 * sample.least_loss());
            let (u, v) = (start[1].exp(), start[3].exp());
            let mut terms = [(start[1], start[2]), (start[3], start[4])];
            for term in &mut terms {
                // Not below a tenth of what is to be explained.
                term.0 = term.0.max((0.1 * excess).ln()).min((u + v + excess).ln());
            }
            vec![terms[0].0, terms[0].1, terms[1].0, terms[1].1]
        };
        free.iter().map(left).collect()
    }

    fn wild_start(&self, sample: &Sample, uniform: &mut dyn FnMut() -> f64) -> Vec<f64> {
        Hoffmann.wild_start(sample, uniform)[1..].to_vec()
    }

    fn range(&self, sample: &Sample) -> Vec<(f64, f64)> {
        Hoffmann.range(sample)[1..].to_vec()
    }

    fn refuses(&self, table: &Table) -> Option<FitError> {
        let least = table.rows().iter().min_by(|a, b| a.loss_nats.total_cmp(&b.loss_nats))?;
        (self.floor_nats >= least.loss_nats).then(|| FitError::BadOption {
            option: "pinned E".into(),
            value: format!("{} nats", self.floor_nats),
            range: format!("(0, {}), the least loss (run `{}`)", least.loss_nats, least.run),
            hint: "give an E below every loss, in nats per token, or fit it (hoffmann)".into(),
        })
    }

    fn at_bound(&self, theta: &[f64], _sample: &Sample) -> Vec<&'static str> {
        let outside = |v: f64| !(EXPONENTS.0..EXPONENTS.1).contains(&v);
        [("alpha", theta[1]), ("beta", theta[3])]
            .iter()
            .filter(|(_, v)| outside(*v))
            .map(|(n, _)| *n)
            .collect()
    }

    fn sum_of_powers(&self, theta: &[f64], centre: &Centre) -> Option<SumOfPowers> {
        Hoffmann.sum_of_powers(&self.full(theta), centre)
    }

    fn fast_form(&self, _sample: &Sample) -> Option<FastForm> {
        let directions = vec![
            [0.0, 1.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 1.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 1.0],
        ];
        let base = [self.floor_nats.ln(), 0.0, 0.0, 0.0, 0.0];
        let restriction = Restriction::new(base, directions);
        Some(FastForm { restriction, flops_for_params: false })
    }
}
