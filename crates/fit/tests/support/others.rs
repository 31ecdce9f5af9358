//! Tables of other people's runs, with what their own code says of them. They are not in this repository, since several
//! carry no licence: tests that read them are ignored unless asked for, and fail where the tables are missing.
//!
//! `ISOFLOP_REFERENCE=folder cargo test --release -p isoflop-fit -- --ignored`

use std::path::PathBuf;

use isoflop_fit::Table;
use serde_json::Value;

fn folder() -> PathBuf {
    let folder = std::env::var_os("ISOFLOP_REFERENCE");
    PathBuf::from(folder.expect("ISOFLOP_REFERENCE names the folder of the tables"))
}

/// What the authors' own code says.
pub fn gold() -> Value {
    super::json(&folder().join("reference.json"))
}

/// A whole table.
pub fn table(name: &str) -> Table {
    Table::new(super::rows(&folder().join(name), |_| true)).unwrap()
}

/// The Llama 3 rows that are not marked as outliers.
pub fn llama3_clean() -> Table {
    let clean = |cell: &dyn Fn(&str) -> Option<String>| cell("oa_outlier").as_deref() == Some("0");
    Table::new(super::rows(&folder().join("oa_llama3_isoflop.csv"), clean)).unwrap()
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
