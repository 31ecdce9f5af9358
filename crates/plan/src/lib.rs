//! From a TOML file to a checked grid of cells.

mod cell;
mod shape;

pub use cell::{Cell, CellId, Hyper, NUMERICS_VERSION, Optimizer, Precision, Schedule, Stack};
pub use shape::{Family, FlopCount, ParamCount, Shape};
