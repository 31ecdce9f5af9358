//! Two or more studies beside each other. Pure: runs in, numbers out.
//!
//! The crate owns [`Side`]s, which cells two of them share ([`pairs`]), whether their losses agree ([`losses`]) and what that does
//! to what is fitted ([`exponents`]), how much compute one recipe saves over another ([`gain`]), how fast machines are ([`speed`]),
//! and the best sizes for a time, an energy and a sum of money ([`frontier`]). [`compare`] does everything.
//!
//! ```
//! use isoflop_compare::{LossOptions, Run, Side, Verdict, losses, pairs};
//! use isoflop_fit::Observation;
//!
//! // Nine runs, and the same with all losses 2% higher, as a wrong kernel might have it.
//! let side = |factor: f64| {
//!     let run = |i: usize| {
//!         let (n, d) = (1e5 * 2f64.powi(i as i32 % 3), 1e7 * 2f64.powi(i as i32 / 3));
//!         let noise = 1.0 + 1e-3 * factor * [1.0, -2.0, 0.5, 0.7, -0.2][i % 5];
//!         let loss = factor * noise * (1.8 + 480.0 / n.powf(0.35));
//!         Run::of_observation(&Observation::new(format!("{i}"), n, d, 6.0 * n * d, loss))
//!     };
//!     Side { runs: (0..9).map(run).collect(), ..Side::default() }
//! };
//! let (a, b) = (side(1.0), side(1.02));
//! let found = pairs::pair(&a, &b);
//! let said = losses::losses(&found.pairs, [&a, &b], None, &LossOptions::default()).unwrap();
//! assert_eq!(said.verdict, Verdict::Different);
//! assert!((said.log_ratio.point - 1.02f64.ln()).abs() < 1e-3);
//! ```

mod comparison;
mod error;
pub mod exponents;
pub mod frontier;
pub mod gain;
mod least_squares;
pub mod losses;
pub mod pairs;
mod side;
pub mod speed;

pub use comparison::{
    CompareOptions, Compared, Comparison, Differing, Mode, Parting, Versus, compare,
};
pub use error::CompareError;
pub use losses::{LossOptions, Losses, Margin, MarginSource, Verdict};
pub use side::{Pace, Run, Side};
