//! Multipliers at some cells, laws of one's own and of calibrations, and the hint that leads to them.

use isoflop_plan::{
    Calibration, Config, DataFacts, Fitted, Grid, LawOf, PlanWarning, PowerLaw, Provenance, Remedy,
    render_plan,
};

use crate::grid::{STUDY, facts, grid, refusal};

const RATES: &str = "lr_multipliers = [0.5, 1, 2]\n";

fn errors(text: &str) -> String {
    Config::parse(text, "a.toml").map_or_else(|e| e.to_string(), |_| panic!("accepted:\n{text}"))
}

/// Widths of the cells that have several rates, by slice.
fn multiplied(grid: &Grid) -> Vec<Vec<usize>> {
    let of_slice = |cells: &Vec<&isoflop_plan::PlannedCell>| {
        let mut widths: Vec<usize> =
            cells.iter().filter(|c| !c.is_plain()).map(|c| c.cell.shape.width).collect();
        widths.dedup();
        widths
    };
    grid.slices().iter().map(|(_, cells)| of_slice(cells)).collect()
}

#[test]
fn multipliers_are_limited_to_the_cells_that_are_asked_for() {
    let widths = "[grid]\nbudgets = [1e11, 3e11]\nwidths = [[16, 24, 40, 48, 64], [24, 32, 40]]\n";
    for (multiply, expected, cells) in [
        ("\"all\"", [vec![16, 24, 40, 48, 64], vec![24, 32, 40]], 24),
        ("\"smallest\"", [vec![16], vec![24]], 12),
        ("[\"largest\", \"smallest\"]", [vec![16, 64], vec![24, 40]], 16),
        ("[\"minima\"]", [vec![40], vec![32]], 12),
        ("[\"minima\", \"largest\"]", [vec![40, 64], vec![32, 40]], 16),
    ] {
        let grid = grid(&format!("{widths}{RATES}multiply = {multiply}\n"));
        assert_eq!(multiplied(&grid), expected, "{multiply}");
        assert_eq!(grid.cells.len(), cells, "{multiply}");
        assert_eq!(grid.cells.iter().filter(|c| c.is_plain()).count(), 8);
    }
    // Between 14.2k and 130k parameters the geometric middle is 43k: 26k are x1.6 away, 59k x1.4.
    let text = format!("{widths}batch_multipliers = [1, 2]\nmultiply = \"minima\"\n");
    assert_eq!(multiplied(&grid(&text)), [vec![40], vec![32]], "batches too");
}

#[test]
fn minima_of_sizes_are_the_middle_ones() {
    let grid = grid(&format!("{STUDY}{RATES}multiply = \"minima\"\n"));
    for (budget, cells) in grid.slices() {
        let expected = 0.09 * budget.sqrt();
        let off = |c: &&isoflop_plan::PlannedCell| {
            (c.cell.shape.params().total() as f64 / expected).ln().abs()
        };
        let nearest = cells.iter().min_by(|a, b| off(a).total_cmp(&off(b))).unwrap().cell.shape;
        let taken: Vec<_> = cells.iter().filter(|c| !c.is_plain()).collect();
        assert!(taken.len() == 2 && taken.iter().all(|c| c.cell.shape == nearest), "{budget:e}");
    }
    let plan = render_plan(&grid, None, isoflop_text::Width::ANY);
    assert!(plan.contains("Multipliers, one at a time: learning rate x0.5, x1, x2"), "{plan}");
    assert!(plan.contains("at minima of each slice\n"), "{plan}");
    assert!(plan.contains("nearest to the expected optimum 0.09 C^0.5\n"), "{plan}");
    assert_eq!(plan.matches(" (minima)\n").count(), 5, "{plan}");
}

#[test]
fn cells_without_a_slice_have_ends_and_no_minimum() {
    let ratios = format!("[grid]\nwidths = [32, 48, 64]\ntokens_per_param = [20, 40]\n{RATES}");
    let grid = grid(&format!("{ratios}multiply = [\"smallest\", \"largest\"]\n"));
    let widths = grid.cells.iter().filter(|c| !c.is_plain()).map(|c| c.cell.shape.width);
    assert_eq!(widths.collect::<Vec<_>>(), [32, 32, 64, 64, 32, 32, 64, 64]);
    let told = refusal(&format!("{ratios}multiply = \"minima\"\n"));
    assert!(told.contains("`grid.multiply`") && told.contains("hint: use \"smallest\""), "{told}");
}

#[test]
fn a_limit_that_makes_no_sense_is_refused() {
    let told = errors(&format!("{STUDY}multiply = \"minima\"\n"));
    assert!(
        told.contains("`grid.multiply`") && told.contains("lr_multipliers = [0.5, 1, 2]"),
        "{told}"
    );
    let told = errors(&format!("{STUDY}{RATES}multiply = [\"all\", \"minima\"]\n"));
    assert!(told.contains("\"all\" alone"), "{told}");
    let told = errors(&format!("{STUDY}{RATES}multiply = [\"minima\", \"minima\"]\n"));
    assert!(told.contains("a second time"), "{told}");
    let told = errors(&format!("{STUDY}{RATES}multiply = \"smalest\"\n"));
    assert!(told.contains("did you mean \"smallest\"?"), "{told}");
    // A refused ladder is one mistake.
    let told = errors(&format!("{STUDY}lr_multipliers = [0]\nmultiply = \"minima\"\n"));
    assert!(!told.contains("`grid.multiply`"), "{told}");
}

#[test]
fn a_law_of_ones_own_gives_every_cell_its_rate_and_batch() {
    let text = format!(
        "{STUDY}[train]\nlearning_rate = {{ coefficient = 0.3, exponent = -0.45, batch = 256 }}\n\
         batch_tokens = {{ coefficient = 0.6, exponent = 0.5 }}\n"
    );
    let grid = grid(&text);
    for planned in &grid.cells {
        let (cell, batch) = (&planned.cell, planned.cell.batch_tokens() as f64);
        let n = cell.shape.params().non_embedding() as f64;
        let rate = 0.3 * n.powf(-0.45) * (batch / 256.0).sqrt();
        assert!((cell.hyper.learning_rate / rate - 1.0).abs() < 1e-12);
        // To the nearest power of two of sequences.
        let exact = 0.6 * (cell.tokens() as f64).sqrt();
        assert!((batch / exact.max(128.0)).ln().abs() < 0.36, "{batch} for {exact}");
    }
    let rate = &grid.cells[0].sources.learning_rate;
    assert_eq!(*rate, Provenance::Own("eta = 0.300 N^-0.450 (B / 256)^.5".into()));
    assert_eq!(grid.cells[0].sources.batch.to_string(), "user: B = 0.600 D^0.500 tokens");
    assert!(!grid.warnings.iter().any(|w| matches!(w, PlanWarning::OutsideRule { .. })));

    let config = Config::parse(&text, "a.toml").unwrap();
    assert_eq!(Config::parse(&config.resolved_toml(), "b.toml").unwrap(), config);
    // Without a batch the rate does not follow it.
    let bare = "[train]\nlearning_rate = { coefficient = 0.3, exponent = 0 }\n";
    let rates = crate::grid::grid(&format!("{STUDY}{bare}"));
    assert!(rates.cells.iter().all(|c| c.cell.hyper.learning_rate == 0.3));
}

#[test]
fn laws_that_cannot_be_are_refused() {
    let law = |value: &str| format!("{STUDY}[train]\nlearning_rate = {value}\n");
    let told = errors(&law("{ coefficient = 0.3 }"));
    assert!(
        told.contains("`train.learning_rate.exponent`") && told.contains("hint: add"),
        "{told}"
    );
    assert!(errors(&law("{}")).contains("`train.learning_rate.coefficient`"));
    let told = errors(&law("{ from = \"a\", exponent = -0.4 }"));
    assert!(told.contains("`train.learning_rate.coefficient`"), "{told}");
    assert!(told.contains("`train.learning_rate.minima`"), "a fit is told in full: {told}");
    let told = errors(&law("{ coefficient = 0.3, exponent = -0.4, minima = 3 }"));
    assert!(told.contains("`train.learning_rate.from`"), "{told}");
    let told = errors(&law("{ coefficient = 0.3, exponnt = -0.4 }"));
    assert!(told.contains("did you mean `exponent`?"), "{told}");
    let batch = "batch_tokens = { coefficient = 0.3, exponent = 0.4, batch = 3 }\n";
    let told = errors(&format!("{STUDY}[train]\n{batch}"));
    assert!(told.contains("`train.batch_tokens.batch`"), "{told}");
    let told = refusal(&law("{ coefficient = 0.3, exponent = 2 }"));
    assert!(told.contains("at most 10") && told.contains("hint: change `coefficient`"), "{told}");
    let batch = "batch_tokens = { coefficient = 1e9, exponent = 0.9 }\n";
    let told = refusal(&format!("{STUDY}[train]\n{batch}"));
    assert!(told.contains("`train.batch_tokens`") && told.contains("tokens per step"), "{told}");
    let told = refusal(&law("{ from = \"runs/calibration\" }"));
    assert!(told.contains("runs/calibration, which has not been read"), "{told}");
}

/// A law that was fitted over this range.
fn calibrated(params: (f64, f64), tokens: (f64, f64)) -> PowerLaw {
    let range = Fitted { params, tokens };
    let calibration = Some(Calibration { folder: "runs/calibration".into(), minima: 4, range });
    PowerLaw {
        coefficient: 0.267,
        exponent: -0.45,
        tokens_exponent: None,
        batch: Some(128.0),
        calibration,
    }
}

fn outside(grid: &Grid) -> Vec<&PlanWarning> {
    grid.warnings.iter().filter(|w| matches!(w, PlanWarning::OutsideRule { .. })).collect()
}

/// What stands between backticks in a hint and is a line of a configuration.
fn lines(hint: &str) -> Vec<&str> {
    hint.split('`').skip(1).step_by(2).filter(|code| code.contains(" = ")).collect()
}

/// A study a thousand times above the calibration of the default rule.
fn beyond(context: usize) -> String {
    let study = STUDY.replace("e12", "e15").replace("e11", "e14").replace("e10", "e13");
    study.replace("context = 128", &format!("context = {context}"))
}

#[test]
fn pasting_the_hint_ends_the_doubt() {
    let study = beyond(16);
    let before = grid(&study);
    let doubts = outside(&before);
    assert_eq!(doubts.len(), 2, "rate and batch: {doubts:?}");
    let hints: Vec<String> = doubts.iter().map(|doubt| doubt.advice()).collect();
    let (first, second): (Vec<&str>, Vec<&str>) =
        hints.iter().flat_map(|hint| lines(hint)).partition(|line| !line.contains("from = "));
    assert_eq!(first.len(), 6, "{hints:?}");
    assert_eq!(second.len(), 2, "{hints:?}");

    // The calibration: a copy of the study with the first lines.
    let mut in_grid: Vec<&str> =
        first.into_iter().filter(|line| !line.starts_with("name")).collect();
    in_grid.sort_unstable();
    in_grid.dedup();
    let copy = format!("[study]\nname = \"calibration\"\n{study}{}\n", in_grid.join("\n"));
    let config = Config::parse(&copy, "calibration.toml").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(config.study.results.to_string_lossy(), "runs/calibration");
    let calibration =
        Grid::build(&config, &facts(256, Some(50_000_000))).unwrap_or_else(|e| panic!("{e}"));
    for (_, cells) in calibration.slices() {
        let factors = |of: fn(&isoflop_plan::PlannedCell) -> f64| {
            let mut widths: Vec<(usize, u64)> = cells
                .iter()
                .filter(|c| of(c) != 1.0)
                .map(|c| (c.cell.shape.width, of(c).to_bits()))
                .collect();
            widths.sort_unstable();
            widths.len()
        };
        assert_eq!(factors(|c| c.lr_multiplier), 8, "four more rates at both ends");
        assert!(factors(|c| c.batch_multiplier) >= 4);
    }
    let here = outside(&calibration);
    assert!(here.iter().all(|w| w.advice().contains("from = \"runs/calibration\"")), "{here:?}");
    assert!(matches!(here[0], PlanWarning::OutsideRule { remedy: Remedy::Here { .. }, .. }));

    // The study with the second lines, once the law is fitted to what that trains.
    let text = format!("{study}[train]\n{}\n", second.join("\n"));
    let mut config = Config::parse(&text, "study.toml").unwrap_or_else(|e| panic!("{e}"));
    let wanted: Vec<_> =
        config.calibrations().iter().map(|(of, folder)| (*of, folder.clone())).collect();
    assert_eq!(wanted.len(), 2);
    assert!(
        wanted
            .iter()
            .all(|(_, folder)| *folder == config.study.results.with_file_name("calibration"))
    );
    let range = |f: fn(&isoflop_plan::PlannedCell) -> f64| {
        let all = calibration.cells.iter().filter(|c| !c.is_plain()).map(f);
        all.fold((f64::INFINITY, 0.0_f64), |(l, h), x| (l.min(x), h.max(x)))
    };
    let params = range(|c| c.cell.shape.params().non_embedding() as f64);
    let tokens = range(|c| c.cell.tokens() as f64);
    config.settle_law(LawOf::LearningRate, calibrated(params, tokens));
    let batch =
        PowerLaw { coefficient: 0.048, exponent: 0.571, batch: None, ..calibrated(params, tokens) };
    config.settle_law(LawOf::Batch, batch);
    let after = Grid::build(&config, &facts(256, Some(50_000_000))).unwrap();
    assert_eq!(outside(&after), Vec::<&PlanWarning>::new());
    let again = Config::parse(&config.resolved_toml(), "resolved.toml").unwrap();
    assert_eq!(again, config);
}

#[test]
fn a_calibration_has_a_range_too() {
    let mut config = Config::parse(STUDY, "a.toml").unwrap();
    config.settle_law(LawOf::LearningRate, calibrated((1e3, 2e3), (1e6, 1e7)));
    let data = facts(256, Some(50_000_000));
    let grid = Grid::build(&config, &data).unwrap();
    let doubts = outside(&grid);
    assert!(doubts[0].to_string().starts_with("\"runs/calibration\" gives the learning rate of"));
    assert!(doubts[0].advice().contains("in runs/calibration as well"), "{}", doubts[0].advice());
    let plan = render_plan(&grid, None, isoflop_text::Width::ANY);
    let source = "calibrated: runs/calibration: eta = 0.267 N^-0.450 (B / 128)^.5 from 4 minima, N 1.0e3 to 2.0e3, D 1.0e6 to 1.0e7";
    assert!(plan.contains(source), "{plan}");
}

#[test]
fn batches_of_one_sequence_have_no_room_for_a_ladder() {
    let grid = grid(&beyond(4096));
    let batch = outside(&grid).into_iter().find(|w| w.to_string().contains("gives the batch"));
    let batch = batch.expect("a doubt about the batch");
    assert!(matches!(batch, PlanWarning::OutsideRule { remedy: Remedy::NoRoom, .. }), "{batch:?}");
    assert!(batch.advice().contains("`model.context`"));
}

/// Its cells have 1e3 to 1.4e5 parameters without embedding and head.
#[test]
fn the_quickstart_has_no_doubt_within_a_range_that_covers_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/quickstart.toml");
    let mut config = Config::load(path).unwrap();
    let data: DataFacts = facts(256, Some(40_000_000));
    let tokens = (2e5, 5e6);
    config.settle_law(LawOf::LearningRate, calibrated((1e3, 1.4e5), tokens));
    let grid = Grid::build(&config, &data).unwrap();
    assert_eq!(grid.warnings, []);
    // The same rate over a third of that range is doubted.
    config.settle_law(LawOf::LearningRate, calibrated((6e3, 2e4), tokens));
    assert_eq!(outside(&Grid::build(&config, &data).unwrap()).len(), 1);
}
