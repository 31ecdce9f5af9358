//! From a TOML file to a checked grid of cells.

mod architecture;
mod cell;
pub mod config;
mod convention;
mod grid;
mod memory;
mod render;
pub mod rules;
mod shape;
mod summary;
mod throughput;

pub use architecture::ShapeError;
pub use cell::{Cell, CellId, Hyper, NUMERICS_VERSION, Optimizer, Precision, Schedule, Stack};
pub use config::{
    Beta2Rule, CellSize, CellSpec, Config, ConfigError, ConfigErrors, DataConfig, DataSource,
    DecayRule, DepthRule, Design, DeviceConfig, DeviceName, Difference, Effect, ErrorKind,
    FitConfig, GridConfig, Length, ModelConfig, MultiplierDesign, OptimumRule, Place, RateRule,
    Setting, Shader, Sizes, StudyConfig, SyntheticConfig, TokenizerConfig, TrainConfig, WarmupRule,
};
pub use convention::Convention;
pub use grid::{DataFacts, Evaluation, Grid, HyperSources, PlanWarning, PlannedCell, StackLimits};
pub use memory::{MemoryEstimate, stack_memory};
pub use render::render_plan;
pub use rules::Provenance;
pub use shape::{Family, FlopCount, ParamCount, Shape};
pub use summary::{ModelRow, SliceRow, StackRow};
pub use throughput::{SpeedSample, Throughput};
