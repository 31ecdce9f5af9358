//! Which cells are trained with other learning rates and batches too (`grid.multiply`).

use std::collections::HashMap;

use serde::Serialize;

use super::layout::Request;
use crate::Shape;
use crate::config::{Config, ConfigError, Design, Length, MultiplierDesign, Multiply, Sizes};

/// The multipliers of a grid and the cells that they are limited to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Multipliers {
    /// Factors on the learning rate.
    pub learning_rate: Vec<f64>,
    /// Factors on the batch.
    pub batch: Vec<f64>,
    /// Whether every learning rate meets every batch.
    pub product: bool,
    /// What was asked for.
    pub multiply: Vec<Multiply>,
    /// What was taken for a slice's minimum, where minima were asked for.
    pub minima: Option<String>,
    /// The cells that were taken, where not all were.
    pub taken: Vec<Taken>,
}

/// A cell that multipliers apply to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Taken {
    /// Its slice; `None` for cells outside any.
    pub budget_flops: Option<f64>,
    pub shape: Shape,
    /// What it was taken as.
    pub taken_as: Vec<Multiply>,
}

/// What each request was taken as; empty where multipliers leave it alone.
pub(super) fn choose(
    config: &Config,
    requests: &[Request],
    errors: &mut Vec<ConfigError>,
) -> Vec<Vec<Multiply>> {
    let multiply = &config.grid.multiply;
    let size = |request: &Request| config.grid.convention.params(&request.shape);
    let mut slices = HashMap::<_, Slice>::new();
    for request in requests {
        let expected = request.budget.and_then(|budget| expected(config, budget));
        slices.entry(group(request)).or_insert(Slice::expecting(expected)).meet(size(request));
    }
    for request in requests {
        slices.entry(group(request)).and_modify(|slice| slice.approach(size(request)));
    }
    let chosen = requests.iter().map(|request| {
        let slice = &slices[&group(request)];
        let is = |which: &Multiply| match which {
            Multiply::All => true,
            Multiply::Smallest => size(request) == slice.low,
            Multiply::Largest => size(request) == slice.high,
            Multiply::Minima => {
                request.budget.is_some() && slice.distance(size(request)) == slice.nearest
            }
        };
        multiply.iter().copied().filter(is).collect()
    });
    let chosen: Vec<Vec<Multiply>> = chosen.collect();
    let any = |which| chosen.iter().any(|c: &Vec<Multiply>| c.contains(&which));
    if multiply.contains(&Multiply::Minima) && !requests.is_empty() && !any(Multiply::Minima) {
        errors.push(*config.error(
            "grid.multiply",
            "slices, which have minima",
            "\"minima\" of cells that spend no budget",
            "use \"smallest\" and \"largest\", or give `budgets`",
        ));
    }
    chosen
}

/// The multipliers as a plan tells them; `None` where there are none.
pub(super) fn multipliers(
    config: &Config,
    requests: &[Request],
    chosen: Vec<Vec<Multiply>>,
) -> Option<Multipliers> {
    let grid = &config.grid;
    let all = grid.multiply.contains(&Multiply::All);
    let taken = requests.iter().zip(chosen).filter(|(_, taken_as)| !all && !taken_as.is_empty());
    grid.has_multipliers().then(|| Multipliers {
        learning_rate: grid.lr_multipliers.clone(),
        batch: grid.batch_multipliers.clone(),
        product: grid.multipliers == MultiplierDesign::Product,
        multiply: grid.multiply.clone(),
        minima: grid.multiply.contains(&Multiply::Minima).then(|| match &grid.design {
            Design::Budgets { sizes: Sizes::Auto { optimum, .. }, .. } => format!(
                "the size nearest to the expected optimum {} C^{}",
                optimum.coefficient, optimum.exponent
            ),
            _ => "the size nearest to the geometric middle of the slice's".into(),
        }),
        taken: taken
            .map(|(request, taken_as)| Taken {
                budget_flops: request.budget,
                shape: request.shape,
                taken_as,
            })
            .collect(),
    })
}

/// The sizes of a slice, in parameters.
struct Slice {
    expected: Option<f64>,
    low: f64,
    high: f64,
    /// The least distance of any of them from where the minimum is expected.
    nearest: f64,
}

impl Slice {
    fn expecting(expected: Option<f64>) -> Self {
        Self { expected, low: f64::INFINITY, high: 0.0, nearest: f64::INFINITY }
    }

    fn meet(&mut self, size: f64) {
        (self.low, self.high) = (self.low.min(size), self.high.max(size));
    }

    /// Once all have been met.
    fn approach(&mut self, size: f64) {
        self.nearest = self.nearest.min(self.distance(size));
    }

    fn distance(&self, size: f64) -> f64 {
        let expected = self.expected.unwrap_or((self.low * self.high).sqrt());
        (size / expected).ln().abs()
    }
}

/// The expected best size of a slice, where the design says.
fn expected(config: &Config, budget: f64) -> Option<f64> {
    match &config.grid.design {
        Design::Budgets { sizes: Sizes::Auto { optimum, .. }, .. } => Some(optimum.params(budget)),
        _ => None,
    }
}

/// Cells among which there is a smallest: a slice, or those of one ratio of tokens to parameters.
fn group(request: &Request) -> (Option<u64>, Option<u64>) {
    let ratio = match request.length {
        Length::TokensPerParam(ratio) => Some(ratio.to_bits()),
        _ => None,
    };
    (request.budget.map(f64::to_bits), ratio)
}
