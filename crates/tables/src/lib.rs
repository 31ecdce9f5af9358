//! Tables of runs as people and tools write them: read as they were meant, or refused with the cure.
//!
//! | form | what is read |
//! | --- | --- |
//! | CSV | comma, semicolon or tab; behind `sep=` lines and comments; headers behind `#` |
//! | JSON | an object a line, an array of them, arrays by column, objects within objects (`a.b`) |
//! | a ledger | that of a study, without its folder |
//!
//! all of it in UTF-8 or UTF-16, plain, gzip or zstd. Numbers may have suffixes (`3.4M`), decimal commas and parted thousands;
//! units may stand in headers (`tokens (B)`). Levels that no training has (`C / 6ND` of 1e-9) are refused with the unit they
//! look like.
//!
//! ```
//! use isoflop_tables::{Form, TableOptions, read_bytes};
//!
//! let csv = b"run;params (M);tokens;loss\na;10;2e8;3,1\nb;20;4e8;2,9\n";
//! let read = read_bytes(csv, Form::Any, &TableOptions::default())?;
//! assert_eq!(read.table.rows()[0].params, 1e7);
//! assert!(read.source.notes.contains(&"commas in numbers part decimals".to_owned()));
//!
//! let steps = b"run,params,tokens,flops,loss\na,1e7,400,1.2e16,3.1\nb,2e7,800,4.8e16,2.9\n";
//! let error = read_bytes(steps, Form::Any, &TableOptions::default()).unwrap_err();
//! assert!(error.to_string().contains("C / 6ND = 5.00e5"), "{error}");
//! # Ok::<(), isoflop_tables::TableError>(())
//! ```

mod cells;
mod columns;
mod csv_table;
mod error;
mod json_table;
mod json_value;
mod ledger_table;
mod measured;
mod numbers;
mod optional;
mod options;
mod packed;
mod read;
mod table_file;
mod units_of_headers;

pub use error::TableError;
pub use options::{ColumnNames, Form, TableOptions, UnitFactors};
pub use read::{RunTable, TableSource, read, read_bytes};
