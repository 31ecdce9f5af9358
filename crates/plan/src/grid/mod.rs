//! A checked configuration and the facts about its data -> the cells to train, in stacks.

mod early;
mod feasible;
mod layout;
mod multiplied;
mod reach;
mod shapes;
mod stacks;
mod tune;
mod union;
mod warning;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::config::{Config, ConfigError, ConfigErrors, LawOf};
use crate::memory::Kept;
use crate::rules::Provenance;
use crate::rules::shape::{self, ShapeRange, ShapeSources};
use crate::{Cell, Convention, Stack};

pub use multiplied::{Multipliers, Taken};
pub use reach::Reach;
pub use shapes::ShapeRole;
pub use stacks::{MOST_REPLICAS, StackLimits};
pub(crate) use warning::heads_jump;
pub use warning::{Doubt, PlanWarning, Remedy, ShapeJump};

/// What a plan needs to know about the data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataFacts {
    pub vocab: usize,
    /// Training tokens there are; `None` where they never end.
    pub train_tokens: Option<u64>,
    /// Names the tokenised data.
    pub data_sha256: String,
    /// Bytes of text per token; `None` where the tokens stand for no text.
    pub bytes_per_token: Option<f64>,
}

/// Everything that is going to be trained.
#[derive(Debug, Clone, Serialize)]
pub struct Grid {
    /// The cells: by budget, then by size, shape, multipliers and seed.
    pub cells: Vec<PlannedCell>,
    /// The same cells in the groups that train together, cheapest first.
    pub stacks: Vec<Stack>,
    /// Experiments beside the plain cells, and where; `None` where there are none.
    pub multipliers: Option<Multipliers>,
    pub warnings: Vec<PlanWarning>,
    /// What is known of the rules that give a width its shape.
    pub shape_rules: ShapeRange,
    /// How N and C of the design were counted.
    pub convention: Convention,
    /// The data it was made for.
    pub data: DataFacts,
    /// Held-out tokens and evaluations per cell, for the time they take.
    pub evaluation: Evaluation,
    /// What the operations of the device that it was last laid out for keep.
    #[serde(skip)]
    pub(crate) kept: Kept,
}

/// What evaluating costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Evaluation {
    /// Held-out tokens per evaluation.
    pub tokens: u64,
    /// Evaluations per cell.
    pub points: usize,
}

/// A cell and how it came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedCell {
    pub cell: Cell,
    /// What its shape is to its slice.
    pub role: ShapeRole,
    /// Factor on the learning rate that the rule or the user gives.
    pub lr_multiplier: f64,
    /// Factor on the batch that the rule or the user gives.
    pub batch_multiplier: f64,
    /// Where its hyper-parameters come from.
    pub sources: HyperSources,
    /// Where its shape comes from.
    pub shape_sources: ShapeSources,
    /// Passes over the training data; `None` where the data never ends.
    pub epochs: Option<f64>,
}

/// Where the hyper-parameters of a cell come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HyperSources {
    pub learning_rate: Provenance,
    pub batch: Provenance,
    pub beta2: Provenance,
    pub warmup: Provenance,
    pub weight_decay: Provenance,
    pub precision: Provenance,
}

impl PlannedCell {
    /// Whether the cell has the plain learning rate, batch and shape, so that it belongs in a slice: of the candidates of one size,
    /// which have no plain one among them, the best does.
    pub fn is_plain(&self) -> bool {
        self.is_unscaled() && self.role != ShapeRole::Beside
    }

    /// Whether the cell has the plain learning rate and batch, whatever its shape.
    pub fn is_unscaled(&self) -> bool {
        self.lr_multiplier == 1.0 && self.batch_multiplier == 1.0
    }
}

/// The most replicas that pay for models whose training step costs so many FLOPs a replica; `None` where nothing is known.
pub type MeasuredWidth<'a> = &'a dyn Fn(f64) -> Option<usize>;

impl Grid {
    /// Lays the grid out, resolves every hyper-parameter and groups the cells into stacks.
    ///
    /// # Errors
    ///
    /// Every reason why the grid cannot be: sizes that are the same model, runs of too few steps,
    /// budgets that whole steps cannot meet, shapes that do not exist. Each names its key and line.
    pub fn build(config: &Config, data: &DataFacts) -> Result<Self, ConfigErrors> {
        let mut errors: Vec<ConfigError> =
            config.calibrations().iter().map(|(of, folder)| unread(config, *of, folder)).collect();
        if !errors.is_empty() {
            return Err(ConfigErrors { errors });
        }
        let requests = layout::requests(config, data.vocab, &mut errors);
        let chosen = multiplied::choose(config, &requests, &mut errors);
        let mut cells = Vec::new();
        for (request, chosen) in requests.iter().zip(&chosen) {
            if errors.len() >= MOST_ERRORS {
                break;
            }
            match tune::cells(config, data, request, !chosen.is_empty()) {
                Ok(planned) => cells.extend(planned),
                Err(error) => errors.push(*error),
            }
        }
        refuse_twins(config, &cells, &mut errors);
        if !errors.is_empty() {
            let mut errors = merged(errors);
            feasible::advise(config, data, &mut errors);
            return Err(ConfigErrors { errors });
        }
        let shaped = |c: &&PlannedCell| c.shape_sources.any_rule();
        let by_rule = cells.iter().filter(shaped).map(|c| &c.cell.shape);
        let shape_rules = ShapeRange::of(shape::MEASURED, by_rule);
        let mut grid = Self {
            cells,
            stacks: Vec::new(),
            multipliers: multiplied::multipliers(config, &requests, chosen),
            warnings: Vec::new(),
            shape_rules,
            convention: config.grid.convention,
            data: data.clone(),
            evaluation: Evaluation {
                tokens: config.data.valid_tokens,
                points: config.train.valid_points,
            },
            kept: Kept::All,
        };
        grid.warnings = warning::check(config, &grid);
        grid.restack(StackLimits::of(config), None);
        Ok(grid)
    }

    /// Groups the cells anew, once the device's memory is known, in stacks as wide as has been
    /// measured to pay; where nothing was measured, `limits.max_width` holds. Warns of stacks that may
    /// not fit.
    pub fn restack(&mut self, limits: StackLimits, measured: Option<MeasuredWidth>) {
        self.kept = limits.kept;
        self.stacks = stacks::group(self.cells.iter().map(|c| &c.cell), limits, measured);
        self.warnings.retain(|w| {
            !matches!(w, PlanWarning::MemoryShort { .. } | PlanWarning::MicroBatches { .. })
        });
        self.warnings.extend(warning::memory_short(&self.stacks, limits));
    }

    /// Groups of cells that can train as one program, longest first in each: the costliest step last.
    pub fn alike(&self) -> Vec<Vec<&Cell>> {
        let mut groups = stacks::alike(self.cells.iter().map(|c| &c.cell));
        groups.sort_by(|a, b| a[0].step_flops().total_cmp(&b[0].step_flops()));
        groups
    }

    /// The cells of each budget, ascending; cells outside any slice are left out.
    pub fn slices(&self) -> Vec<(f64, Vec<&PlannedCell>)> {
        let mut slices: BTreeMap<u64, Vec<&PlannedCell>> = BTreeMap::new();
        for planned in &self.cells {
            if let Some(budget) = planned.cell.budget_flops {
                // Positive floats sort as their bits do.
                slices.entry(budget.to_bits()).or_default().push(planned);
            }
        }
        slices.into_iter().map(|(bits, cells)| (f64::from_bits(bits), cells)).collect()
    }

    /// Exact training FLOPs of all cells.
    pub fn train_flops(&self) -> f64 {
        self.cells.iter().map(|c| c.cell.flops()).sum()
    }

    /// Exact FLOPs of all evaluations.
    pub fn evaluation_flops(&self) -> f64 {
        let tokens = self.evaluation.tokens as f64 * self.evaluation.points as f64;
        self.cells.iter().map(|c| c.cell.shape.flops_per_token().forward() * tokens).sum()
    }

    /// Tokens of the longest cell: what the data has to have for a single epoch.
    pub fn tokens_needed(&self) -> u64 {
        self.cells.iter().map(|c| c.cell.tokens()).max().unwrap_or(0)
    }

    /// Most passes over the data that any cell makes; `None` where the data never ends.
    pub fn most_epochs(&self) -> Option<f64> {
        self.cells.iter().filter_map(|c| c.epochs).max_by(f64::total_cmp)
    }
}

/// A law has no numbers before somebody has read the calibration that it is fitted to.
fn unread(config: &Config, of: LawOf, folder: &Path) -> ConfigError {
    *config.error(
        of.key(),
        "a law with its numbers",
        format!("the calibration {}, which has not been read", folder.display()),
        "fit it first (`Config::calibrations`, `Config::settle_law`), or write `coefficient` and `exponent`",
    )
}

/// Two cells of one id would be one run counted twice.
fn refuse_twins(config: &Config, cells: &[PlannedCell], errors: &mut Vec<ConfigError>) {
    let mut seen = BTreeMap::new();
    for planned in cells {
        let cell = &planned.cell;
        if seen.insert(&cell.id, cell).is_some() && errors.len() < MOST_ERRORS {
            errors.push(*config.error(
                "grid",
                "cells that all differ",
                format!("{} with {} steps twice", cell.shape, cell.steps),
                "leave out one of the two, or give them different seeds",
            ));
        }
    }
}

/// No more are looked for: of a large grid every cell may be at fault.
const MOST_ERRORS: usize = 1000;
/// Finds of one error that are named; the others are counted.
const NAMED: usize = 3;

/// In the order of the file; errors of one key and one kind become one that names the first it found.
fn merged(errors: Vec<ConfigError>) -> Vec<ConfigError> {
    let or_above = if errors.len() >= MOST_ERRORS { " or above" } else { "" };
    let mut kept: Vec<(ConfigError, Vec<String>)> = Vec::new();
    for error in errors {
        let alike = |(e, _): &&mut (ConfigError, Vec<String>)| {
            (&e.key, &e.expected, &e.hint) == (&error.key, &error.expected, &error.hint)
        };
        match kept.iter_mut().find(alike) {
            Some((_, found)) if found.contains(&error.found) => {}
            Some((_, found)) => found.push(error.found),
            None => {
                let found = vec![error.found.clone()];
                kept.push((error, found));
            }
        }
    }
    let told = |(error, found): (ConfigError, Vec<String>)| ConfigError {
        found: match found.len() {
            // A count in place of one find would be no shorter.
            n if n <= NAMED + 1 => found.join("; "),
            n => format!("{}; and {} more{or_above}", found[..NAMED].join("; "), n - NAMED),
        },
        ..error
    };
    let mut kept: Vec<ConfigError> = kept.into_iter().map(told).collect();
    kept.sort_by_key(|e| e.place.as_ref().map(|p| (p.line, p.column)));
    kept
}
