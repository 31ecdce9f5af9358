//! Approach 2: the minimum of each slice, and power laws through the minima.

mod slices;

pub use slices::Group;
pub(crate) use slices::group_slices;
