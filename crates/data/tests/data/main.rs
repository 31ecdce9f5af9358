//! Corpora from end to end, through the public interface.

mod cache;
mod cargo;
mod corpus;
mod dataset;
mod files;
mod fixture;
mod formats;
mod fuzz_corpus;
mod language;
mod lines;
mod packed;
mod text_faults;
mod tokenizer_faults;
mod tokenizers;
