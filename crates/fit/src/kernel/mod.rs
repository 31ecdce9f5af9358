//! The hot path: sums of powers, and their norms, over rows, eight lanes at a time.
//!
//! A bootstrap of 4,000 refits evaluates the objective some 60,000 times, so this is where the
//! time goes. There is no allocation here, the exponential and the logarithm are straight-line
//! code that the compiler vectorises, and sums are kept in eight lanes that are added in a fixed
//! order: results are the same to the last bit whatever vector width the machine has.

mod joined;
mod lanes;
mod math;
mod power_sum;

pub(crate) use joined::{Joined, joined_at};
pub(crate) use math::{exp, ln};
pub use power_sum::Slot;
pub(crate) use power_sum::{Columns, PowerSum};

/// Rows that are worked on together.
pub(crate) const LANES: usize = 8;
