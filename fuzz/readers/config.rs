//! A configuration, and the grid that it lays out.

use isoflop_plan::{Config, DataFacts, Grid};

pub fn read(bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let config = Config::parse(text, "study.toml").map_err(|error| error.to_string())?;
    let facts = DataFacts {
        vocab: 256,
        train_tokens: Some(40_000_000),
        data_sha256: "00".repeat(32),
        bytes_per_token: Some(1.0),
    };
    Grid::build(&config, &facts).map(|_| ()).map_err(|error| error.to_string())
}
