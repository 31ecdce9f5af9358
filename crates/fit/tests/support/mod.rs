//! Reads the reference tables, where they are.
#![allow(dead_code)]

pub mod made;

use std::path::PathBuf;

use isoflop_fit::{Observation, Table};

/// The folder of reference tables; `None` (saying so) where it is absent.
pub fn reference() -> Option<PathBuf> {
    let folder = std::env::var_os("ISOFLOP_REFERENCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/references/fit"),
        PathBuf::from,
    );
    if folder.join("reference.json").is_file() {
        return Some(folder);
    }
    println!("skipped: no reference tables at {}", folder.display());
    None
}

/// `reference.json`.
pub fn gold() -> Option<serde_json::Value> {
    let text = std::fs::read_to_string(reference()?.join("reference.json")).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// Rows of a table; `keep` sees the cells by header.
pub fn rows(name: &str, keep: impl Fn(&dyn Fn(&str) -> String) -> bool) -> Vec<Observation> {
    let text = std::fs::read_to_string(reference().unwrap().join(name)).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut out = Vec::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |h: &str| {
            let at = header.iter().position(|x| *x == h);
            at.map(|i| cells[i].to_string()).unwrap_or_default()
        };
        if !keep(&cell) {
            continue;
        }
        let number = |h: &str| cell(h).parse::<f64>().unwrap();
        let mut row = Observation::new(
            cell("run"),
            number("params"),
            number("tokens"),
            number("flops"),
            number("loss"),
        );
        if header.contains(&"model") {
            row.cluster = Some(cell("model"));
        }
        out.push(row);
    }
    out
}

/// A whole table.
pub fn table(name: &str) -> Table {
    Table::new(rows(name, |_| true)).unwrap()
}

/// The Llama 3 rows that are not marked as outliers.
pub fn llama3_clean() -> Table {
    Table::new(rows("oa_llama3_isoflop.csv", |cell| cell("oa_outlier") == "0")).unwrap()
}

/// The tables of `gold_fits`, by name.
pub fn gold_tables() -> Vec<(&'static str, Table)> {
    vec![
        ("epoch240", table("epoch_chinchilla_240.csv")),
        ("epoch245", table("epoch_chinchilla_245.csv")),
        ("llama3_all133", table("oa_llama3_isoflop.csv")),
        ("llama3_clean116", llama3_clean()),
        ("porian_rw_1_kaplan_repro", table("porian_rw_1_kaplan_repro.csv")),
        ("porian_rw_5_tuned_no_decay", table("porian_rw_5_tuned_no_decay.csv")),
        ("gemstones_hot", table("gemstones_hot.csv")),
        ("kyotakano234", table("kyotakano_llm_234.csv")),
        ("cs336_toy", table("cs336_toy_isoflop.csv")),
    ]
}
