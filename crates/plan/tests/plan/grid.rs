//! Grids: exact lengths, hyper-parameters and refusals.

use isoflop_plan::{
    Config, ConfigErrors, Convention, DataFacts, ErrorKind, Grid, Provenance, TimeEstimate,
    render_plan,
};
use proptest::prelude::*;

pub fn facts(vocab: usize, train_tokens: Option<u64>) -> DataFacts {
    DataFacts {
        vocab,
        train_tokens,
        data_sha256: "00".repeat(32),
        bytes_per_token: train_tokens.map(|_| 1.0),
    }
}

fn build(text: &str) -> Result<Grid, ConfigErrors> {
    let config = Config::parse(text, "configs/study.toml").unwrap_or_else(|e| panic!("{e}"));
    Grid::build(&config, &facts(256, Some(50_000_000)))
}

pub fn grid(text: &str) -> Grid {
    build(text).unwrap_or_else(|e| panic!("{e}"))
}

pub fn refusal(text: &str) -> String {
    match build(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(e) => {
            assert!(e.errors.iter().all(|e| e.kind == ErrorKind::ImpossibleGrid));
            e.to_string()
        }
    }
}

pub const STUDY: &str = "\
[model]
context = 128
[grid]
budgets = [5e10, 1.1e11, 2.4e11, 5.5e11, 1.2e12]
";

#[test]
fn the_plan_reads_well() {
    let (device, seconds) = ("a test".to_owned(), 1234.5);
    let expected = TimeEstimate { device, seconds, extrapolated: false };
    insta::assert_snapshot!(render_plan(&grid(STUDY), Some(&expected), isoflop_text::Width::ANY));
    let unsure = render_plan(
        &grid(STUDY),
        Some(&TimeEstimate { extrapolated: true, ..expected }),
        isoflop_text::Width::ANY,
    );
    assert!(unsure.contains("all that were measured\n"), "{unsure}");
}

#[test]
fn an_odd_plan_is_full_of_hints() {
    let text = "\
[model]
family = \"gpt2\"
context = 64
[grid]
cells = [{ width = 32, flops = 1e12 }, { width = 64, flops = 1e12 }, { width = 48, flops = 1e12, heads = 2, hidden = 100, depth = 3 }, { params = 1e5, tokens = 2e9, batch_tokens = 64, learning_rate = 1e-3 }]
lr_multipliers = [0.5, 1, 2]
batch_multipliers = [2]
seeds = [1, 2]
[train]
learning_rate = \"steplaw\"
batch_tokens = 1024
warmup_steps = 10
schedule = \"constant\"
optimizer = \"muon\"
[device]
memory_gib = 0.5
";
    insta::assert_snapshot!(render_plan(&grid(text), None, isoflop_text::Width::ANY));
}

#[test]
fn every_cell_spends_its_budget() {
    for convention in Convention::ALL {
        let text = STUDY.replace("e10", "e12").replace("e11", "e13").replace("e12]", "e14]");
        let grid = grid(&format!("{text}convention = \"{convention}\"\n"));
        assert_eq!(grid.cells.len(), 35);
        assert_eq!(grid.slices().len(), 5);
        for planned in &grid.cells {
            let cell = &planned.cell;
            let spent = convention.flops(&cell.shape, cell.tokens() as f64);
            let off = spent / cell.budget_flops.unwrap() - 1.0;
            assert!(off.abs() <= 0.01, "{} is {off} off", cell.shape);
            assert!(cell.steps >= 100);
        }
    }
}

#[test]
fn exact_flops_are_counted_by_hand() {
    let grid = grid(
        "[model]\ncontext = 128\n[grid]\ncells = [{ width = 64, steps = 100, batch_tokens = 1024 }]\n",
    );
    let cell = &grid.cells[0].cell;
    assert_eq!((cell.shape.depth, cell.shape.heads, cell.shape.hidden), (2, 4, 168));
    // Per block: 4 d^2 + 3 d h weights in products, and scores over 128 positions; then the head.
    let block = 2.0 * (4.0 * 64.0 * 64.0 + 3.0 * 64.0 * 168.0) + 4.0 * 128.0 * 64.0;
    let per_token = 3.0 * (2.0 * block + 2.0 * 256.0 * 64.0);
    assert_eq!(cell.flops(), per_token * 102_400.0);
    assert_eq!(Convention::Exact.flops(&cell.shape, 102_400.0), cell.flops());
    let n = (2 * (4 * 64 * 64 + 3 * 64 * 168 + 2 * 64 + 2 * 16) + 64 + 2 * 256 * 64) as f64;
    assert_eq!(Convention::SixNd.flops(&cell.shape, 10.0), 60.0 * n);
}

#[test]
fn widths_may_differ_from_budget_to_budget() {
    let grid = grid("[grid]\nbudgets = [1e11, 3e11]\nwidths = [[16, 24], [24, 32, 40]]\n");
    let widths: Vec<Vec<usize>> = grid
        .slices()
        .iter()
        .map(|(_, cells)| cells.iter().map(|c| c.cell.shape.width).collect())
        .collect();
    assert_eq!(widths, [vec![16, 24], vec![24, 32, 40]]);
}

#[test]
fn budgets_share_models() {
    let grid = grid(STUDY);
    // 5 budgets x 7 sizes over 24 times the compute: a series of x1.59 from one to the other.
    assert!(grid.models().len() <= 11, "{} models", grid.models().len());
    let first = &grid.slices()[0].1;
    let expected = 0.09 * 5e10f64.sqrt();
    let n = |i: usize| Convention::Exact.params(&first[i].cell.shape);
    assert!((n(3) / expected).ln().abs() < 0.2);
    assert!((n(0) * 4.0 / expected).ln().abs() < 0.3 && (n(6) / 4.0 / expected).ln().abs() < 0.3);
}

#[test]
fn steps_stand_as_written() {
    let grid = grid("[grid]\ncells = [{ width = 64, steps = 777 }]\nbatch_multipliers = [2]\n");
    let steps: Vec<u64> = grid.cells.iter().map(|c| c.cell.steps).collect();
    assert_eq!(steps, [777, 389]);
}

#[test]
fn ratios_of_tokens_to_parameters_are_met() {
    let grid = grid("[grid]\nwidths = [32, 48]\ntokens_per_param = [10, 40]\n");
    assert_eq!(grid.cells.len(), 4);
    for (planned, ratio) in grid.cells.iter().zip([10.0, 10.0, 40.0, 40.0]) {
        let n = planned.cell.shape.params().total() as f64;
        assert!((planned.cell.tokens() as f64 / n / ratio - 1.0).abs() < 0.01);
        assert_eq!(planned.cell.budget_flops, None);
    }
    assert!(grid.slices().is_empty());
}

#[test]
fn multipliers_vary_one_at_a_time_or_all_together() {
    let text = "[grid]\ncells = [{ width = 64, tokens = 4e7 }]\nlr_multipliers = [0.5, 1, 2]\nbatch_multipliers = [0.5, 1, 2]\n";
    let star = grid(text);
    let pairs: Vec<(f64, f64)> =
        star.cells.iter().map(|c| (c.lr_multiplier, c.batch_multiplier)).collect();
    assert_eq!(pairs, [(1.0, 1.0), (0.5, 1.0), (2.0, 1.0), (1.0, 0.5), (1.0, 2.0)]);
    assert_eq!(star.cells.iter().filter(|c| c.is_plain()).count(), 1);
    let plain = &star.cells[0].cell;
    for planned in &star.cells {
        let cell = &planned.cell;
        assert!((cell.tokens() as f64 / plain.tokens() as f64 - 1.0).abs() < 0.01);
        // To the last bit, whatever the batch does to the number of tokens.
        assert_eq!(cell.hyper.learning_rate, plain.hyper.learning_rate * planned.lr_multiplier);
        let batch = plain.hyper.batch_sequences as f64 * planned.batch_multiplier;
        assert_eq!(cell.hyper.batch_sequences as f64, batch);
    }
    assert_eq!(star.rows().len(), 1);
    assert_eq!(star.rows()[0].runs, 5);
    let product = grid(&format!("{text}multipliers = \"product\"\n"));
    assert_eq!(product.cells.len(), 9);
}

#[test]
fn hyper_parameters_say_where_they_come_from() {
    let by_rule = grid(STUDY);
    let sources = &by_rule.cells[0].sources;
    assert!(matches!(sources.beta2, Provenance::Published(_)));
    let by_user = grid(&format!(
        "{STUDY}[train]\nlearning_rate = 3e-3\nbatch_tokens = 256\nbeta2 = 0.9\nwarmup_steps = 3\nweight_decay = 0\n"
    ));
    for planned in &by_user.cells {
        let s = &planned.sources;
        for source in [&s.learning_rate, &s.batch, &s.beta2, &s.warmup, &s.weight_decay] {
            assert_eq!(*source, Provenance::User);
        }
        let h = planned.cell.hyper;
        assert_eq!((h.learning_rate, h.batch_sequences, h.beta2), (3e-3, 2, 0.9));
        assert_eq!((h.warmup_steps, h.weight_decay), (3, 0.0));
    }
}

#[test]
fn impossible_grids_are_refused_by_name() {
    insta::assert_snapshot!(refusal(
        "[grid]\nbudgets = [1e12]\nparams = [1e5, 1.02e5, 1.01e6, 1e6]\n"
    ));
    insta::assert_snapshot!(refusal("[grid]\nbudgets = [1e8, 1e12]\nwidths = [64, 128]\n"));
    insta::assert_snapshot!(refusal("[grid]\nbudgets = [1e9]\n"));
    insta::assert_snapshot!(refusal(
        "[model]\nhead_dim = 32\n[grid]\nbudgets = [1e12]\nwidths = [64, 80]\n"
    ));
    insta::assert_snapshot!(refusal(
        "[grid]\nbudgets = [1e12]\nwidths = [64]\n[train]\nbatch_tokens = 1000\n"
    ));
    insta::assert_snapshot!(refusal(
        "[grid]\ncells = [{ width = 64, steps = 200 }, { width = 64, steps = 200 }]\n"
    ));
    insta::assert_snapshot!(refusal(
        "[grid]\ncells = [{ width = 64, steps = 200, batch_tokens = 512 }]\nbatch_multipliers = [0.25]\n"
    ));
    insta::assert_snapshot!(refusal(
        "[grid]\nmin_steps = 1\ntolerance = 0.001\ncells = [{ width = 64, flops = 1e9, batch_tokens = 512 }]\n"
    ));
}

#[test]
fn the_same_file_gives_the_same_plan() {
    let (a, b) = (grid(STUDY), grid(STUDY));
    assert_eq!(serde_json::to_string(&a).unwrap(), serde_json::to_string(&b).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_grid_that_is_built_keeps_its_promises(
        first in 9.5f64..13.0,
        ratio in 1.5f64..4.0,
        budgets in 1usize..5,
        sizes in 2usize..9,
        spread in 1.5f64..6.0,
        context in prop::sample::select(vec![32usize, 64, 128, 256]),
        convention in prop::sample::select(Convention::ALL.to_vec()),
        family in prop::sample::select(vec!["llama", "gpt2"]),
    ) {
        let list: Vec<String> =
            (0..budgets).map(|i| format!("{:e}", 10f64.powf(first) * ratio.powi(i as i32))).collect();
        let text = format!(
            "[model]\ncontext = {context}\nfamily = \"{family}\"\n[grid]\nbudgets = [{}]\nsizes = {sizes}\nspread = {spread}\nconvention = \"{convention}\"\n",
            list.join(", ")
        );
        if let Ok(grid) = build(&text) {
            prop_assert_eq!(grid.cells.len(), budgets * sizes);
            for planned in &grid.cells {
                let cell = &planned.cell;
                let spent = convention.flops(&cell.shape, cell.tokens() as f64);
                prop_assert!((spent / cell.budget_flops.unwrap() - 1.0).abs() <= 0.01);
                prop_assert!(cell.steps >= 100 && cell.hyper.warmup_steps >= 1);
                prop_assert!(cell.hyper.warmup_steps as f64 <= 0.05 * cell.steps as f64 + 1.0);
                prop_assert!(cell.hyper.batch_sequences.is_power_of_two());
                prop_assert!((0.95..=0.99).contains(&cell.hyper.beta2));
            }
            for (_, cells) in grid.slices() {
                for pair in cells.windows(2) {
                    prop_assert!(convention.params(&pair[0].cell.shape) < convention.params(&pair[1].cell.shape));
                    prop_assert!(pair[0].cell.tokens() > pair[1].cell.tokens());
                }
            }
            let stacked: usize = grid.stacks.iter().map(|s| s.cells.len()).sum();
            prop_assert_eq!(stacked, grid.cells.len());
        }
    }
}

#[test]
fn no_grid_makes_it_panic() {
    let number = prop::sample::select(vec![
        "1e6", "1e27", "8", "4", "65536", "1e-3", "0.3", "1e13", "100", "1e9", "1",
    ]);
    let key = prop::sample::select(vec!["flops", "tokens", "steps", "tokens_per_param"]);
    let size = prop::sample::select(vec!["width", "params"]);
    let extra = prop::sample::select(vec![
        "",
        ", batch_tokens = 1e9",
        ", learning_rate = 10",
        ", depth = 65536, hidden = 1",
    ]);
    let cell = (size, number.clone(), key, number.clone(), extra);
    let rule = prop::sample::select(vec!["measured", "steplaw", "deepseek"]);
    let facts =
        prop::sample::select(vec![facts(2, Some(1)), facts(1_000_000, None), facts(256, Some(0))]);
    proptest!(|(cells in prop::collection::vec(cell, 1..4), rule in rule, facts in facts, multiplier in number)| {
        let cells: Vec<String> = cells
            .into_iter()
            .map(|(size, n, key, x, extra)| format!("{{ {size} = {n}, {key} = {x}{extra} }}"))
            .collect();
        let text = format!(
            "[grid]\ncells = [{}]\nbatch_multipliers = [{multiplier}]\nmin_steps = 1\n[train]\nlearning_rate = \"{rule}\"\nbatch_tokens = \"{rule}\"\n[device]\nmemory_gib = 1\n",
            cells.join(", ")
        );
        if let Ok(config) = Config::parse(&text, "x.toml") {
            match Grid::build(&config, &facts) {
                Ok(grid) => prop_assert!(!render_plan(&grid, None, isoflop_text::Width::ANY).is_empty()),
                Err(errors) => prop_assert!(!errors.to_string().is_empty()),
            }
        }
    });
}
