//! From a TOML file to a checked grid of cells.

mod cell;
pub mod config;
mod shape;

pub use cell::{Cell, CellId, Hyper, NUMERICS_VERSION, Optimizer, Precision, Schedule, Stack};
pub use config::{
    Beta2Rule, DataConfig, DataSource, DecayRule, DeviceConfig, DeviceName, RateRule, Setting,
    Shader, SyntheticConfig, TokenizerConfig, TrainConfig, WarmupRule,
};
pub use shape::{Family, FlopCount, ParamCount, Shape};
