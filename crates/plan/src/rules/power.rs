//! A law of one's own, or one fitted to a calibration, in the form of the measured rule:
//! `eta = a N^b D^c (B / B0)^.5` with N without the embedding and the head, and `B = a D^b` tokens.
//!
//! The root of the batch is the scaling of Malladi et al. 2022 for Adam; without a B0 the rate is the same at every batch.

use std::path::PathBuf;

use super::{Fitted, Provenance};
use crate::Shape;

/// Power of the batch over the one that a rate holds at.
pub const BATCH_EXPONENT: f64 = 0.5;

/// `a x^b`, of N for a learning rate, of D for a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerLaw {
    pub coefficient: f64,
    pub exponent: f64,
    /// Power of D in a learning rate; `None` where that does not follow the run's length.
    pub tokens_exponent: Option<f64>,
    /// Tokens per step that a learning rate holds at, B0; `None` where it does not follow the batch.
    pub batch: Option<f64>,
    /// What it was fitted to; `None` where somebody wrote it down.
    pub calibration: Option<Calibration>,
}

/// A study that a law was fitted to.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Its results folder.
    pub folder: PathBuf,
    /// Minima that the law goes through.
    pub minima: u64,
    /// Where they lie.
    pub range: Fitted,
}

impl PowerLaw {
    /// Peak learning rate of a run of `tokens` tokens, `batch_tokens` per step.
    pub fn learning_rate(&self, shape: &Shape, tokens: f64, batch_tokens: f64) -> f64 {
        let n = shape.params().non_embedding() as f64;
        let scale = self.batch.map_or(1.0, |batch| (batch_tokens / batch).powf(BATCH_EXPONENT));
        let length = self.tokens_exponent.map_or(1.0, |exponent| tokens.powf(exponent));
        self.coefficient * n.powf(self.exponent) * length * scale
    }

    /// Tokens per step.
    pub fn batch_tokens(&self, tokens: f64) -> f64 {
        self.coefficient * tokens.powf(self.exponent)
    }

    /// Where it comes from, as a law of the learning rate.
    pub fn rate_provenance(&self) -> Provenance {
        let batch = self.batch.map_or(String::new(), |batch| format!(" (B / {batch})^.5"));
        let tokens = self.tokens_exponent.map_or(String::new(), |c| format!(" D^{c:.3}"));
        self.provenance(format!("eta = {}{tokens}{batch}", self.formula("N")))
    }

    /// Where it comes from, as a law of the batch.
    pub fn batch_provenance(&self) -> Provenance {
        self.provenance(format!("B = {} tokens", self.formula("D")))
    }

    fn formula(&self, of: &str) -> String {
        let digits = |x: f64| match (1e-3..1e4).contains(&x) {
            true => format!("{:.*}", (2.0 - x.log10().floor()).max(0.0) as usize, x),
            false => format!("{x:.2e}"),
        };
        format!("{} {of}^{:.3}", digits(self.coefficient), self.exponent)
    }

    fn provenance(&self, law: String) -> Provenance {
        let Some(Calibration { folder, minima, range }) = &self.calibration else {
            return Provenance::Own(law);
        };
        let ((n, most_n), (d, most_d)) = (range.params, range.tokens);
        Provenance::Calibrated(format!(
            "{}: {law} from {minima} minima, N {n:.1e} to {most_n:.1e}, D {d:.1e} to {most_d:.1e}",
            folder.display()
        ))
    }
}
