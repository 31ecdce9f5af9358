//! Published laws beside one's own frontier.

use isoflop_fit::FitError;
use isoflop_fit::parametric::Allocation;
use isoflop_fit::published::{Published, published};
use serde::Serialize;

/// A published law's best split of a budget. Its loss is of other data and another tokenizer, and left out.
#[derive(Debug, Serialize)]
pub struct Overlay {
    /// The law's key.
    pub law: &'static str,
    /// How it counts N and C.
    pub convention: &'static str,
    /// Whether the budget lies outside the C of its runs.
    pub outside_its_runs: bool,
    pub split: Allocation,
}

/// The laws of these keys.
///
/// # Errors
/// For a key that there is not, and for a law without a best split.
pub fn resolve(keys: &[String]) -> Result<Vec<&'static Published>, FitError> {
    keys.iter()
        .map(|key| {
            let law = published(key)?;
            law.at(1e21).map(|_| law)
        })
        .collect()
}

/// What the laws say of one budget.
///
/// # Errors
/// Those of [`Published::at`].
pub fn at(laws: &[&'static Published], flops: f64) -> Result<Vec<Overlay>, FitError> {
    laws.iter()
        .map(|law| {
            let split = Allocation { loss_nats: None, new_run_nats: None, ..law.at(flops)? };
            let inside = |(low, high): (f64, f64)| (low..=high).contains(&flops);
            Ok(Overlay {
                law: law.key,
                convention: law.convention,
                outside_its_runs: !law.valid_flops.is_some_and(inside),
                split,
            })
        })
        .collect()
}
