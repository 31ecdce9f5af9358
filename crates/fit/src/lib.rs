//! Scaling laws fitted to runs, with intervals. Pure: numbers in, numbers out.
//!
//! The crate owns checked tables of runs ([`Table`]), the laws ([`law`]), the three approaches of Hoffmann et al. 2022
//! ([`envelope`], [`isoflop`], [`parametric`]), their intervals ([`intervals`], [`bayes`]), checks ([`validate`]), planning
//! ([`plan`]), published laws ([`published`]) and effects ([`effects`]). [`study::run`] does everything at once.
//!
//! ```
//! use isoflop_fit::law::Hoffmann;
//! use isoflop_fit::parametric::{FitOptions, fit_law};
//! use isoflop_fit::{Observation, Table};
//!
//! // 6 x 6 runs that obey L = 1.8 + 480 / N^0.35 + 2000 / D^0.37 exactly.
//! let mut rows = Vec::new();
//! for i in 0..36 {
//!     let (n, d) = (1e7 * 2f64.powi(i % 6), 1e9 * 2f64.powi(i / 6));
//!     let loss = 1.8 + 480.0 / n.powf(0.35) + 2000.0 / d.powf(0.37);
//!     rows.push(Observation::new(format!("run {i}"), n, d, 6.0 * n * d, loss));
//! }
//! let fit = fit_law(&Table::new(rows)?, &Hoffmann, &FitOptions::default())?;
//! let result = fit.result()?; // an error unless the fit converged
//! assert!((result.parameter("alpha").unwrap().point - 0.35).abs() < 1e-6);
//! let best = result.frontier.as_ref().unwrap().at(1e21)?;
//! assert!((6.0 * best.params.point * best.tokens.point / 1e21 - 1.0).abs() < 1e-9);
//! # Ok::<(), isoflop_fit::FitError>(())
//! ```

// Matrices of a handful of rows read best with their indices.
#![allow(clippy::needless_range_loop)]

pub mod bayes;
pub mod calibration;
mod compute;
mod counting;
pub mod distribution;
pub mod effects;
pub mod envelope;
mod error;
mod estimate;
pub mod forecast;
pub mod intervals;
pub mod isoflop;
mod kernel;
pub mod law;
mod left_out;
mod machines;
mod objective;
mod observation;
mod outcome;
pub mod paired;
pub mod parametric;
pub mod plan;
pub mod published;
pub mod repeated_rows;
mod repeats;
pub mod score;
mod shapes;
mod solve;
mod stats;
pub mod study;
mod table;
pub mod units;
pub mod validate;
mod warning;
mod words;

pub use compute::ComputeRule;
pub use counting::{Counting, Counts};
pub use error::FitError;
pub use estimate::{Estimate, Interval};
pub use isoflop_plan::Convention;
pub use left_out::{LeftOut, LeftOutReason, by_reason};
pub use machines::{LEAST_FOR_TREND, MachineEffect, MachineEffects, MachineRuns};
pub use objective::Objective;
pub use observation::Observation;
pub use outcome::Outcome;
pub use repeats::Repeats;
pub use shapes::{ShapeRuns, shapes};
pub use solve::MAX_PARAMETERS;
pub use table::Table;
pub use warning::{Told, Warning, told};
