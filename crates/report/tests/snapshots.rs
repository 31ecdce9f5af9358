//! The structure of drawings, kept as it is until changed on purpose.

use std::collections::BTreeMap;

use isoflop_fit::{Estimate, Interval};
use isoflop_report::chart::Theme;
use isoflop_report::plots::{
    Forest, ForestRow, IsoflopPlot, IsoflopSlice, Reference, SliceMinimum,
};

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
        unused: vec!["run 4".into()],
        curve: vec![(at / 4.0, loss + 0.1), (at, loss), (at * 4.0, loss + 0.1)],
        minimum,
    };
    let bracketed = |at, loss| SliceMinimum::Bracketed {
        params: estimate(at, at / 1.3, at * 1.3),
        loss_nats: estimate(loss, loss - 0.01, loss + 0.01),
    };
    let plot = IsoflopPlot {
        loss_label: "Held-out loss, nats per token".into(),
        subtitle: Some("A & B".into()),
        params_label: "Parameters N".into(),
        slices: vec![
            slice(1e15, 2e5, 3.2, bracketed(2e5, 3.2)),
            slice(1e16, 6e5, 2.9, SliceMinimum::Refused("not bracketed: add larger models".into())),
        ],
        ridge: vec![],
    };
    insta::assert_snapshot!(outline(&plot.figure().svg(Theme::Light)));
    insta::assert_snapshot!(
        "isoflop_curves_narrow",
        outline(&plot.figure().narrow().svg(Theme::Light))
    );
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
    insta::assert_snapshot!("forest_narrow", outline(&forest.figure().narrow().svg(Theme::Dark)));
}
