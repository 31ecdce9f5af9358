//! The ledger of a study as a table, without its folder.

use crate::cells::Row;
use crate::table_file::TextTable;

/// Columns of a ledger under the usual names; parameters are sums of these groups.
const COLUMNS: [(&str, &[&str]); 12] = [
    ("run", &["result.cell.id"]),
    ("params", &PARAMS),
    ("tokens", &["result.tokens"]),
    ("flops", &["result.flops.exact"]),
    ("loss", &["result.valid.loss_nats"]),
    ("budget", &["result.cell.budget_flops"]),
    ("seed", &["result.cell.seed"]),
    ("width", &["result.cell.shape.width"]),
    ("depth", &["result.cell.shape.depth"]),
    ("learning_rate", &["result.cell.hyper.learning_rate"]),
    ("params_total", &PARAMS),
    (
        "params_non_embedding",
        &["result.params.attention", "result.params.mlp", "result.params.norms"],
    ),
];
const PARAMS: [&str; 5] = [
    "result.params.embedding",
    "result.params.attention",
    "result.params.mlp",
    "result.params.norms",
    "result.params.head",
];

/// Adds the usual columns where the table is a ledger; says so.
pub fn with_usual_columns(mut table: TextTable) -> (TextTable, Option<String>) {
    let at = |name: &str| table.header.iter().position(|h| h == name);
    if at("schema").is_none()
        || at("result.cell.id").is_none()
        || at("result.flops.exact").is_none()
    {
        return (table, None);
    }
    let found: Vec<(&str, Vec<usize>)> = COLUMNS
        .iter()
        .filter_map(|(name, of)| {
            let places = of.iter().map(|n| at(n)).collect::<Option<Vec<_>>>();
            Some((*name, places?)).filter(|_| at(name).is_none())
        })
        .collect();
    let more = |row: Row<'_>| found.iter().map(|(_, places)| sum(row, places)).collect();
    table.cells = table.cells.extended(table.header.len(), more);
    table.header.extend(found.iter().map(|(name, _)| (*name).to_owned()));
    let note = "it is a study's ledger, read as a table: its folder tells also which cells are not of the grid";
    (table, Some(note.into()))
}

/// One cell as it is, or the sum of several; empty where one is no number.
fn sum(row: Row<'_>, places: &[usize]) -> String {
    if let [one] = places {
        return row.cell(*one).to_owned();
    }
    let all: Result<Vec<f64>, _> = places.iter().map(|&k| row.cell(k).parse()).collect();
    all.map_or_else(|_| String::new(), |all| all.iter().sum::<f64>().to_string())
}
