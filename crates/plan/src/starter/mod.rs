//! A first study: budgets and widths by the rules, and the file that asks for them, with a comment for every key.

mod ladder;
mod text;

pub use ladder::StarterGrid;
pub use text::{StarterSource, StarterText};
