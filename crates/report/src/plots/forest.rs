//! Estimates of one quantity under each other, with their intervals: approaches, objectives,
//! conventions.

use isoflop_fit::Estimate;

use crate::chart::{
    Along, Axis, Dash, Dot, Dots, Extend, Figure, Mark, Paint, Panel, Rich, Rule, Symbol, Whisker,
    Whiskers,
};
use crate::number;

/// One estimate.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestRow {
    pub name: String,
    /// The estimate; `None` where it was refused.
    pub estimate: Option<Estimate>,
    /// Rows of one group share a colour.
    pub group: usize,
    /// The one that the page stands on.
    pub main: bool,
}

/// A published value, for orientation.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Short name.
    pub name: String,
    pub value: f64,
}

/// Estimates with intervals, one in each row.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    /// Unique name of the figure.
    pub id: String,
    /// Heading.
    pub title: Rich,
    /// A sentence below it.
    pub subtitle: Option<Rich>,
    /// What is estimated, for the axis.
    pub label: Rich,
    /// The rows, top first.
    pub rows: Vec<ForestRow>,
    /// Values for orientation.
    pub references: Vec<Reference>,
}

impl Forest {
    /// The drawing, 640 pixels wide and as high as the rows need. More height spreads the rows.
    pub fn figure(&self) -> Figure {
        let mut y = Axis::linear("");
        y.reversed = true;
        y.grid = false;
        y.padding = 0.0;
        let count = self.rows.len();
        y = y.include([-0.6, count as f64 - 0.4]);
        let name = |row: &ForestRow| match row.main {
            true => Rich::markup("").then(strong(&row.name)),
            false => Rich::plain(row.name.as_str()),
        };
        y.names =
            Some(self.rows.iter().enumerate().map(|(i, row)| (i as f64, name(row))).collect());
        let mut x = Axis::linear(self.label.clone())
            .include(usual_ends(self.rows.iter().filter_map(|row| row.estimate)));
        x.padding = 0.07;
        let mut panel = Panel::new(x, y);
        for reference in &self.references {
            panel.push(Mark::Rule(Rule {
                value: reference.value,
                along: Along::Y,
                paint: Paint::Faint,
                dash: Dash::Dashed,
                label: None,
                extend: Extend::Soft,
            }));
        }
        for (i, row) in self.rows.iter().enumerate() {
            match row.estimate {
                Some(estimate) => push_row(&mut panel, i as f64, row, estimate),
                None => panel.beside.push((i as f64, "refused".into())),
            }
        }
        let mut figure = Figure::new(&self.id, self.title.clone(), panel);
        let heading = 110.0 + if self.subtitle.is_some() { 26.0 } else { 0.0 };
        figure.size = (640.0, heading + 34.0 * count.max(1) as f64 + 26.0);
        figure.subtitle = self.subtitle.clone();
        if !self.references.is_empty() {
            let text: Vec<String> = self
                .references
                .iter()
                .map(|r| format!("{} {}", r.name, number::significant(r.value, 2)))
                .collect();
            figure.notes.push(format!("Dashed, for orientation: {}.", text.join(", ")).into());
        }
        figure
    }
}

/// Interval ends that an axis holds: all but those of intervals more than eight times as wide as the middle one, which are
/// cut.
pub(crate) fn usual_ends(estimates: impl Iterator<Item = Estimate>) -> Vec<f64> {
    let intervals: Vec<_> = estimates.filter_map(|e| e.interval).collect();
    let mut widths: Vec<f64> =
        intervals.iter().map(|i| i.hi - i.lo).filter(|w| w.is_finite()).collect();
    widths.sort_by(f64::total_cmp);
    let Some(middle) = widths.get(widths.len() / 2) else { return Vec::new() };
    let usual = intervals.iter().filter(|i| i.hi - i.lo <= middle * 8.0);
    usual.flat_map(|i| [i.lo, i.hi]).collect()
}

fn push_row(panel: &mut Panel, y: f64, row: &ForestRow, estimate: Estimate) {
    let paint = Paint::Hue(row.group);
    let width = if row.main { 3.2 } else { 2.2 };
    if let Some(i) = estimate.interval {
        let at = vec![Whisker { x: estimate.point, y, low: i.lo, high: i.hi, paint }];
        panel.push(Mark::Whiskers(Whiskers { at, along: Along::X, width, extend: Extend::Soft }));
    }
    let text = number::estimate(&estimate);
    let dot = Dot { x: estimate.point, y, paint: None, tip: Some(format!("{}: {text}", row.name)) };
    let symbol = if row.main { Symbol::Diamond } else { Symbol::Circle };
    panel.push(Mark::Dots(Dots {
        at: vec![dot],
        symbol,
        radius: 5.5,
        paint,
        hollow: false,
        opacity: 1.0,
    }));
    panel.beside.push((y, Rich::plain(text)));
}

fn strong(text: &str) -> Rich {
    Rich(vec![crate::chart::Span { text: text.to_owned(), style: crate::chart::SpanStyle::Strong }])
}
