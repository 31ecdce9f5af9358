//! The data of a study: from text on disk, or from a synthetic language, to windows of token ids.
//!
//! This crate owns the sources ([`source`]), the tokenizers, the split into training and held-out
//! documents, the token files, and the order in which a run sees its windows. Training asks a
//! [`Corpus`] for windows and never learns where they came from.
//!
//! The pipeline of real text, each step a module:
//!
//! 1. a [`source::Source`] streams documents;
//! 2. they become valid UTF-8 with LF line ends, and long ones are cut into pieces of 16 KiB;
//! 3. duplicate pieces (by SHA-256 of their content) are removed, and the pieces with the lowest
//!    hashes are held out, whole, so that other files do not change the split;
//! 4. a tokenizer writes `separator, ids, separator, ids, ...` to one memory-mapped file for each
//!    side of the split, kept in a cache folder named by the hash of all that went in;
//! 5. windows of `context + 1` ids are read in an order that is a function of (seed, index).
//!
//! Nothing is dropped or changed in silence: [`Corpus::notes`] says what was.
//!
//! ```
//! use isoflop_data::{Corpus, Dataset, LanguageOptions};
//!
//! let options = LanguageOptions { vocab: 64, word_end: 0.3, exponent: 3.0, seed: 0 };
//! let corpus = Corpus::synthetic(options, 4096);
//! let context = 64;
//! let windows = corpus.windows(context)?;
//! let window = windows.train(7, 1000).get(123).unwrap(); // the 124th of the run with seed 7
//! assert!(window.inputs().len() == context && window.targets().len() == context);
//! let truth = corpus.valid_true_nats(context).unwrap(); // what no model can beat by much
//! assert!((truth - corpus.language().unwrap().entropy_nats()).abs() < 0.1);
//! # Ok::<(), isoflop_data::DataError>(())
//! ```

mod assess;
mod corpus;
mod dataset;
mod document;
mod error;
mod hash;
mod note;
mod order;
mod permutation;
mod prepare;
mod progress;
pub mod source;
mod split;
mod store;
mod synthetic;
mod tokenizer;

pub use assess::{Assessment, Gzip, LanguageFacts, TextFacts, assess};
pub use burn_dataset::Dataset;
pub use corpus::{Corpus, Part, Summary};
pub use dataset::{Window, WindowDataset, Windows};
pub use document::RawDocument;
pub use error::DataError;
pub use permutation::Permutation;
pub use prepare::{CheckedCache, check_cache};
pub use progress::{Progress, ProgressSink, Stage};
pub use store::TokenFile;
pub use synthetic::{Language, LanguageOptions};
pub use tokenizer::{Bytes, Encoded, Tokenizer};
