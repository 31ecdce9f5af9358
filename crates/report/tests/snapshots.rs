//! The structure of a drawing and the text of a page, kept as they are until changed on purpose.

use std::collections::BTreeMap;

use isoflop_fit::study::{self, StudyOptions};
use isoflop_fit::{Estimate, Interval, Observation, Table};
use isoflop_report::chart::Theme;
use isoflop_report::plots::{
    Forest, ForestRow, IsoflopPlot, IsoflopSlice, Reference, SliceMinimum,
};
use isoflop_report::{Fitted, Page, PublishedLaw};

fn estimate(point: f64, lo: f64, hi: f64) -> Estimate {
    Estimate { point, standard_error: None, interval: Some(Interval { lo, hi, level: 0.95 }) }
}

/// Texts with their places, in drawing order, and how many elements of each kind there are.
fn outline(svg: &str) -> String {
    let tree = roxmltree::Document::parse(svg).unwrap();
    let mut counts = BTreeMap::new();
    let mut out = String::new();
    for node in tree.descendants().filter(|n| n.is_element()) {
        let name = node.tag_name().name();
        *counts.entry(name).or_insert(0) += 1;
        if name == "text" {
            let text: String =
                node.descendants().filter(|n| n.is_text()).filter_map(|n| n.text()).collect();
            let place = |a| node.attribute(a).unwrap_or("?");
            out.push_str(&format!("{:>7} {:>7}  {text}\n", place("x"), place("y")));
        }
    }
    let counts: Vec<String> = counts.iter().map(|(name, n)| format!("{n} {name}")).collect();
    format!("{out}{}\n", counts.join(", "))
}

#[test]
fn isoflop_curves() {
    let slice = |flops, at: f64, loss: f64, minimum| IsoflopSlice {
        flops,
        runs: [0.25, 0.5, 1.0, 2.0, 4.0]
            .map(|k: f64| (at * k, loss + k.ln().powi(2) / 20.0, format!("run {k}")))
            .to_vec(),
        curve: vec![(at / 4.0, loss + 0.1), (at, loss), (at * 4.0, loss + 0.1)],
        minimum,
    };
    let bracketed = |at, loss| SliceMinimum::Bracketed {
        params: estimate(at, at / 1.3, at * 1.3),
        loss_nats: estimate(loss, loss - 0.01, loss + 0.01),
    };
    let plot = IsoflopPlot {
        subtitle: Some("A & B".into()),
        params_label: "Parameters N".into(),
        slices: vec![
            slice(1e15, 2e5, 3.2, bracketed(2e5, 3.2)),
            slice(1e16, 6e5, 2.9, SliceMinimum::Refused("not bracketed: add larger models".into())),
        ],
        ridge: vec![],
    };
    insta::assert_snapshot!(outline(&plot.figure().svg(Theme::Light)));
}

#[test]
fn forest() {
    let row =
        |name: &str, estimate, main| ForestRow { name: name.into(), estimate, group: 0, main };
    let forest = Forest {
        id: "approaches".into(),
        title: "Exponent a by approach".into(),
        subtitle: None,
        label: "Exponent a".into(),
        rows: vec![
            row("envelope", Some(estimate(0.47, 0.31, 0.66)), false),
            row("slices", Some(estimate(0.49, 0.46, 0.52)), true),
            row("wild", Some(estimate(0.55, -9.0, f64::INFINITY)), false),
            row("law", None, false),
        ],
        references: vec![Reference { name: "Kaplan 2020".into(), value: 0.73 }],
    };
    insta::assert_snapshot!(outline(&forest.figure().svg(Theme::Dark)));
}

/// Noise-free runs of a Hoffmann law: every figure on the page is known beforehand.
#[test]
fn page_of_a_table() {
    let mut rows = Vec::new();
    for budget in [1e15, 3e15, 1e16, 3e16, 1e17_f64] {
        let best = 0.09 * budget.sqrt();
        for k in [0.25, 0.4, 0.63, 1.0, 1.6, 2.5, 4.0] {
            let n = best * k;
            let d = budget / (6.0 * n);
            let loss = 1.7 + 60.0 / n.powf(0.35) + 60.0 / d.powf(0.35);
            rows.push(Observation {
                budget_flops: Some(budget),
                ..Observation::new(format!("{budget:e}-{k}"), n, d, budget, loss)
            });
        }
    }
    let table = Table::new(rows).unwrap();
    let mut options = StudyOptions::default();
    // No draws: the snapshot is of the page, not of a bootstrap.
    options.fit.intervals.draws = 0;
    options.isoflop.draws = 0;
    options.envelope.draws = 0;
    let study = study::run(&table, &[], &options).unwrap();
    let published = PublishedLaw {
        name: "A law".into(),
        allocations: vec![(1e15, 3e6, 5e7), (1e17, 3e7, 5e8)],
    };
    let page = Page {
        published: vec![published],
        command: "sweep fit --csv runs.csv",
        ..Page::new("A table", Fitted::Study(&study, &table))
    };
    let document = page.document();
    let ids: Vec<&str> = document.figures().iter().map(|f| f.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "isoflop",
            "optimal-params",
            "optimal-tokens",
            "tokens-per-param",
            "frontier",
            "approaches",
            "residuals"
        ]
    );
    let text = document.to_text();
    // Solver details may change without harm; the figures of the optimum may not.
    let optimum: Vec<&str> = text.lines().take_while(|l| !l.starts_with("Exponents")).collect();
    insta::assert_snapshot!(optimum.join("\n"));
}
