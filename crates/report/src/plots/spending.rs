//! Least loss, or best size, against what is spent: seconds, joules, money. A line per machine, with its band.

use super::dumbbells::dash;
use super::with_subtitle;
use crate::chart::{
    Axis, Band, Extend, Figure, Format, Key, Legend, Line, Mark, Paint, Panel, Place, Rich,
};

/// One machine's line.
#[derive(Debug, Clone, PartialEq)]
pub struct SpendingLine {
    pub name: String,
    /// Number of the machine, for its colour.
    pub machine: usize,
    /// (spent, value, low, high).
    pub points: Vec<(f64, f64, f64, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Spending {
    /// Unique name of the figure.
    pub id: String,
    pub title: Rich,
    pub subtitle: Option<Rich>,
    /// What is spent, with its unit.
    pub spent: Axis,
    /// What comes of it.
    pub label: Rich,
    /// Whether it is a count on a logarithmic axis.
    pub counts: bool,
    pub lines: Vec<SpendingLine>,
}

impl Spending {
    /// The drawing, 640 x 420.
    pub fn figure(&self) -> Figure {
        let y = match self.counts {
            true => Axis::log(self.label.clone()).format(Format::Count),
            false => Axis::linear(self.label.clone()),
        };
        let mut panel = Panel::new(self.spent.clone(), y);
        for line in &self.lines {
            let paint = Paint::Hue(line.machine);
            let points = line.points.iter().map(|p| (p.0, p.2, p.3)).collect();
            panel.push(Mark::Band(Band { points, paint, extend: Extend::Soft }));
        }
        for line in &self.lines {
            let points = line.points.iter().map(|p| (p.0, p.1)).collect();
            let mut drawn = Line::new(points, Paint::Hue(line.machine));
            drawn.dash = dash(line.machine);
            panel.push(Mark::Line(drawn));
        }
        let keys = self.lines.iter().map(|line| {
            (Key::Line(Paint::Hue(line.machine), dash(line.machine)), line.name.as_str().into())
        });
        let mut figure = Figure::new(&self.id, self.title.clone(), panel).sized(640.0, 420.0);
        figure.legends.push(Legend::keys(Place::Above, keys.collect()));
        with_subtitle(figure, self.subtitle.clone())
    }
}
