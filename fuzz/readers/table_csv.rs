//! A table in any form, as `--csv` reads it. The first byte chooses options, the rest are the file.

use isoflop_tables::{ColumnNames, Form, TableOptions, read_bytes};

pub fn read(bytes: &[u8]) -> Result<(), String> {
    let Some((&choice, file)) = bytes.split_first() else { return Err("no options".into()) };
    let on = |bit: u8| choice & (1 << bit) != 0;
    let options = TableOptions {
        columns: ColumnNames { width: on(2).then(|| "width".into()), ..ColumnNames::default() },
        trust_units: on(0),
        assume_6nd: on(1),
        skip: if on(3) { vec!["run=a".into()] } else { Vec::new() },
        most_bytes: 1 << 20,
        ..TableOptions::default()
    };
    read_bytes(file, Form::Any, &options).map(|_| ()).map_err(|error| error.to_string())
}
