//! How large a budget the data feeds.

use serde::Serialize;

use super::Grid;
use crate::config::{Config, OptimumRule};

/// The largest budgets for which the training tokens last, in FLOPs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reach {
    /// Passes over the training tokens.
    pub epochs: f64,
    /// Budget of the largest single run of the expected compute-optimal size.
    pub run_flops: f64,
    /// Budget of the largest slice whose smallest model, which takes most tokens, lies as far under
    /// the expected optimum as the grid's smallest do; `None` where the grid has no slices.
    pub slice_flops: Option<f64>,
}

impl OptimumRule {
    /// The rule of a configuration's grid, or the default where it has none.
    pub fn of(config: &Config) -> Self {
        use crate::config::{Design, Sizes};
        match &config.grid.design {
            Design::Budgets { sizes: Sizes::Auto { optimum, .. }, .. } => *optimum,
            _ => Self::DEFAULT,
        }
    }

    /// Expected optimal training tokens at `flops`: `C / (6 N)`.
    pub fn tokens(&self, flops: f64) -> f64 {
        flops / (6.0 * self.params(flops))
    }

    /// The budget whose expected optimal training tokens are `tokens`, in FLOPs.
    pub fn flops_of_tokens(&self, tokens: f64) -> f64 {
        (6.0 * self.coefficient * tokens).powf(1.0 / (1.0 - self.exponent))
    }
}

impl Grid {
    /// The largest budgets for which `train_tokens` last so many epochs.
    pub fn reach(&self, optimum: OptimumRule, train_tokens: u64, epochs: f64) -> Reach {
        let tokens = train_tokens as f64 * epochs;
        let most = |(budget, cells): (f64, Vec<&super::PlannedCell>)| {
            let most = cells.iter().map(|c| c.cell.tokens()).max().unwrap_or(0) as f64;
            most / optimum.tokens(budget)
        };
        let excess = self.slices().into_iter().map(most).max_by(f64::total_cmp);
        Reach {
            epochs,
            run_flops: optimum.flops_of_tokens(tokens),
            slice_flops: excess.map(|excess| optimum.flops_of_tokens(tokens / excess)),
        }
    }
}
