//! From a design to requests: one shape and one length each, before any hyper-parameter.

use super::MOST_ERRORS;
use super::shapes::{self, ShapeRole};
use crate::Shape;
use crate::config::{CellSize, CellSpec, Config, ConfigError, Design, Length, OptimumRule, Sizes};

/// One run that the design asks for.
pub(super) struct Request {
    /// The key that asks for it.
    pub(super) key: String,
    pub(super) shape: Shape,
    pub(super) role: ShapeRole,
    pub(super) length: Length,
    /// The slice it belongs to.
    pub(super) budget: Option<f64>,
    pub(super) learning_rate: Option<f64>,
    pub(super) batch_tokens: Option<f64>,
}

impl Request {
    fn new(key: &str, shape: Shape, length: Length) -> Self {
        let budget = match length {
            Length::Flops(flops) => Some(flops),
            _ => None,
        };
        let (learning_rate, batch_tokens) = (None, None);
        let role = ShapeRole::Plain;
        Self { key: key.into(), shape, role, length, budget, learning_rate, batch_tokens }
    }
}

/// A size of the design: the key and value that ask for it, and the shape they come to.
struct Sized {
    name: String,
    shape: Shape,
}

/// One of the budgets.
#[derive(Clone, Copy)]
struct Slice {
    index: usize,
    budget: f64,
    /// The lowest of all budgets.
    lowest: f64,
}

/// All runs that the design asks for, in order: by budget, then by size, then by shape.
pub(super) fn requests(
    config: &Config,
    vocab: usize,
    errors: &mut Vec<ConfigError>,
) -> Vec<Request> {
    let layout = Layout { config, vocab };
    let mut requests = Vec::new();
    match &config.grid.design {
        Design::Budgets { budgets, sizes } => {
            for (index, budget) in budgets.iter().enumerate() {
                if errors.len() >= MOST_ERRORS {
                    break;
                }
                let slice = Slice { index, budget: *budget, lowest: budgets[0] };
                for sized in layout.sizes(sizes, Some(slice), errors) {
                    let length = Length::Flops(*budget);
                    requests.extend(shapes::beside(config, sized.shape).into_iter().map(
                        |(shape, role)| Request {
                            role,
                            ..Request::new("grid.budgets", shape, length)
                        },
                    ));
                }
            }
            shapes::refuse_heads(config, &requests, errors);
        }
        Design::TokensPerParam { ratios, sizes } => {
            let sized = layout.sizes(sizes, None, errors);
            for ratio in ratios {
                let length = Length::TokensPerParam(*ratio);
                requests.extend(
                    sized.iter().map(|s| Request::new("grid.tokens_per_param", s.shape, length)),
                );
            }
        }
        Design::Cells(cells) => {
            for (i, spec) in cells.iter().enumerate() {
                if errors.len() >= MOST_ERRORS {
                    break;
                }
                let key = format!("grid.cells[{i}]");
                match layout.explicit(&key, spec) {
                    Ok(shape) => requests.push(Request {
                        learning_rate: spec.learning_rate,
                        batch_tokens: spec.batch_tokens,
                        ..Request::new(&key, shape, spec.length)
                    }),
                    Err(error) => errors.push(*error),
                }
            }
            shapes::assign_roles(config, vocab, &mut requests);
        }
    }
    requests
}

struct Layout<'a> {
    config: &'a Config,
    vocab: usize,
}

impl Layout<'_> {
    /// The shapes of one budget, all different.
    fn sizes(
        &self,
        sizes: &Sizes,
        slice: Option<Slice>,
        errors: &mut Vec<ConfigError>,
    ) -> Vec<Sized> {
        let (key, found) = match sizes {
            Sizes::Widths(lists) => {
                let index = slice.map_or(0, |s| s.index.min(lists.len().saturating_sub(1)));
                let widths = lists.get(index).map_or(&[][..], |w| w);
                let found: Vec<_> = widths
                    .iter()
                    .map(|w| (format!("width {w}"), self.width("grid.widths", *w)))
                    .collect();
                ("grid.widths", found)
            }
            Sizes::Params(params) => {
                let found: Vec<_> = params
                    .iter()
                    .map(|n| (format!("{n:e}"), self.nearest("grid.params", *n)))
                    .collect();
                ("grid.params", found)
            }
            Sizes::Auto { count, spread, optimum } => {
                let found: Vec<_> = spread_sizes(*count, *spread, *optimum, slice)
                    .into_iter()
                    .map(|n| (format!("{n:.2e}"), self.nearest("grid.sizes", n)))
                    .collect();
                ("grid.sizes", found)
            }
        };
        let mut kept: Vec<Sized> = Vec::new();
        for (name, shape) in found {
            if errors.len() >= MOST_ERRORS {
                break;
            }
            match shape {
                Err(error) => errors.push(*error),
                Ok(shape) => match kept.iter().find(|k| k.shape == shape) {
                    Some(twin) => {
                        errors.push(*self.same_shape(key, slice, &twin.name, &name, &shape))
                    }
                    None => kept.push(Sized { name, shape }),
                },
            }
        }
        kept
    }

    fn width(&self, key: &str, width: usize) -> Result<Shape, Box<ConfigError>> {
        self.config.model.shape(width, self.vocab).map_err(|e| {
            let hint = "choose other widths, or leave `model.head_dim` to the rule";
            let expected = "widths that attention heads fill";
            self.config.error(key, expected, e.to_string(), hint)
        })
    }

    fn nearest(&self, key: &str, params: f64) -> Result<Shape, Box<ConfigError>> {
        let convention = self.config.grid.convention;
        self.config.model.nearest(params, convention, self.vocab).ok_or_else(|| {
            let ladder = self.config.model.ladder(self.vocab);
            let ends = [ladder.first(), ladder.last()]
                .map(|s| s.map_or_else(|| "none".into(), |s| format!("{:.1e}", convention.params(s))));
            let expected =
                format!("sizes from about {} to {} parameters ({convention})", ends[0], ends[1]);
            let hint = format!(
                "with a vocabulary of {} the smallest model has that size; change the budgets, `spread` or the sizes",
                self.vocab
            );
            self.config.error(key, expected, format!("a size of {params:.2e}"), hint)
        })
    }

    fn same_shape(
        &self,
        key: &str,
        slice: Option<Slice>,
        first: &str,
        second: &str,
        shape: &Shape,
    ) -> Box<ConfigError> {
        // Only sizes that follow the budget may be twins in one slice and not in the next.
        let (at, hint) = match slice.filter(|_| key == "grid.sizes") {
            Some(slice) => (
                format!(" at {:e} FLOPs", slice.budget),
                "ask for fewer `sizes`, a larger `spread` or larger budgets, or list `widths`",
            ),
            None => (String::new(), "leave one of them out, or move them further apart"),
        };
        let params = self.config.grid.convention.params(shape);
        self.config.error(
            key,
            "sizes that are different models",
            format!(
                "{first} and {second}{at}, which both come to {shape} ({params:.3e} parameters)"
            ),
            hint,
        )
    }

    fn explicit(&self, key: &str, spec: &CellSpec) -> Result<Shape, Box<ConfigError>> {
        let width = match spec.size {
            CellSize::Params(params) => return self.nearest(key, params),
            CellSize::Width(width) => width,
        };
        let mut shape = match spec.heads {
            // The user's heads stand even where the rule would have none.
            Some(heads) => {
                let mut model = self.config.model.clone();
                model.head_dim = Some(width / heads);
                model.shape(width, self.vocab).map_err(|e| {
                    let expected = "heads that divide the width into even parts";
                    self.config.error(key, expected, e.to_string(), "change `heads`")
                })?
            }
            None => self.width(key, width)?,
        };
        shape.depth = spec.depth.unwrap_or(shape.depth);
        shape.hidden = spec.hidden.unwrap_or(shape.hidden);
        Ok(shape)
    }
}

/// `count` sizes from expected optimum / spread to expected optimum x spread, evenly in logarithms.
/// All budgets draw from one such series, which the lowest budget meets exactly and the others
/// within half a step, so that they share models, and stacks.
fn spread_sizes(count: usize, spread: f64, optimum: OptimumRule, slice: Option<Slice>) -> Vec<f64> {
    let Some(slice) = slice else { return Vec::new() };
    let step = spread.ln() * 2.0 / (count.max(2) - 1) as f64;
    let anchor = (optimum.params(slice.lowest) / spread).ln();
    let smallest = (optimum.params(slice.budget) / spread).ln();
    let offset = ((smallest - anchor) / step).round();
    (0..count).map(|i| (anchor + (offset + i as f64) * step).exp()).collect()
}
