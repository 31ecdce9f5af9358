use std::path::{Path, PathBuf};

use isoflop_ledger::{Ledger, Record, RunInfo, RunResult, Valid};
use isoflop_plan::{DataFacts, Grid, PlannedCell, Provenance};

use super::*;
use crate::events::Silent;

const STUDY: &str = "[data]\nsource = \"synthetic\"\n[model]\ncontext = 16\n[grid]\nbudgets = [1e10, 4e10]\nwidths = [[16, 24, 32], [24, 32, 48]]\n";
const RATES: &str =
    "lr_multipliers = [0.25, 0.5, 1, 2, 4]\nmultiply = [\"smallest\", \"largest\"]\n";

/// What the best rate of a cell is in a made world.
fn best_rate(planned: &PlannedCell) -> f64 {
    let n = planned.cell.shape.params().non_embedding() as f64;
    0.06 * n.powf(-0.2) * (planned.cell.batch_tokens() as f64 / 64.0).sqrt()
}

fn away_from_best_rate(planned: &PlannedCell) -> Option<f64> {
    Some(1.6 + 0.05 * (planned.cell.hyper.learning_rate / best_rate(planned)).ln().powi(2))
}

fn facts() -> DataFacts {
    DataFacts { vocab: 64, train_tokens: None, data_sha256: String::new(), bytes_per_token: None }
}

fn config(text: &str, results: &Path) -> Config {
    let text = format!("[study]\nresults = {results:?}\n{text}");
    Config::parse(&text, "a.toml").unwrap_or_else(|e| panic!("{e}"))
}

/// A folder with the results that a study would have where a cell comes to `loss`; `None` diverges.
fn made(folder: &Path, text: &str, loss: impl Fn(&PlannedCell) -> Option<f64>) -> PathBuf {
    let results = folder.join("calibration");
    let config = config(text, &results);
    let grid = Grid::build(&config, &facts()).unwrap_or_else(|e| panic!("{e}"));
    let mut ledger = Ledger::open(&results, "").unwrap();
    ledger.settle_config(&config, false).unwrap();
    for planned in &grid.cells {
        let loss = loss(planned);
        let status = match loss {
            Some(_) => Status::Finished,
            None => Status::Diverged { step: 3, reason: "loss is NaN".into() },
        };
        let mut result = RunResult::new("", "", planned.cell.clone(), status);
        result.valid = loss.map(|loss_nats| Valid {
            loss_nats,
            bits_per_byte: None,
            tokens: 1,
            true_loss_nats: None,
        });
        ledger.append(Record::new(result, RunInfo::default())).unwrap();
    }
    results
}

/// A study that takes `key` from a calibration, with its law.
fn taken(folder: &Path, key: &str, from: &Path) -> Result<Config, String> {
    let text = format!("{STUDY}[train]\n{key} = {{ from = {from:?} }}\n");
    let mut config = config(&text, &folder.join("study"));
    fit_calibrations(&mut config, &mut Silent).map_err(|error| error.to_string())?;
    Ok(config)
}

fn law(config: &Config, of: LawOf) -> &PowerLaw {
    let setting = match of {
        LawOf::LearningRate => &config.train.learning_rate,
        LawOf::Batch => &config.train.batch_tokens,
    };
    match setting {
        Setting::Rule(RateRule::Law { law, .. }) => law,
        other => panic!("{other:?}"),
    }
}

fn refusal(key: &str, text: &str, loss: impl Fn(&PlannedCell) -> Option<f64>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let from = made(folder.path(), text, loss);
    let told = taken(folder.path(), key, &from).unwrap_err();
    let last = told.lines().last().unwrap();
    assert!(told.starts_with(&format!("`train.{key}` (a.toml:")), "{told}");
    assert!(told.contains(&from.display().to_string()) && last.starts_with("hint: "), "{told}");
    told
}

#[test]
fn a_made_world_gives_its_law_back() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "{STUDY}{RATES}batch_multipliers = [1, 2]\nmultipliers = \"product\"\n[train]\nbatch_tokens = 64\n"
    );
    let from = made(folder.path(), &text, away_from_best_rate);
    let config = taken(folder.path(), "learning_rate", &from).unwrap();
    let found = law(&config, LawOf::LearningRate);
    assert!((found.coefficient / 0.06 - 1.0).abs() < 1e-5, "{found:?}");
    assert!((found.exponent + 0.2).abs() < 1e-6 && found.batch == Some(64.0), "{found:?}");
    assert!(found.tokens_exponent.unwrap().abs() < 1e-6, "{found:?}");
    let calibration = found.calibration.as_ref().unwrap();
    // Two cells of two budgets, at two batches.
    assert_eq!((calibration.minima, &calibration.folder), (8, &from));

    // The plan says so, has no doubt inside the range, and the resolved file keeps it.
    let grid = Grid::build(&config, &facts()).unwrap();
    let outside = |w: &&isoflop_plan::PlanWarning| w.to_string().contains("the learning rate of");
    assert_eq!(grid.warnings.iter().find(outside), None);
    for planned in &grid.cells {
        let rate = planned.cell.hyper.learning_rate;
        assert!((rate / best_rate(planned) - 1.0).abs() < 1e-6);
        let Provenance::Calibrated(source) = &planned.sources.learning_rate else { panic!() };
        assert!(source.contains(" (B / 64)^.5 from 8 minima, N "), "{source}");
    }
    let again = Config::parse(&config.resolved_toml(), "b.toml").unwrap();
    assert_eq!(again, config);
    assert_eq!(again.calibrations(), []);
}

#[test]
fn a_batch_is_taken_at_the_best_rates_or_at_shared_ones() {
    for product in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let best = |planned: &PlannedCell| 0.6 * (planned.cell.tokens() as f64).powf(0.5);
        let loss = |planned: &PlannedCell| {
            let off = (planned.cell.batch_tokens() as f64 / best(planned)).ln();
            Some(away_from_best_rate(planned).filter(|_| product).unwrap_or(1.6) + 0.02 * off * off)
        };
        let rates = if product {
            "lr_multipliers = [0.0625, 0.125, 0.25, 0.5, 1, 2, 4, 8]\nmultipliers = \"product\"\n"
        } else {
            ""
        };
        let text = format!(
            "{STUDY}{rates}batch_multipliers = [0.25, 0.5, 1, 2, 4]\nmin_steps = 1\ntolerance = 0.02\n[train]\nbatch_tokens = 256\n"
        );
        let from = made(folder.path(), &text, loss);
        let config = taken(folder.path(), "batch_tokens", &from).unwrap();
        let found = law(&config, LawOf::Batch);
        assert!((found.coefficient / 0.6 - 1.0).abs() < 0.1, "{found:?}");
        assert!((found.exponent - 0.5).abs() < 0.01 && found.batch.is_none(), "{found:?}");
        let again = Config::parse(&config.resolved_toml(), "b.toml").unwrap();
        assert_eq!(again, config);
    }
}

#[test]
fn seeds_are_averaged() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{STUDY}{RATES}seeds = [0, 1]\n[train]\nbatch_tokens = 64\n");
    // Each seed alone has its minimum elsewhere.
    let loss = |planned: &PlannedCell| {
        let x = (planned.cell.hyper.learning_rate / best_rate(planned)).ln();
        let shift = if planned.cell.seed == 0 { 0.3 } else { -0.3 };
        Some(1.6 + 0.05 * (x - shift).powi(2))
    };
    let from = made(folder.path(), &text, loss);
    let config = taken(folder.path(), "learning_rate", &from).unwrap();
    let found = law(&config, LawOf::LearningRate);
    assert!((found.exponent + 0.2).abs() < 1e-6 && found.tokens_exponent.is_none(), "{found:?}");
    assert_eq!(found.calibration.as_ref().unwrap().minima, 4);
}

#[test]
fn ladders_that_end_too_early_are_named() {
    let text = format!("{STUDY}{RATES}[train]\nbatch_tokens = 64\n");
    let falling = |planned: &PlannedCell| Some(2.0 - 0.01 * planned.lr_multiplier);
    let told = refusal("learning_rate", &text, falling);
    assert!(told.contains("the best rate of L2 d16"), "{told}");
    assert!(told.contains("FLOPs, 64 tokens per step is the highest of its ladder"), "{told}");
    assert!(told.contains("times 2.00 to them") && told.contains("--extend"), "{told}");
    let rising = |planned: &PlannedCell| Some(2.0 + 0.01 * planned.lr_multiplier);
    let told = refusal("learning_rate", &text, rising);
    assert!(told.contains("the lowest of `grid.lr_multipliers` times 0.50"), "{told}");
    // What diverged bounds the ladder: the next rate is between the two.
    let cut = |planned: &PlannedCell| falling(planned).filter(|_| planned.lr_multiplier < 3.0);
    let told = refusal("learning_rate", &text, cut);
    assert!(told.contains("the highest of `grid.lr_multipliers` times 1.41"), "{told}");
    let batch = format!("{STUDY}batch_multipliers = [1, 2, 4]\n[train]\nbatch_tokens = 16\n");
    let rising = |planned: &PlannedCell| Some(2.0 + 0.01 * planned.batch_multiplier);
    let told = refusal("batch_tokens", &batch, rising);
    assert!(told.contains("is the lowest of its ladder, 16 tokens"), "{told}");
    assert!(
        told.contains("`grid.batch_multipliers`") && told.contains("`model.context`"),
        "{told}"
    );
}

#[test]
fn what_is_no_calibration_is_refused() {
    let plain = |_: &PlannedCell| Some(2.0);
    let told = refusal("learning_rate", STUDY, plain);
    assert!(told.contains("needs ladders at two sizes") && told.contains("multiply = "), "{told}");
    let told = refusal("batch_tokens", STUDY, plain);
    assert!(told.contains("needs ladders at two lengths"), "{told}");
    let two = format!("{STUDY}lr_multipliers = [1, 2]\n");
    let told = refusal("learning_rate", &two, plain);
    assert!(told.contains("2 of the 3 rates"), "{told}");
    let text = format!("{STUDY}{RATES}[train]\nbatch_tokens = 64\n");
    let dented = |planned: &PlannedCell| {
        let losses = [(0.25, 2.0), (0.5, 1.5), (1.0, 1.9), (2.0, 1.51), (4.0, 1.9)];
        losses.iter().find(|(m, _)| *m == planned.lr_multiplier).map(|(_, loss)| *loss)
    };
    let told = refusal("learning_rate", &text, dented);
    assert!(told.contains("hint: train several `seeds`"), "{told}");

    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let told = taken(folder.path(), "learning_rate", &nowhere).unwrap_err();
    assert!(told.contains("nowhere: it holds no results\nhint: train it first"), "{told}");
    let from = made(folder.path(), &text, away_from_best_rate);
    std::fs::create_dir(from.join(CHECKPOINT_FOLDER)).unwrap();
    let told = taken(folder.path(), "learning_rate", &from).unwrap_err();
    assert!(told.contains("not been trained to the end\nhint: go on with it"), "{told}");
    std::fs::remove_dir(from.join(CHECKPOINT_FOLDER)).unwrap();
    let mut own =
        config(&format!("{STUDY}[train]\nlearning_rate = {{ from = {from:?} }}\n"), &from);
    let told = fit_calibrations(&mut own, &mut Silent).unwrap_err().to_string();
    assert!(told.contains("the study's own results folder"), "{told}");
}

#[test]
fn a_results_folder_needs_no_calibration_and_notices_a_changed_one() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{STUDY}{RATES}[train]\nbatch_tokens = 64\n");
    let from = made(folder.path(), &text, away_from_best_rate);
    let first = taken(folder.path(), "learning_rate", &from).unwrap();
    let mut ledger = Ledger::open(&first.study.results, "").unwrap();
    ledger.settle_config(&first, false).unwrap();
    let cell = Grid::build(&first, &facts()).unwrap().cells[0].cell.clone();
    let status = Status::Diverged { step: 1, reason: "the loss is NaN".into() };
    let result = RunResult::new("", &facts().data_sha256, cell, status);
    ledger.append(Record::new(result, RunInfo::default())).unwrap();

    std::fs::rename(&from, folder.path().join("away")).unwrap();
    assert_eq!(taken(folder.path(), "learning_rate", &from).unwrap(), first);

    let steeper = |planned: &PlannedCell| {
        let x = (planned.cell.hyper.learning_rate / best_rate(planned) / 1.2).ln();
        Some(1.6 + 0.05 * x * x)
    };
    assert_eq!(made(folder.path(), &text, steeper), from);
    let changed = taken(folder.path(), "learning_rate", &from).unwrap();
    let refused = ledger.settle_config(&changed, false).unwrap_err().to_string();
    assert!(refused.contains("train.learning_rate: { coefficient = "), "{refused}");
}

#[test]
fn other_runs_are_no_calibration_of_these_without_a_word() {
    struct Told(Vec<String>);
    impl Observer for Told {
        fn tell(&mut self, update: &crate::events::Update) {
            if let crate::events::Update::Warning { text } = update {
                self.0.push((*text).to_owned());
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{STUDY}{RATES}[train]\nbatch_tokens = 64\n");
    let from = made(folder.path(), &text, away_from_best_rate);
    for (optimizer, warned) in [("adamw", false), ("muon", true)] {
        let text = format!(
            "{STUDY}[train]\noptimizer = \"{optimizer}\"\nlearning_rate = {{ from = {from:?} }}\n"
        );
        let mut told = Told(Vec::new());
        fit_calibrations(&mut config(&text, &folder.path().join("study")), &mut told).unwrap();
        let optimizer = |text: &String| text.contains("train.optimizer: \"adamw\" -> \"muon\"");
        assert_eq!(told.0.iter().any(optimizer), warned, "{:?}", told.0);
        assert_eq!(told.0.is_empty(), !warned);
    }
}

/// The rule is a law of N and D through the minima of the shipped calibration, found by another fit of the same ladders: within
/// what was fitted the two are near each other.
#[test]
fn the_shipped_calibration_gives_about_the_rule() {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/calibration");
    let folder = tempfile::tempdir().unwrap();
    let config = taken(folder.path(), "learning_rate", &from).unwrap();
    let found = law(&config, LawOf::LearningRate);
    let calibration = found.calibration.as_ref().unwrap();
    assert_eq!((calibration.minima, calibration.range.params), (21, (1720.0, 155_344.0)));
    assert!(found.tokens_exponent.is_some(), "{found:?}");
    let contents = isoflop_ledger::read(&from).unwrap();
    for record in contents.current().values() {
        let (cell, tokens) = (&record.result.cell, record.result.tokens as f64);
        let batch = cell.batch_tokens() as f64;
        let measured = RateRule::Measured.learning_rate(&cell.shape, tokens, batch);
        let rate = found.learning_rate(&cell.shape, tokens, batch);
        assert!((rate / measured).ln().abs() < 1.15f64.ln(), "{rate} for {measured}");
    }
}
