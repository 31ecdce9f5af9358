//! Tables, plots and the HTML page.

pub mod chart;
pub mod comparison;
pub mod correlations;
pub mod document;
mod glossary;
pub mod machines;
pub mod number;
mod page;
pub mod plots;
mod png;
pub mod spending;
pub mod table;

pub use document::{Block, Card, Document, Notice, Section};
pub use page::{
    Fitted, Page, PublishedLaw, ShapeComparison, ShapeLoss, ShapeOptima, ShapeOptimum, SizeShapes,
    Ways,
};
pub use png::{PngError, render_png};
