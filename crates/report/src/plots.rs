//! One file per plot: plain numbers in, a [`Figure`] out.
//!
//! To add a plot, write a struct with what it needs and a `figure` method, in one new file.

mod curves;
mod differences;
mod dumbbells;
mod forest;
mod frontier;
mod grid;
mod isoflop;
mod log_line;
mod optimum;
mod residuals;
mod sensitivity;
mod shape_residuals;
mod spending;

pub use curves::{CurveX, TrainingCurve, TrainingCurves};
pub use differences::{DifferenceDot, Differences};
pub use dumbbells::{DumbbellRow, Dumbbells};
pub use forest::{Forest, ForestRow, Reference};
pub use frontier::{Frontier, FrontierRun};
pub use grid::{GridCell, GridMap, GridState};
pub use isoflop::{IsoflopPlot, IsoflopSlice, SliceMinimum};
pub use optimum::{FittedCurve, OptimumPlot, PublishedCurve, Quantity};
pub use residuals::{Residual, Residuals};
pub use sensitivity::{Sensitivity, SensitivityCurve};
pub use shape_residuals::{ShapeResidual, ShapeResiduals, ShapeRow};
pub use spending::{Spending, SpendingLine};

pub(crate) use forest::usual_ends;
pub(crate) use log_line::LogLine;

use crate::chart::{Axis, Dot, Dots, Figure, Format, Paint, Rich, Symbol};
use crate::number;

/// `C` on a logarithmic axis.
fn flops_axis(label: &str) -> Axis {
    Axis::log(label).format(Format::Power)
}

/// Parameters or tokens on a logarithmic axis.
fn count_axis(label: &str) -> Axis {
    Axis::log(label).format(Format::Count)
}

/// `3·10^17 FLOPs`.
fn flops_text(flops: f64) -> Rich {
    number::power(flops, 3)
}

/// Position on the ordered colour scale, by rank among the distinct values: neighbouring values
/// stay apart however they are spaced.
fn by_rank(values: impl Iterator<Item = f64>) -> impl Fn(f64) -> Paint {
    let mut distinct: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    move |value| {
        let rank = distinct.partition_point(|v| *v < value) as f64;
        let last = (distinct.len().max(2) - 1) as f64;
        Paint::Ramp(rank / last)
    }
}

/// Position on the ordered colour scale by the logarithm, and the labels of its colour bar.
fn by_log(values: impl Iterator<Item = f64>) -> (impl Fn(f64) -> Paint, Option<(f64, f64)>) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values.filter(|v| v.is_finite() && *v > 0.0) {
        low = low.min(value);
        high = high.max(value);
    }
    let range = (low < high).then_some((low, high));
    let paint = move |value: f64| match range {
        Some((low, high)) => Paint::Ramp((value.ln() - low.ln()) / (high.ln() - low.ln())),
        None => Paint::Ramp(0.35),
    };
    (paint, range)
}

/// Labels of a colour bar over `low..high`, spread by the logarithm: the ends and the middle.
fn bar_labels((low, high): (f64, f64), text: impl Fn(f64) -> String) -> Vec<(f64, Rich)> {
    let middle = (low.ln() / 2.0 + high.ln() / 2.0).exp();
    // Two digits are enough in the middle, which is no one's value.
    let rounded: f64 = format!("{middle:.1e}").parse().unwrap_or(middle);
    vec![(0.0, text(low).into()), (0.5, text(rounded).into()), (1.0, text(high).into())]
}

fn dots(at: Vec<Dot>, symbol: Symbol, radius: f64, paint: Paint) -> Dots {
    Dots { at, symbol, radius, paint, hollow: false, opacity: 1.0 }
}

fn with_subtitle(mut figure: Figure, subtitle: Option<Rich>) -> Figure {
    figure.subtitle = subtitle;
    figure
}
