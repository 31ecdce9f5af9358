//! The smallest budget that a grid's sizes can spend.

use super::{layout, tune};
use crate::DataFacts;
use crate::config::{Config, ConfigError, Design, ErrorKind, Sizes};

/// Says in the hints of refused budgets which would do.
pub(super) fn advise(config: &Config, data: &DataFacts, errors: &mut [ConfigError]) {
    let refused =
        |e: &&mut ConfigError| e.kind == ErrorKind::ImpossibleGrid && e.key == "grid.budgets";
    let mut refused = errors.iter_mut().filter(refused).peekable();
    if refused.peek().is_none() {
        return;
    }
    let Some(flops) = smallest(config, data) else { return };
    for error in refused {
        error.hint = format!(
            "the smallest budget that the sizes of the first slice can have is {flops:.1e} FLOPs\nhint: {}",
            error.hint
        );
    }
}

/// In FLOPs, to two digits; `None` where the first slice is not at fault, or none is found within a factor of a million.
fn smallest(config: &Config, data: &DataFacts) -> Option<f64> {
    let Design::Budgets { budgets, sizes } = &config.grid.design else { return None };
    let first = match sizes {
        Sizes::Widths(lists) => Sizes::Widths(vec![lists.first()?.clone()]),
        other => other.clone(),
    };
    let mut trial = config.clone();
    let mut can = |flops: f64| {
        trial.grid.design = Design::Budgets { budgets: vec![flops], sizes: first.clone() };
        let mut errors = Vec::new();
        let requests = layout::requests(&trial, data.vocab, &mut errors);
        let fits = |request: &_| tune::cells(&trial, data, request, true).is_ok();
        errors.is_empty() && !requests.is_empty() && requests.iter().all(fits)
    };
    // Not monotonous: steps that are rounded miss some budgets. The first that does is taken.
    let start = budgets.first()?.log10();
    let at = |k: u32| two_digits(10f64.powf(start + f64::from(k) / 40.0));
    let found = (0..=240).find(|k| can(at(*k)));
    found.filter(|k| *k > 0).map(at)
}

/// Rounded up.
fn two_digits(flops: f64) -> f64 {
    let unit = 10f64.powf(flops.log10().floor() - 1.0);
    let rounded = (flops / unit - 1e-9).ceil() * unit;
    format!("{rounded:.1e}").parse().unwrap_or(rounded)
}
