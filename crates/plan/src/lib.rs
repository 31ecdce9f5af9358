//! From a TOML file to a checked grid of cells.
//!
//! This crate owns the configuration, the counts of parameters and FLOPs, the rules that give a
//! width its shape and a run its hyper-parameters, and the grouping of cells into stacks. It reads
//! one file and does no other I/O; nothing in it trains.
//!
//! ```
//! use isoflop_plan::{Config, DataFacts, Grid, render_plan};
//!
//! let text = "
//! [model]
//! context = 128
//!
//! [grid]
//! budgets = [5e10, 1.1e11, 2.4e11, 5.5e11, 1.2e12]
//! sizes = 7
//! ";
//! let config = Config::parse(text, "configs/study.toml")?;
//! let facts = DataFacts {
//!     vocab: 256,
//!     train_tokens: Some(40_000_000),
//!     data_sha256: "00".repeat(32),
//!     bytes_per_token: Some(1.0),
//! };
//! let grid = Grid::build(&config, &facts)?;
//! assert_eq!(grid.cells.len(), 35);
//! assert!(grid.cells.iter().all(|c| c.cell.steps >= 100));
//! print!("{}", render_plan(&grid, None, isoflop_text::Width::ANY));
//!
//! // Mistakes come with line, expectation and hint, all of them at once.
//! let errors = Config::parse("[grid]\nbudget = [1e12]\n", "configs/study.toml").unwrap_err();
//! assert!(errors.to_string().ends_with("hint: did you mean `budgets`?"));
//! # Ok::<(), isoflop_plan::ConfigErrors>(())
//! ```

mod architecture;
mod cell;
pub mod config;
mod convention;
mod deal;
mod grid;
mod memory;
mod render;
pub mod rules;
mod shape;
mod stack;
mod starter;
mod summary;
mod time;

pub use architecture::ShapeError;
pub use cell::{Cell, CellId, Hyper, NUMERICS_VERSION, Optimizer, Precision, Schedule};
pub use config::{
    Beta2Rule, CellSize, CellSpec, Config, ConfigError, ConfigErrors, DataConfig, DataSource,
    DecayRule, DepthRule, Design, DeviceConfig, DeviceName, Difference, Effect, ErrorKind,
    FileChoice, FitConfig, GridConfig, Kernels, LawOf, Length, ModelConfig, MultiplierDesign,
    Multiply, OptimumRule, Override, Place, PrecisionChoice, RATE_EXPONENTS, RateRule, Setting,
    Shader, ShapeAxes, Sizes, StudyConfig, SyntheticConfig, TextConfig, TokenizerConfig,
    TrainConfig, WarmupRule,
};
pub use convention::Convention;
pub use deal::{Dealt, Limit, Packing, deal};
pub use grid::{
    DataFacts, Doubt, Evaluation, Grid, HyperSources, MOST_REPLICAS, MeasuredWidth, Multipliers,
    PlanWarning, PlannedCell, Reach, Remedy, ShapeJump, ShapeRole, StackLimits, Taken,
};
pub use memory::{Kept, LOGITS_AT_ONCE, MemoryEstimate, stack_memory};
pub use render::render_plan;
pub use rules::power::{Calibration, PowerLaw};
pub use rules::shape::{MeasuredShapes, ShapeRange, ShapeSources};
pub use rules::{Fitted, Provenance};
pub use shape::{Family, FlopCount, ParamCount, Shape};
pub use stack::Stack;
pub use starter::{StarterGrid, StarterSource, StarterText};
pub use summary::{ModelRow, SliceRow, StackRow};
pub use time::TimeEstimate;
