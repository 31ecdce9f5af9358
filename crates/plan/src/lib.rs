//! From a TOML file to a checked grid of cells.

mod cell;
pub mod config;
mod convention;
mod shape;

pub use cell::{Cell, CellId, Hyper, NUMERICS_VERSION, Optimizer, Precision, Schedule, Stack};
pub use config::{
    Beta2Rule, CellSize, CellSpec, Config, ConfigError, ConfigErrors, DataConfig, DataSource,
    DecayRule, DepthRule, Design, DeviceConfig, DeviceName, Difference, Effect, ErrorKind,
    FitConfig, GridConfig, Length, ModelConfig, MultiplierDesign, OptimumRule, Place, RateRule,
    Setting, Shader, Sizes, StudyConfig, SyntheticConfig, TokenizerConfig, TrainConfig, WarmupRule,
};
pub use convention::Convention;
pub use shape::{Family, FlopCount, ParamCount, Shape};
