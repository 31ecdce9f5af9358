//! The grid: parameters against tokens, each cell coloured by its loss.

use super::{bar_labels, by_log, count_axis};
use crate::chart::{
    Anchor, Dash, Dot, Dots, Extend, Figure, Key, Legend, Line, Mark, Note, Paint, Panel, Place,
    Rich, Symbol,
};
use crate::number;

/// What became of a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum GridState {
    /// Trained: held-out loss, nats per token.
    Finished(f64),
    /// Diverged or failed, and why.
    Failed(String),
    /// Still to be trained.
    Pending,
}

#[derive(Debug, Clone, PartialEq)]
pub struct GridCell {
    pub name: String,
    /// Parameters, N.
    pub params: f64,
    /// Training tokens, D.
    pub tokens: f64,
    /// What became of it.
    pub state: GridState,
}

/// N x D map of the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct GridMap {
    /// A sentence below the title.
    pub subtitle: Option<Rich>,
    pub cells: Vec<GridCell>,
    /// `(budget, [(N, D)])` lines of equal compute, largest N last: the label stands there.
    pub budgets: Vec<(f64, Vec<(f64, f64)>)>,
    /// `(N*, D*)` along the fitted optimum; empty for none.
    pub optimum: Vec<(f64, f64)>,
}

impl GridMap {
    /// The drawing, 640 x 480.
    pub fn figure(&self) -> Figure {
        let finite = |c: &GridCell| match c.state {
            GridState::Finished(loss) => loss,
            _ => f64::NAN,
        };
        let (colour, range) = by_log(self.cells.iter().map(finite));
        let mut panel = Panel::new(count_axis("Parameters N"), count_axis("Training tokens D"));
        // Room for the budgets beside the largest models.
        panel.x.padding = 0.09;
        for (flops, line) in &self.budgets {
            if let Some(&(x, y)) = line.last() {
                let (text, anchor) = (number::power(*flops, 2), Anchor::Start);
                panel.push(Mark::Note(Note {
                    x,
                    y,
                    shifts: vec![(13.0, 5.0), (8.0, -9.0), (8.0, 20.0)],
                    text,
                    anchor,
                    paint: Paint::Muted,
                }));
            }
            let line = Line::new(line.clone(), Paint::Faint);
            panel.push(Mark::Line(Line {
                width: 1.2,
                dash: Dash::Dotted,
                extend: Extend::No,
                ..line
            }));
        }
        if self.optimum.len() > 1 {
            let line = Line::new(self.optimum.clone(), Paint::Hue(1));
            panel.push(Mark::Line(Line { extend: Extend::No, ..line }));
        }
        let mut keys = Vec::new();
        let mut push = |at: Vec<Dot>, symbol, hollow, paint, radius, name: &str| {
            if !at.is_empty() {
                keys.push((Key::Dot(paint, symbol, hollow), Rich::plain(name)));
                panel.push(Mark::Dots(Dots { at, symbol, radius, paint, hollow, opacity: 1.0 }));
            }
        };
        let dot = |cell: &GridCell, paint, text: String| Dot {
            x: cell.params,
            y: cell.tokens,
            paint,
            tip: Some(format!(
                "{}: N = {}, D = {}, {text}",
                cell.name,
                number::count(cell.params, 3),
                number::count(cell.tokens, 3)
            )),
        };
        let (mut finished, mut failed, mut pending) = (Vec::new(), Vec::new(), Vec::new());
        for cell in &self.cells {
            match &cell.state {
                GridState::Finished(loss) => {
                    let text = format!("loss {} nats", number::significant(*loss, 5));
                    finished.push(dot(cell, Some(colour(*loss)), text));
                }
                GridState::Failed(why) => failed.push(dot(cell, None, why.clone())),
                GridState::Pending => pending.push(dot(cell, None, "not trained yet".into())),
            }
        }
        push(finished, Symbol::Circle, false, Paint::Ramp(0.35), 7.0, "trained");
        push(pending, Symbol::Circle, true, Paint::Faint, 6.0, "to be trained");
        push(failed, Symbol::Cross, false, Paint::Alert, 6.0, "failed");
        if self.optimum.len() > 1 {
            keys.push((Key::Line(Paint::Hue(1), Dash::Solid), "fitted optimum".into()));
        }
        let mut figure = Figure::new("grid", "The grid", panel).sized(640.0, 480.0);
        figure.subtitle = self.subtitle.clone();
        figure.legends.push(Legend::keys(Place::Above, keys));
        if let Some(range) = range {
            let labels = bar_labels(range, |v| number::significant(v, 3));
            figure.legends.push(Legend::bar("Loss, nats", labels));
        }
        figure
    }
}
