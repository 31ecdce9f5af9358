//! Scaling laws fitted to runs, with intervals.

pub mod bayes;
mod compute;
mod convention;
pub mod effects;
pub mod envelope;
mod error;
mod estimate;
pub mod intervals;
pub mod isoflop;
mod kernel;
pub mod law;
mod objective;
mod outcome;
pub mod parametric;
pub mod plan;
pub mod published;
mod solve;
pub mod study;
mod table;
pub mod validate;
mod warning;

pub use compute::ComputeRule;
pub use convention::{Convention, Counts};
pub use error::FitError;
pub use estimate::{Estimate, Interval};
pub use objective::Objective;
pub use outcome::Outcome;
pub use solve::MAX_PARAMETERS;
pub use table::{LeftOut, LeftOutReason, Observation, Table};
pub use warning::Warning;
