//! What a cell came to: the one type that training makes, the ledger keeps, and fits and reports read.
//!
//! A [`Record`] has two parts. [`RunResult`] follows from the configuration alone and must be the same bit for bit when it is
//! trained again; [`RunInfo`] tells how this run went. An [`Attempt`] is one process at one stack, and begins the records of
//! its cells. What runs took in energy, money and CO2 is summed up in a [`Spending`].
//!
//! ```
//! use isoflop_plan::{Config, DataFacts, Grid};
//! use isoflop_record::{Attempt, Status};
//!
//! let config = Config::parse("[grid]\nbudgets = [1e10]\nwidths = [16]\n", "a.toml")?;
//! let facts = DataFacts { vocab: 256, train_tokens: None, data_sha256: "ab".into(), bytes_per_token: None };
//! let grid = Grid::build(&config, &facts)?;
//! let attempt = Attempt {
//!     study: "a".into(),
//!     data_sha256: facts.data_sha256,
//!     passport: "9f".into(),
//!     device_share: 1.0,
//!     started_utc: "2026-01-01T00:00:00Z".into(),
//!     now: || "2026-01-01T00:00:02Z".into(),
//! };
//! let record = attempt.record(&grid.stacks[0], &grid.cells[0].cell, Status::Finished);
//! assert_eq!(record.run.stack, grid.stacks[0].id);
//! assert_eq!(record.valid_loss_nats(), None, "there is none yet");
//! # Ok::<(), isoflop_plan::ConfigErrors>(())
//! ```

mod attempt;
mod energy;
mod float;
mod record;
mod result;

pub use attempt::Attempt;
pub use energy::{Energy, EnergySource, JOULES_PER_KWH, Spending, Tariff};
pub use record::{Record, RunInfo, SCHEMA};
pub use result::{CurvePoint, RunFlops, RunResult, Status, Valid, ValidPoint};
