//! Shapes beside the rule's, and what the plan says of them.

use isoflop_plan::{
    Config, ErrorKind, Grid, PlanWarning, Provenance, Shape, ShapeRole, render_plan,
};

use crate::grid::{grid, refusal};

/// Depth, heads, hidden width and role of the cells of a width, each shape once.
fn shapes(grid: &Grid, width: usize) -> Vec<(usize, usize, usize, ShapeRole)> {
    let cells = grid.cells.iter().filter(|c| c.cell.shape.width == width);
    let of = |s: &Shape| (s.depth, s.heads, s.hidden);
    let mut all: Vec<_> = cells
        .map(|c| (of(&c.cell.shape), c.role))
        .map(|((depth, heads, hidden), role)| (depth, heads, hidden, role))
        .collect();
    all.dedup();
    all
}

#[test]
fn every_size_of_every_budget_has_each_shape_once() {
    use ShapeRole::{Beside, Plain};
    let sizes = "[grid]\nbudgets = [1e11, 2e11]\nwidths = [32, 64]\nseeds = [0, 1]\n";
    let star = grid(&format!(
        "{sizes}depths = [1, 2, 3]\nhead_counts = [1, 2, 4]\nmlp_ratios = [2, 2.667, 4]\n"
    ));
    // Two layers, four heads and 8/3 are the rule's: trained once.
    let wide = [
        (2, 4, 168, Plain),
        (1, 4, 168, Beside),
        (3, 4, 168, Beside),
        (2, 1, 168, Beside),
        (2, 2, 168, Beside),
        (2, 4, 128, Beside),
        (2, 4, 256, Beside),
    ];
    assert_eq!(shapes(&star, 64)[..7], wide);
    assert_eq!(star.cells.len(), 2 * 2 * 2 * 7);
    let plain = star.cells.iter().filter(|c| c.is_plain()).count();
    assert_eq!(plain, 2 * 2 * 2);
    for planned in &star.cells {
        let (cell, sources) = (&planned.cell, planned.shape_sources.clone());
        assert!((cell.flops() / cell.budget_flops.unwrap() - 1.0).abs() < 0.01);
        assert_eq!(sources.depth == Provenance::User, cell.shape.depth != 2);
    }
    let product = grid(&format!(
        "{sizes}depths = [1, 2]\nhead_counts = [2, 4]\nshapes = \"product\"\nlr_multipliers = [1, 2]\n"
    ));
    let all = [(2, 4, 168, Plain), (1, 2, 168, Beside), (1, 4, 168, Beside), (2, 2, 168, Beside)];
    assert_eq!(shapes(&product, 64)[..4], all);
    assert_eq!(product.cells.len(), 2 * 2 * 2 * 4 * 2);
    // Other designs of sizes have them too.
    for sizes in ["params = [5e4, 2e5]", "sizes = 3"] {
        let text = format!("[grid]\nbudgets = [1e12]\n{sizes}\ndepths = [1, 4]\n");
        let sizes = grid(&text).cells.iter().filter(|c| c.is_plain()).count();
        assert_eq!(grid(&text).cells.len(), 3 * sizes, "{text}");
    }
}

#[test]
fn slices_are_judged_by_the_rules_shapes_alone() {
    let text = "[grid]\nbudgets = [1e12]\nwidths = [32, 48, 64]\n";
    let judged = |text: &str| {
        let is = |w: &PlanWarning| {
            matches!(w, PlanWarning::FewSizes { .. } | PlanWarning::NarrowSlice { .. })
        };
        grid(text).warnings.into_iter().filter(is).collect::<Vec<_>>()
    };
    assert_eq!(judged(text), judged(&format!("{text}depths = [1, 2, 3, 4]\n")));
}

#[test]
fn heads_that_do_not_fit_are_left_out_and_said_or_refused() {
    let text = "[grid]\nbudgets = [1e12]\nwidths = [40, 48]\nhead_counts = [3, 4]\n";
    let found = grid(text);
    let at = |width| shapes(&found, width).iter().map(|s| s.1).collect::<Vec<_>>();
    assert_eq!((at(40), at(48)), (vec![4], vec![4, 3]));
    let left = PlanWarning::HeadsLeftOut { heads: 3, widths: vec![40] };
    assert!(found.warnings.contains(&left), "{:?}", found.warnings);
    assert!(
        render_plan(&found, None, isoflop_text::Width::ANY)
            .contains("3 heads do not divide the width 40")
    );
    let told = refusal(&text.replace("[3, 4]", "[4, 5, 7]"));
    assert!(told.contains("grid.head_counts") && told.contains("7 heads"), "{told}");
    assert!(!told.contains("5 heads") && told.contains("hint: "), "{told}");
}

#[test]
fn shapes_are_compared_at_equal_compute() {
    for design in
        ["widths = [64]\ntokens_per_param = [20]", "cells = [{ width = 64, steps = 500 }]"]
    {
        let text = format!("[grid]\n{design}\ndepths = [1, 2]\n");
        let errors = Config::parse(&text, "x.toml").unwrap_err().errors;
        assert_eq!(
            (errors[0].kind, errors[0].key.as_str()),
            (ErrorKind::Contradiction, "grid.depths")
        );
    }
    let text = "[grid]\nbudgets = [1e12]\nshapes = \"product\"\n";
    let told = Config::parse(text, "x.toml").unwrap_err().to_string();
    assert!(told.contains("no `shapes` without `depths`, `head_counts` or `mlp_ratios`"), "{told}");
}

#[test]
fn explicit_cells_of_one_width_do_not_share_a_slice() {
    use ShapeRole::{Beside, Candidate, Plain};
    let cells = |list: &str| {
        let text = format!(
            "[grid]\ncells = [{{ width = 64, flops = 1e12 }}, {{ width = 48, flops = 1e12, {list} }}]\n"
        );
        grid(&text)
    };
    let roles = |g: &Grid| g.cells.iter().map(|c| c.role).collect::<Vec<_>>();
    assert_eq!(roles(&cells("heads = 2")), [Plain, Plain]);
    let ruled = cells("heads = 2 }, { width = 48, flops = 1e12, depth = 2");
    assert_eq!(roles(&ruled), [Plain, Beside, Plain]);
    let free = cells("heads = 2 }, { width = 48, flops = 1e12, depth = 3");
    assert_eq!(roles(&free), [Plain, Candidate, Candidate]);
    let warning = PlanWarning::NoRuleShape { budgets: vec![1e12], widths: vec![48] };
    assert!(free.warnings.contains(&warning) && !ruled.warnings.contains(&warning));
    // Other budgets, and lengths that are no budgets, are apart.
    let apart = cells("heads = 2 }, { width = 48, flops = 3e12 }, { width = 48, tokens = 3e7");
    assert_eq!(roles(&apart), [Plain; 4]);
}

#[test]
fn jumps_of_the_rules_are_named_by_width() {
    let told = |text: &str| {
        let found = grid(text).warnings;
        let jumps = found.iter().find(|w| matches!(w, PlanWarning::ShapeJumps { .. }));
        jumps.map(ToString::to_string).unwrap_or_default()
    };
    let text = "[grid]\nbudgets = [1e13, 2e13]\nwidths = [128, 160, 192]\n";
    let jumps = told(text);
    assert_eq!(
        jumps.matches("the depth goes from 2 to 3 between widths 128 and 160").count(),
        1,
        "{jumps}"
    );
    assert_eq!(told(&format!("{text}[model]\ndepth = 2\nhead_dim = 32\n")), "");
    // What the user writes jumps on purpose.
    let cells = "cells = [{ width = 64, flops = 1e12, depth = 1 }, { width = 72, flops = 1e12, depth = 5 }]";
    let by_user = told(&format!("[grid]\n{cells}\n"));
    assert!(!by_user.contains("depth"), "{by_user}");
}

#[test]
fn the_plan_says_where_shapes_come_from() {
    let found = grid("[model]\nmlp_ratio = 4\n[grid]\nbudgets = [1e12]\nwidths = [32, 64]\n");
    let plan = render_plan(&found, None, isoflop_text::Width::ANY);
    let line = |name: &str| {
        let line = plan.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(line("depth").starts_with("depth 2 published: "), "{plan}");
    assert_eq!(line("MLP, hidden"), "MLP, hidden 128 to 256 user");
    assert!(plan.contains("measured at"), "{plan}");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["cells"][0]["shape_sources"]["mlp"]["kind"], "user");
    assert!(json["shape_rules"]["beyond_widths"].is_array() && json["cells"][0]["role"] == "plain");
}

#[test]
fn one_seed_is_said_to_measure_no_noise() {
    let text = "[grid]\nbudgets = [1e12]\nwidths = [32, 64]\n";
    let said = "the noise between seeds is not measured; seeds = [0, 1] would";
    assert!(render_plan(&grid(text), None, isoflop_text::Width::ANY).contains(said));
    let two =
        render_plan(&grid(&format!("{text}seeds = [3, 4]\n")), None, isoflop_text::Width::ANY);
    assert!(!two.contains("is not measured;") && two.contains("Seeds: 3, 4\n"), "{two}");
}
