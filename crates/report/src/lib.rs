//! Tables, plots and the HTML page.

pub mod chart;
pub mod number;
mod png;

pub use png::{PngError, render_png};
