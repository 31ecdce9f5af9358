//! Doubts about a design, and how finds are told.

use isoflop_plan::{Config, Grid, PlanWarning};

use crate::grid::{STUDY, facts, grid, refusal};

#[test]
fn many_finds_of_one_error_are_counted() {
    let told = refusal("[grid]\nbudgets = [1e12]\nsizes = 64\nspread = 1.2\n");
    let found = told.lines().find(|l| l.contains("both come to")).unwrap();
    assert_eq!(found.matches("both come to").count(), 3, "{found}");
    let (_, rest) = found.rsplit_once("; and ").unwrap();
    let more: usize = rest.strip_suffix(" more").unwrap().parse().unwrap();
    assert!((40..64).contains(&more), "{found}");
    assert!(found.len() < 400, "{found}");
}

#[test]
fn finds_that_are_part_of_others_are_told() {
    let cells = "[{ width = 64, steps = 2000 }, { width = 64, steps = 2000 }, \
                 { width = 64, steps = 200 }, { width = 64, steps = 200 }]";
    let told = refusal(&format!("[grid]\ncells = {cells}\n"));
    assert!(told.contains("2000 steps twice") && told.contains(" 200 steps twice"), "{told}");
}

#[test]
fn designs_that_cannot_identify_the_law_are_warned_of() {
    let kinds = |text: &str| grid(text).warnings;
    let fixed = kinds("[grid]\nwidths = [32, 64, 128]\ntokens_per_param = [20]\n");
    assert!(fixed.iter().any(|w| matches!(w, PlanWarning::FixedTokensPerParam { .. })));
    let two = kinds("[grid]\nbudgets = [1e11, 1e12]\nwidths = [64, 72]\n");
    assert!(two.contains(&PlanWarning::FewBudgets { budgets: 2 }));
    assert!(two.contains(&PlanWarning::BudgetSpacing { low: 1e11, high: 1e12 }));
    assert!(two.contains(&PlanWarning::FewSizes { budget: 1e11, sizes: 2 }));
    assert!(
        two.iter().any(|w| matches!(w, PlanWarning::NarrowSlice { budget, .. } if *budget == 1e11))
    );
    assert!(
        two.iter()
            .any(|w| matches!(w, PlanWarning::OptimumOutside { budget, .. } if *budget == 1e11))
    );
}

#[test]
fn repeated_data_and_heavy_heads_are_warned_of() {
    let config = Config::parse(STUDY, "s.toml").unwrap();
    let grid = Grid::build(&config, &facts(256, Some(100_000))).unwrap();
    assert!(grid.most_epochs().unwrap() > 4.0);
    assert!(
        grid.warnings
            .iter()
            .any(|w| matches!(w, PlanWarning::ManyEpochs { available: 100_000, .. }))
    );
    let text = "[grid]\nbudgets = [1e13]\nwidths = [64, 96]\n";
    let config = Config::parse(text, "s.toml").unwrap();
    let grid = Grid::build(&config, &facts(50_000, None)).unwrap();
    assert!(
        grid.warnings
            .iter()
            .any(|w| matches!(w, PlanWarning::HeadHeavy { share, .. } if *share > 0.9))
    );
    assert_eq!(grid.most_epochs(), None);
}

#[test]
fn every_warning_has_advice() {
    let grid = grid(
        "[grid]\nbudgets = [1e11, 1e12]\nwidths = [64, 72]\n[train]\nschedule = \"constant\"\n",
    );
    assert!(grid.warnings.len() > 4);
    for warning in &grid.warnings {
        assert!(!warning.to_string().is_empty() && !warning.advice().is_empty());
    }
}

#[test]
fn a_refused_budget_is_told_which_would_do() {
    let text = |budgets: &str| {
        format!(
            "[study]\nname = \"t\"\n[data]\nsource = \"synthetic\"\n[grid]\nbudgets = {budgets}\nwidths = [32, 64]\n"
        )
    };
    let build = |budgets: &str| {
        let config = Config::parse(&text(budgets), "t.toml").unwrap();
        Grid::build(&config, &facts(256, None))
    };
    let told = build("[1e7, 2e7]").unwrap_err().to_string();
    let named = told.split("can have is ").nth(1).and_then(|t| t.split(' ').next()).unwrap();
    build(&format!("[{named}]")).unwrap();
    let below: f64 = 0.9 * named.parse::<f64>().unwrap();
    build(&format!("[{below:e}]")).unwrap_err();
}
