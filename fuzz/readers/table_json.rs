//! A table in JSON, as `--jsonl` reads it.

use isoflop_tables::{Form, TableOptions, read_bytes};

pub fn read(bytes: &[u8]) -> Result<(), String> {
    let options = TableOptions { assume_6nd: true, most_bytes: 1 << 20, ..TableOptions::default() };
    read_bytes(bytes, Form::Json, &options).map(|_| ()).map_err(|error| error.to_string())
}
