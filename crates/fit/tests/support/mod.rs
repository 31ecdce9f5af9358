//! Tables for the tests: those of `data`, which NumPy and SciPy were asked about, and made ones.
#![allow(dead_code)]

pub mod akima;
pub mod made;
pub mod others;
pub mod porian;
pub mod truths;

use std::path::Path;

use isoflop_fit::parametric::LawFrontier;
use isoflop_fit::{Observation, Table};
use serde_json::Value;

/// The tables of `data`.
pub const TABLES: [&str; 5] = ["scattered", "slices", "drifting", "checkpoints", "exact"];

/// What NumPy and SciPy find in the tables of `data`.
pub fn reference() -> Value {
    json(&data().join("reference.json"))
}

/// A table of `data`.
pub fn table(name: &str) -> Table {
    Table::new(rows(&data().join(format!("{name}.csv")), |_| true)).unwrap()
}

pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

pub fn near(got: f64, want: &Value, tolerance: f64, what: &str) {
    let want = number(want);
    assert!((got - want).abs() <= tolerance, "{what}: {got}, wanted {want} within {tolerance}");
}

/// Within a share of the value wanted.
pub fn close(got: f64, want: &Value, share: f64, what: &str) {
    near(got, want, share * number(want).abs(), what);
}

/// The optimum of the law behind the tables at three budgets, and the sizes and losses around it.
pub fn flat_as_computed(frontier: &LawFrontier) {
    let reference = reference();
    let budgets = reference["flatness"].as_object().unwrap();
    assert_eq!(budgets.len(), 3);
    for (key, want) in budgets {
        let flops: f64 = key.parse().unwrap();
        let at = frontier.at(flops).unwrap();
        let (n, best) = (at.params.point, at.loss_nats.unwrap().point);
        close(n, &want["params"], 1e-6, key);
        close(best, &want["loss"], 1e-9, key);
        close(at.tokens_per_param.point, &want["tokens_per_param"], 1e-6, key);
        for (factor, pair) in want["times"].as_object().unwrap() {
            let factor: f64 = factor.parse().unwrap();
            let share = |n: f64| frontier.loss_at(n, flops / 6.0 / n).0.point / best - 1.0;
            near(share(n * factor), &pair[0], 1e-7, key);
            near(share(n / factor), &pair[1], 1e-7, key);
        }
        for (tolerance, pair) in want["within"].as_object().unwrap() {
            let range = frontier.sizes_within(flops, tolerance.parse().unwrap()).unwrap();
            close(range.factor_above, &pair[0], 1e-6, key);
            close(range.factor_below, &pair[1], 1e-6, key);
        }
    }
}

fn data() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&text(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Rows of a table, the runs numbered where they have no names; `keep` sees the cells by header.
fn rows(path: &Path, keep: impl Fn(&dyn Fn(&str) -> Option<String>) -> bool) -> Vec<Observation> {
    let text = text(path);
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut out = Vec::new();
    for (k, line) in lines.enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |h: &str| header.iter().position(|x| *x == h).map(|i| cells[i].to_string());
        if !keep(&cell) {
            continue;
        }
        let number = |h: &str| cell(h).unwrap().parse::<f64>().unwrap();
        let name = cell("run").unwrap_or_else(|| k.to_string());
        let (n, d, c) = (number("params"), number("tokens"), number("flops"));
        let mut row = Observation::new(name, n, d, c, number("loss"));
        row.cluster = cell("model");
        out.push(row);
    }
    out
}
