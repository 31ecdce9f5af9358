//! Checks that are printed with every fit: does it forecast, is there structure left over, which runs
//! and which slices is it made of.

mod by_shape;
mod held_out;
mod influence;
mod residuals;

pub use by_shape::{ShapeDeviation, ShapeTest};
pub use held_out::{HeldOut, hold_out, hold_out_top};
pub(crate) use influence::exponent;
pub use influence::{LeftOutSlice, Outlier, Outliers, leave_one_slice_out, outliers};
pub use residuals::{ResidualTrend, Residuals, residual_structure};
