//! How fast stacks of models train on a device, and what follows from it.
//!
//! This crate owns the one answer to "how fast is it": [`measure`] times whole steps of one stack, [`measure_widths`] and
//! [`measure_planned`] time a few stacks of a grid, [`Rates`] takes their samples to any other stack and says what the answer
//! rests on ([`Basis`]), and [`Forecast`] keeps the time left while a grid trains. Plans, runs and benchmarks ask here.
//!
//! ```
//! use isoflop_speed::{Basis, Rates, Sample};
//!
//! let sample = |step_flops, replicas, flops_per_second| Sample {
//!     width: 64, step_flops, replicas, speedup: None, flops_per_second,
//! };
//! let samples = vec![sample(1e8, 8, 2e10), sample(1e10, 1, 4e10)];
//! let rates = Rates { device: "a card".into(), stacks_at_once: 1, samples };
//! let rate = rates.at(1e9).unwrap();
//! assert_eq!(rate.basis, Basis::Between);
//! assert!((rate.flops_per_second / 2.83e10 - 1.0).abs() < 0.01);
//! assert_eq!(rates.replicas(1e9), Some(2));
//! ```

mod forecast;
mod interpolate;
mod makespan;
mod operations;
mod pace;
mod planned;
mod rates;
mod share;
mod timing;
mod trials;
mod widths;
mod work;

pub use forecast::Forecast;
pub use interpolate::Basis;
pub use operations::{OperationTime, time_operations};
pub use planned::{Effort, measure_planned};
pub use rates::{Rate, Rates, Sample};
pub use share::{Share, share};
pub use timing::{Launches, Load, MeasureError, Speed, measure};
pub use trials::{News, Trials};
pub use widths::{PAYS, measure_widths, sharing_stacks};
pub use work::StackWork;
