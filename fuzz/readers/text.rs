//! A file of text. The first byte chooses its name, and with it the reader; the rest are the file.

use std::path::Path;

use isoflop_data::source::read_bytes;
use isoflop_plan::{FileChoice, TextConfig};

const NAMES: [&str; 12] = [
    "a.txt",
    "a.jsonl",
    "a.json",
    "a.csv",
    "a.tsv",
    "a.txt.gz",
    "a.jsonl.gz",
    "a.json.gz",
    "a.csv.gz",
    "a.txt.zst",
    "a.jsonl.zst",
    "a.json.zst",
];

pub fn read(bytes: &[u8]) -> Result<(), String> {
    let Some((&choice, file)) = bytes.split_first() else { return Err("no name".into()) };
    let name = Path::new(NAMES[usize::from(choice) % NAMES.len()]);
    let config = TextConfig {
        paths: Vec::new(),
        field: "text".into(),
        bad_lines: 0.5,
        max_line_bytes: 1 << 20,
        files: FileChoice::Text,
    };
    read_bytes(name, file, 1 << 20, &config, &mut |_| Ok(()))
        .map(|_| ())
        .map_err(|error| error.to_string())
}
