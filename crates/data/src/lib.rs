//! Sources, tokenizers, token shards and batch order.
mod corpus;
mod dataset;
mod document;
mod error;
mod hash;
mod order;
mod permutation;
mod prepare;
mod progress;
pub mod source;
mod split;
mod store;
mod synthetic;
mod tokenizer;

pub use corpus::{Corpus, Part, Summary};
pub use dataset::{Window, WindowDataset};
pub use document::RawDocument;
pub use error::DataError;
pub use permutation::Permutation;
pub use progress::{Progress, ProgressSink, Stage};
pub use synthetic::{Language, LanguageOptions};
pub use tokenizer::{Bytes, Encoded, Tokenizer};
