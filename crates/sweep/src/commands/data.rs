//! `sweep data`: what there is to train on.

use isoflop::StudyData;
use isoflop_data::Corpus;
use isoflop_plan::{Config, ConfigErrors, Grid, OptimumRule};
use isoflop_report::number;
use serde_json::{Value, json};

use crate::cli::DataArgs;
use crate::{print, progress};

/// Epochs over which repeated tokens are nearly as good as new ones (Muennighoff et al. 2023).
const EPOCHS: [f64; 2] = [1.0, 4.0];

/// Prints an assessment of the data.
pub fn run(args: &DataArgs) -> anyhow::Result<()> {
    let mut observer = progress::observer(&args.output);
    let progress = &mut *observer;
    let mut config = args.config.load()?;
    isoflop::fit_calibrations(&mut config, progress)?;
    let (corpus, assessment) = isoflop_data::assess(&config.data, &mut progress.data())?;
    let budgets = match Budgets::of(&config, &corpus) {
        Ok(budgets) => Some(budgets),
        // The assessment of the data stands without a grid.
        Err(error) => {
            progress.warn(format!("no largest budget, for the grid is refused: {error}"));
            None
        }
    };
    progress.clear();
    if args.output.json {
        let mut value = serde_json::to_value(&assessment)?;
        if let Value::Object(facts) = &mut value {
            facts.insert("largest_budgets".to_owned(), budgets.map_or(Value::Null, |b| b.json()));
        }
        print::json(&value)?;
    } else {
        let budgets = match &budgets {
            Some(budgets) => budgets.rows(),
            None => row("largest budget", "unknown: the grid is refused, see the warning"),
        };
        print::text(&(assessment.to_string() + &budgets))?;
    }
    Ok(())
}

/// What the training tokens suffice for.
struct Budgets {
    /// Where the tokens end: the grid, the rule for its optimum and how many there are.
    ends: Option<(Grid, OptimumRule, u64)>,
}

impl Budgets {
    fn of(config: &Config, corpus: &Corpus) -> Result<Self, ConfigErrors> {
        let Some(tokens) = corpus.train_tokens() else { return Ok(Self { ends: None }) };
        let grid = Grid::build(config, &StudyData::of(corpus).facts())?;
        Ok(Self { ends: Some((grid, OptimumRule::of(config), tokens)) })
    }

    fn json(&self) -> Value {
        match &self.ends {
            None => Value::Null,
            Some((grid, rule, tokens)) => {
                let reach = EPOCHS.map(|epochs| grid.reach(*rule, *tokens, epochs));
                json!(reach)
            }
        }
    }

    /// As lines of the assessment's table.
    fn rows(&self) -> String {
        let Some((grid, rule, tokens)) = &self.ends else {
            return row("largest budget", "any: the tokens never end");
        };
        let mut rows = String::new();
        for reach in EPOCHS.map(|epochs| grid.reach(*rule, *tokens, epochs)) {
            let name = match reach.epochs {
                1.0 => "largest budget, 1 epoch".to_owned(),
                epochs => format!("largest budget, {epochs} epochs"),
            };
            let run = number::scientific(reach.run_flops, 2);
            let slice = match reach.slice_flops {
                Some(flops) => format!(
                    "; {} for a slice as wide as the grid's, whose smallest model takes most tokens",
                    number::scientific(flops, 2)
                ),
                None => String::new(),
            };
            rows += &row(
                &name,
                &format!("{run} FLOPs for one run of the expected optimal size{slice}"),
            );
        }
        let rule = format!(
            "N = {} C^{}, C = 6 N D",
            number::significant(rule.coefficient, 3),
            number::significant(rule.exponent, 3)
        );
        rows + &row("expected optimal size", &rule)
    }
}

fn row(name: &str, value: &str) -> String {
    format!("{name:<26}{value}\n")
}
