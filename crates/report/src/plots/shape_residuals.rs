//! Residuals of the parametric fit by shape: a row for each, so that a shape that lies off stands out.

use super::{by_rank, dots};
use crate::chart::{
    Along, Axis, Dash, Dot, Extend, Figure, Format, Key, Legend, Mark, Paint, Panel, Place, Rich,
    Rule, Symbol,
};
use crate::number;

/// Rows that are drawn.
const MOST_ROWS: usize = 24;

/// One run's residual.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapeResidual {
    pub name: String,
    /// Compute, C, FLOPs.
    pub flops: f64,
    /// Observed over fitted loss, less 1.
    pub share: f64,
}

/// The runs of one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapeRow {
    pub name: String,
    /// Parameters, N.
    pub params: f64,
    /// Mean of the shares of all its runs.
    pub mean: f64,
    /// How many runs the mean is of.
    pub runs: usize,
    /// Those that are drawn.
    pub drawn: Vec<ShapeResidual>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ShapeResiduals {
    /// A sentence below the title.
    pub subtitle: Option<Rich>,
    pub rows: Vec<ShapeRow>,
}

impl ShapeResiduals {
    /// Those that are drawn, smallest first: of too many, the ones whose mean lies furthest off for its number of runs.
    fn shown(&self) -> Vec<&ShapeRow> {
        let mut rows: Vec<&ShapeRow> = self.rows.iter().collect();
        let off = |row: &ShapeRow| row.mean.abs() * (row.runs as f64).sqrt();
        rows.sort_by(|a, b| off(b).total_cmp(&off(a)));
        rows.truncate(MOST_ROWS);
        rows.sort_by(|a, b| a.params.total_cmp(&b.params).then(a.name.cmp(&b.name)));
        rows
    }

    /// The drawing, 1120 pixels wide and as high as the rows need.
    pub fn figure(&self) -> Figure {
        let rows = self.shown();
        let colour = by_rank(self.rows.iter().flat_map(|r| &r.drawn).map(|run| run.flops));
        let mut y = Axis::linear("").include([-0.6, rows.len() as f64 - 0.4]);
        (y.reversed, y.grid, y.padding) = (true, false, 0.0);
        let names = rows.iter().enumerate();
        y.names = Some(names.map(|(i, r)| (i as f64, Rich::plain(r.name.as_str()))).collect());
        let x = Axis::linear("Observed over fitted loss").format(Format::Percent).include([0.0]);
        let mut panel = Panel::new(x, y);
        panel.push(Mark::Rule(Rule {
            value: 0.0,
            along: Along::Y,
            paint: Paint::Axis,
            dash: Dash::Solid,
            label: None,
            extend: Extend::Full,
        }));
        let (mut runs, mut means) = (Vec::new(), Vec::new());
        for (i, row) in rows.iter().enumerate() {
            let y = i as f64;
            runs.extend(row.drawn.iter().map(|run| Dot {
                x: run.share,
                y,
                paint: Some(colour(run.flops)),
                tip: Some(format!("{}: {}", run.name, number::percent(run.share, 2, true))),
            }));
            let mean = number::percent(row.mean, 2, true);
            let of = isoflop_text::counted(row.runs as u64, "run");
            let tip = Some(format!("{}: mean {mean} of {of}", row.name));
            means.push(Dot { x: row.mean, y, paint: None, tip });
            panel.beside.push((y, format!("{mean} of {of}").into()));
        }
        panel.push(Mark::Dots(dots(runs, Symbol::Circle, 4.2, Paint::Ink)));
        panel.push(Mark::Dots(dots(means, Symbol::Diamond, 6.0, Paint::Ink)));
        let mut figure = Figure::new("residuals-by-shape", "Residuals by shape", panel);
        figure.size = (1120.0, 190.0 + 24.0 * rows.len().max(1) as f64);
        figure.subtitle = self.subtitle.clone();
        let mut keys =
            vec![(Key::Dot(Paint::Ink, Symbol::Diamond, false), Rich::plain("mean of the shape"))];
        let budgets = || self.rows.iter().flat_map(|r| &r.drawn).map(|run| run.flops);
        let finite = || budgets().filter(|c| c.is_finite());
        let (least, most) =
            (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        for c in if least < most { vec![least, most] } else { Vec::new() } {
            let key = Key::Dot(colour(c), Symbol::Circle, false);
            keys.push((key, number::power(c, 2).then(" FLOPs")));
        }
        figure.legends.push(Legend::keys(Place::Above, keys));
        let more = self.rows.len() - rows.len();
        if more > 0 {
            figure.notes.push(
                format!("The {MOST_ROWS} shapes whose mean lies furthest off for their number of runs; {more} more do not.").into(),
            );
        }
        figure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize) -> ShapeResiduals {
        let row = |i: usize| ShapeRow {
            name: format!("shape {i}"),
            params: 1e6 - i as f64,
            mean: 0.001 * i as f64,
            runs: 4,
            drawn: vec![ShapeResidual { name: format!("r{i}"), flops: 1e15, share: 0.001 }],
        };
        ShapeResiduals { subtitle: None, rows: (0..count).map(row).collect() }
    }

    #[test]
    fn shapes_stand_in_the_order_of_their_size() {
        let few = rows(3);
        let names: Vec<&str> = few.shown().iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["shape 2", "shape 1", "shape 0"]);
        assert!(few.figure().notes.is_empty());
    }

    #[test]
    fn of_many_shapes_those_that_lie_off_are_drawn() {
        let many = rows(40);
        let shown = many.shown();
        assert_eq!(shown.len(), MOST_ROWS);
        assert!(shown.iter().all(|row| row.mean >= 0.016), "{shown:?}");
        assert!(many.figure().notes[0].to_text().ends_with("; 16 more do not."));
    }
}
