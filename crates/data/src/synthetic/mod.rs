//! `source = "synthetic"`: an endless language whose next-token probabilities are known.

mod alias;
mod language;

pub(crate) use language::Stream;
pub use language::{Language, LanguageOptions};
