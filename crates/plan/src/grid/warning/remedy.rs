//! What to do about a rule that is used outside the range it was fitted on: a calibration, step by step.

use serde::Serialize;

use crate::config::{Config, Multiply, RateRule};
use crate::{Grid, PlannedCell};

/// Multiples that bracket a minimum a factor of two away.
const LADDER: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];
/// A parabola goes through so many at least.
const FEWEST: usize = 3;

/// How a rule that is used outside its range can be replaced.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Remedy {
    /// A calibration with these multipliers.
    Calibrate { multipliers: Vec<f64> },
    /// This study is one: the law can be fitted to its results.
    Here { results: String },
    /// The rule was fitted to a calibration, which can be extended.
    Extend { folder: String },
    /// Steps are too few, or batches too small, to be multiplied.
    NoRoom,
}

impl Remedy {
    /// What to do about `rule`, which gives the `what` of a grid.
    pub(super) fn of(config: &Config, grid: &Grid, what: &'static str, rule: &RateRule) -> Self {
        let of_batch = what == "batch";
        if let Some(multipliers) = &grid.multipliers {
            let factors = if of_batch { &multipliers.batch } else { &multipliers.learning_rate };
            let asked = |which| multipliers.multiply.contains(&which);
            let ends = asked(Multiply::Smallest) && asked(Multiply::Largest);
            if factors.len() >= FEWEST && (ends || asked(Multiply::All)) {
                let results = config.study.results.to_string_lossy().into();
                return Self::Here { results };
            }
        }
        if let RateRule::Law { law, .. } = rule
            && let Some(calibration) = &law.calibration
        {
            return Self::Extend { folder: calibration.folder.to_string_lossy().into() };
        }
        let fits = |factor: &f64| !of_batch || grid.cells.iter().all(|c| fits(config, c, *factor));
        let multipliers: Vec<f64> = LADDER.into_iter().filter(fits).collect();
        match multipliers.len() >= FEWEST {
            true => Self::Calibrate { multipliers },
            false => Self::NoRoom,
        }
    }

    /// In words, with lines that can be pasted between backticks.
    pub(super) fn advice(&self, what: &str) -> String {
        let (factors, key) = match what {
            "batch" => ("batch_multipliers", "batch_tokens"),
            _ => ("lr_multipliers", "learning_rate"),
        };
        let ends = "`multiply = [\"smallest\", \"largest\"]`";
        match self {
            Self::Calibrate { multipliers } => {
                let list: Vec<String> = multipliers.iter().map(f64::to_string).collect();
                let list = list.join(", ");
                format!(
                    "train a copy of this study with `name = \"calibration\"` in [study], `{factors} = [{list}]` and {ends} in [grid];\n\
                     then write `{key} = {{ from = \"runs/calibration\" }}` in [train] here"
                )
            }
            Self::Here { results } => format!(
                "this study is the calibration: once it is trained, write `{key} = {{ from = {results:?} }}` in [train] of the next"
            ),
            Self::Extend { folder } => format!(
                "train sizes and budgets out to these in {folder} as well: widen its [grid], with {ends}, and run it with `--extend`"
            ),
            Self::NoRoom => format!(
                "take a shorter `model.context`, or longer runs, so that {factors} have room; then calibrate"
            ),
        }
    }
}

/// Whether a plain cell's batch can be multiplied.
fn fits(config: &Config, planned: &PlannedCell, factor: f64) -> bool {
    let cell = &planned.cell;
    let sequences = cell.hyper.batch_sequences as f64 * factor;
    let steps = cell.steps as f64 / factor;
    let whole = sequences.fract() == 0.0 && sequences >= 1.0;
    !planned.is_plain() || whole && steps >= config.grid.min_steps as f64 + 1.0
}
