//! Runs that are worth training next, as cells that can be.

use std::path::Path;

use isoflop_plan::{Config, DataFacts, Design, Grid};
use serde_json::Value;

use crate::support::{Bench, stderr, stdout};

#[test]
fn proposals_are_cells_of_the_family_and_repeats_near_the_minima() {
    let bench = Bench::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/quickstart");
    let output =
        bench.output(&["fit", folder.to_str().unwrap(), "--next", "--draws", "0", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let cells = json["trainable"]["cells"].as_array().unwrap();
    let repeats: Vec<&Value> = cells.iter().filter(|cell| cell["repeats"] == true).collect();
    assert!(repeats.len() == 2 && cells.len() > repeats.len(), "{cells:?}");
    assert_eq!((&repeats[0]["flops"], &repeats[1]["flops"]), (&8e11.into(), &4e11.into()));

    // The lines make a study of just these cells, none of which was trained.
    let text = std::fs::read_to_string(folder.join("config.resolved.toml")).unwrap();
    let (before, rest) = text.split_once("[grid]").unwrap();
    let after = &rest[rest.find("\n[").unwrap()..];
    let toml = json["trainable"]["toml"].as_str().unwrap();
    let config = Config::parse(&format!("{before}{toml}{after}"), "next.toml").unwrap();
    assert!(matches!(&config.grid.design, Design::Cells(specs) if specs.len() == cells.len()));
    let data_sha256 = "00".to_owned();
    let facts = DataFacts {
        vocab: 256,
        train_tokens: Some(53_700_000),
        data_sha256,
        bytes_per_token: Some(1.0),
    };
    let grid = Grid::build(&config, &facts).unwrap();
    assert_eq!(grid.cells.len(), cells.len());
    assert!(grid.cells.iter().all(|cell| cell.cell.seed == 4), "a seed that the study has not");

    let output = bench.output(&["fit", folder.to_str().unwrap(), "--next", "--draws", "0"]);
    let told = stdout(&output);
    assert!(told.contains("The nearest cells that") && told.contains(toml), "{told}");
}
