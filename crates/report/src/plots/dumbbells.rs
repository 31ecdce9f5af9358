//! One quantity of several machines in each row, joined by a line: the longer the line, the more they differ.

use crate::chart::{
    Axis, Dash, Dot, Dots, Figure, Format, Key, Legend, Line, Mark, Paint, Panel, Place, Rich,
    Symbol,
};
use crate::number;

#[derive(Debug, Clone, PartialEq)]
pub struct DumbbellRow {
    pub name: String,
    /// By machine; `None` where it did not train so.
    pub values: Vec<Option<f64>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Dumbbells {
    /// Unique name of the figure.
    pub id: String,
    pub title: Rich,
    pub subtitle: Option<Rich>,
    /// What is shown, with its unit.
    pub label: Rich,
    pub machines: Vec<String>,
    /// Top first.
    pub rows: Vec<DumbbellRow>,
}

impl Dumbbells {
    /// The drawing, 640 pixels wide and as high as the rows need.
    pub fn figure(&self) -> Figure {
        let count = self.rows.len();
        let mut y = Axis::linear("").include([-0.6, count as f64 - 0.4]);
        (y.reversed, y.grid, y.padding) = (true, false, 0.0);
        let names = self.rows.iter().enumerate();
        y.names = Some(names.map(|(i, row)| (i as f64, Rich::plain(row.name.as_str()))).collect());
        let mut panel = Panel::new(Axis::log(self.label.clone()).format(Format::Count), y);
        for (i, row) in self.rows.iter().enumerate() {
            let there: Vec<f64> = row.values.iter().flatten().copied().collect();
            let least = there.iter().copied().fold(f64::INFINITY, f64::min);
            let most = there.iter().copied().fold(0.0, f64::max);
            if there.len() > 1 {
                let mut line = Line::new(vec![(least, i as f64), (most, i as f64)], Paint::Faint);
                line.width = 3.0;
                panel.push(Mark::Line(line));
                panel
                    .beside
                    .push((i as f64, format!("×{}", number::significant(most / least, 2)).into()));
            }
        }
        for (k, machine) in self.machines.iter().enumerate() {
            let dot = |(i, row): (usize, &DumbbellRow)| {
                let x = (*row.values.get(k)?)?;
                let tip = format!("{}, {machine}: {}", row.name, number::count(x, 3));
                Some(Dot { x, y: i as f64, paint: None, tip: Some(tip) })
            };
            let at = self.rows.iter().enumerate().filter_map(dot).collect();
            let (symbol, paint) = (symbol(k), Paint::Hue(k));
            panel.push(Mark::Dots(Dots {
                at,
                symbol,
                radius: 6.0,
                paint,
                hollow: false,
                opacity: 1.0,
            }));
        }
        let mut figure = Figure::new(&self.id, self.title.clone(), panel);
        figure.size = (640.0, 165.0 + 28.0 * count.max(1) as f64);
        figure.subtitle = self.subtitle.clone();
        let keys = self.machines.iter().enumerate();
        let keys =
            keys.map(|(k, name)| (Key::Dot(Paint::Hue(k), symbol(k), false), name.as_str().into()));
        figure.legends.push(Legend::keys(Place::Above, keys.collect()));
        figure
    }
}

/// Told apart in print too.
pub(super) fn symbol(machine: usize) -> Symbol {
    [Symbol::Circle, Symbol::Diamond, Symbol::Square, Symbol::Triangle][machine % 4]
}

/// The same for lines.
pub(super) fn dash(machine: usize) -> Dash {
    [Dash::Solid, Dash::Dashed, Dash::Dotted, Dash::DashDot][machine % 4]
}
