//! Text for people: numbers with units, counted nouns, columns that line up.
//!
//! ```
//! use isoflop_text::{Align, bytes, columns, count, counted, duration};
//!
//! assert_eq!(count(1.25e6, 3), "1.25M");
//! assert_eq!(bytes(1536.0), "1.50 KiB");
//! assert_eq!(duration(12_000.0), "3 h 20 min");
//! assert_eq!(counted(2, "cell"), "2 cells");
//! let rows = [["model", "runs"], ["L2 d64", "7"]].map(|row| row.map(String::from).to_vec());
//! assert_eq!(columns(&[Align::Left, Align::Right], &rows), ["model   runs", "L2 d64     7"]);
//! ```

mod columns;
mod fitted;
mod list;
mod number;
mod shown;
mod unit;
mod width;

pub use columns::{Align, columns, facts, within, wrapped};
pub use fitted::{Part, fitted};
pub use list::{MOST_NAMES, listed, listed_by};
pub use number::{
    Prefix, count, count_with, decimals, fixed, level, mantissa, not_finite, percent, prefix_of,
    scientific, significant,
};
pub use shown::{clip, cut, one_line, path_in_words, visible};
pub use unit::{bytes, counted, duration, grams, joules, plural, rough_duration, thousands};
pub use width::Width;
