//! `sweep fit` and `sweep predict`: scaling laws of a results folder or of anybody's table.

mod args;
mod bayes;
mod columns;
mod fit;
mod overlay;
mod predict;
mod predicted;
mod progress;
mod questions;
mod show;
mod show_predict;
mod source;
mod table_file;

pub use args::{FitArgs, PredictArgs};
pub use fit::run_fit;
pub use predict::run_predict;
