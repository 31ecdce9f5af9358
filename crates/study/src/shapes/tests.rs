//! Made losses of a study with three depths.

use isoflop_fit::LeftOutReason;
use isoflop_fit::study::{StudyOptions, run};
use isoflop_ledger::{Record, RunInfo, RunResult, Status, Valid};
use isoflop_plan::{DataFacts, PlannedCell};

use super::*;

const STUDY: &str = "\
[data]
source = \"synthetic\"
[model]
context = 64
[grid]
budgets = [1e11, 2e11, 4e11, 8e11]
widths = [16, 24, 32, 48, 64, 96]
depths = [1, 2, 3]
min_steps = 1
tolerance = 0.2
[fit]
bootstrap = 100
";

fn planned(text: &str) -> (Config, Grid) {
    let config = Config::parse(text, "a.toml").unwrap();
    let facts = DataFacts {
        vocab: 64,
        train_tokens: None,
        data_sha256: String::new(),
        bytes_per_token: None,
    };
    let grid = Grid::build(&config, &facts).unwrap();
    (config, grid)
}

fn contents(grid: &Grid, loss: impl Fn(&Cell) -> f64) -> Contents {
    let record = |planned: &PlannedCell| {
        let mut result = RunResult::new("", "", planned.cell.clone(), Status::Finished);
        let (loss_nats, tokens) = (loss(&planned.cell), 1);
        let (bits_per_byte, true_loss_nats) = (None, None);
        result.valid = Some(Valid { loss_nats, bits_per_byte, tokens, true_loss_nats });
        Record::new(result, RunInfo::default())
    };
    Contents { records: grid.cells.iter().map(record).collect(), ..Contents::default() }
}

/// A law of N and D at two blocks; three gain 2% from width 48 up and cost 1% below, one costs 3%. Seed 1 lies 0.4% higher, and 0.1%
/// more in three blocks.
fn loss(cell: &Cell) -> f64 {
    let two = Shape { depth: 2, ..cell.shape };
    let n = two.params().total() as f64;
    let d = cell.budget_flops.unwrap() / two.flops_per_token().train();
    let law = 1.8 + 40.0 / n.powf(0.35) + 114.0 / d.powf(0.35);
    let shape = match cell.shape.depth {
        1 => 1.03,
        3 if cell.shape.width >= 48 => 0.98,
        3 => 1.01,
        _ => 1.0,
    };
    let seed = cell.seed as f64;
    law * shape
        * (1.0 + 0.004 * seed)
        * if cell.shape.depth == 3 { 1.0 + 0.001 * seed } else { 1.0 }
}

fn compared(text: &str) -> (ShapeComparison, Study) {
    let (config, grid) = planned(text);
    let contents = contents(&grid, loss);
    let table = observations::table(&contents, &grid).unwrap();
    let convention = Counting::By(config.fit.convention);
    let mut options = StudyOptions { convention, ..StudyOptions::default() };
    options.isoflop = isoflop_options(&config);
    (options.fit.intervals.draws, options.envelope.draws) = (0, 0);
    let study = run(&table, &[], &options).unwrap();
    (comparison(&contents, &grid, &config, Some(&study)).unwrap(), study)
}

#[test]
fn every_size_has_its_best_shape_and_what_it_gains() {
    let (found, study) = compared(&STUDY.replace("depths", "seeds = [0, 1]\ndepths"));
    assert_eq!(found.sizes.len(), 4 * 6);
    for size in &found.sizes {
        assert!(size.by_rule && size.shapes.len() == 3);
        assert_eq!((size.shapes[0].shape.depth, size.shapes[0].change), (2, None));
        let best = &size.shapes[size.best];
        assert_eq!(best.shape.depth, if size.width >= 48 { 3 } else { 2 }, "{size:?}");
        let one = size.shapes.iter().find(|s| s.shape.depth == 1).unwrap();
        assert!((one.change.unwrap().point - 0.03).abs() < 1e-9 && one.seeds == 2);
        if size.best > 0 {
            // -2% in one seed and 0.098% less in the other: 12.7 standard errors either side.
            let change = best.change.unwrap();
            assert!((change.point + 0.01951).abs() < 1e-9, "{change:?}");
            let half = change.interval.unwrap().hi - change.point;
            assert!((half - 12.7062 * 0.00049).abs() < 1e-7, "{half}");
        }
    }
    // The fit reads the rule's shapes alone ...
    assert_eq!(study.rows, 4 * 6 * 2);
    assert!(
        study
            .left_out
            .iter()
            .all(|l| matches!(&l.reason, LeftOutReason::Asked { why } if why.contains("shape")))
    );
    // ... and wide models that gain draw the optima towards them.
    let optima = &found.optima;
    assert_eq!(optima.slices.len(), 4);
    for slice in &optima.slices {
        let (rule, best) = (slice.params.rule.unwrap(), slice.params.best.unwrap());
        assert!(best.point > 1.05 * rule.point, "{slice:?}");
    }
    assert_eq!(optima.exponent.rule.unwrap().point, study.isoflop().unwrap().params.exponent.point);
    assert!(optima.exponent.best.is_some() && optima.refused.is_empty(), "{optima:?}");
    let figure = &found.figures[0];
    assert_eq!(
        (found.figures.len(), figure.id.as_str(), figure.curves.len()),
        (1, "shape-depth", 24)
    );
    let multiples: Vec<f64> = figure.curves[0].points.iter().map(|p| p.0).collect();
    assert_eq!(multiples, [0.5, 1.0, 1.5]);
}

#[test]
fn one_seed_has_changes_without_intervals() {
    let (found, _) = compared(STUDY);
    let mut changes = found.sizes.iter().flat_map(|s| &s.shapes).filter_map(|s| s.change);
    assert!(changes.all(|change| change.interval.is_none()));
}

#[test]
fn without_the_rules_shape_the_best_stands_in_the_slice() {
    let cells = "{ width = 48, flops = 4e11, heads = 2 }, { width = 48, flops = 4e11, depth = 3 }, \
                 { width = 48, flops = 4e11, depth = 3, learning_rate = 1e-3 }, { width = 64, flops = 4e11 }";
    let text = format!(
        "[data]\nsource = \"synthetic\"\n[grid]\nmin_steps = 1\ntolerance = 0.2\ncells = [{cells}]\n"
    );
    let (config, grid) = planned(&text);
    // The third cell is of the second's shape, at a rate that is worse.
    let made = |cell: &Cell| match (cell.shape.width, cell.shape.depth, cell.hyper.learning_rate) {
        (48, 3, rate) => {
            if rate == 1e-3 {
                2.2
            } else {
                1.9
            }
        }
        (48, ..) => 2.0,
        _ => 1.8,
    };
    let contents = contents(&grid, made);
    let table = observations::table(&contents, &grid).unwrap();
    let losses: Vec<f64> = table.rows().iter().map(|r| r.loss_nats).collect();
    assert!(losses.len() == 3 && !losses.contains(&2.0), "{losses:?}");
    let found = comparison(&contents, &grid, &config, None).unwrap();
    let [size] = found.sizes.as_slice() else { panic!("{found:?}") };
    assert!(!size.by_rule && size.best == 0);
    assert_eq!((size.shapes[0].loss_nats, size.shapes[0].settings), (1.9, 2));
    assert!((size.shapes[1].change.unwrap().point - (2.0 / 1.9 - 1.0)).abs() < 1e-12);
    assert!(found.optima.exponent.best.is_none() && !found.optima.refused.is_empty());
}

#[test]
fn studies_of_one_shape_a_width_have_no_comparison() {
    let (config, grid) = planned(&STUDY.replace("depths = [1, 2, 3]\n", ""));
    assert_eq!(comparison(&contents(&grid, loss), &grid, &config, None), None);
}
