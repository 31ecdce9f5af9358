//! How much loss a changed learning rate or batch costs: is every size well tuned?

use super::{by_rank, dots};
use crate::chart::{
    Along, Axis, Dash, Dot, Extend, Figure, Format, Key, Legend, Line, Mark, Paint, Panel, Place,
    Rich, Rule, Symbol,
};
use crate::number;

/// One size, at several multiples of its hyper-parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct SensitivityCurve {
    /// Name: the size.
    pub name: Rich,
    /// What orders the colours: N or C.
    pub order: f64,
    /// `(multiple, loss over the loss at 1x, less 1)`.
    pub points: Vec<(f64, f64)>,
}

/// Loss against a hyper-parameter's multiple.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensitivity {
    /// Unique name of the figure.
    pub id: String,
    /// Heading.
    pub title: Rich,
    /// A sentence below it.
    pub subtitle: Option<Rich>,
    /// What is multiplied: `Learning rate, multiple of the rule`.
    pub label: Rich,
    /// One for each size.
    pub curves: Vec<SensitivityCurve>,
    /// Gain beyond which a default counts as mistuned, e.g. 0.01; drawn below zero.
    pub tolerance: f64,
}

impl Sensitivity {
    /// The drawing, 640 x 480.
    pub fn figure(&self) -> Figure {
        let colour = by_rank(self.curves.iter().map(|c| c.order));
        let y = Axis::linear("Loss relative to the default").format(Format::Percent);
        let mut x = Axis::log(self.label.clone());
        let mut multiples: Vec<f64> =
            self.curves.iter().flat_map(|c| c.points.iter().map(|p| p.0)).collect();
        multiples.retain(|m| m.is_finite() && *m > 0.0);
        multiples.sort_by(f64::total_cmp);
        multiples.dedup();
        if multiples.len() <= 9 {
            x.names = Some(multiples.into_iter().map(|m| (m, format!("×{m}").into())).collect());
        }
        let mut panel = Panel::new(x, y.include([0.0, -self.tolerance]));
        let rule = |value, paint, dash, label: Option<&str>| {
            let label = label.map(Rich::from);
            Mark::Rule(Rule { value, along: Along::X, paint, dash, label, extend: Extend::Full })
        };
        let below = format!("{}: mistuned below", number::percent(-self.tolerance, 0, true));
        panel.push(rule(0.0, Paint::Axis, Dash::Solid, None));
        panel.push(rule(-self.tolerance, Paint::Alert, Dash::Dashed, Some(&below)));
        let mut curves: Vec<&SensitivityCurve> = self.curves.iter().collect();
        curves.sort_by(|a, b| a.order.total_cmp(&b.order));
        for curve in &curves {
            panel.push(Mark::Line(Line {
                width: 2.0,
                ..Line::new(curve.points.clone(), colour(curve.order))
            }));
            let at = curve.points.iter().map(|(x, y)| Dot {
                x: *x,
                y: *y,
                paint: None,
                tip: Some(format!(
                    "{}: {} at x{x}",
                    curve.name.to_text(),
                    number::percent(*y, 2, true)
                )),
            });
            panel.push(Mark::Dots(dots(at.collect(), Symbol::Circle, 4.5, colour(curve.order))));
        }
        let mut figure = Figure::new(&self.id, self.title.clone(), panel).sized(640.0, 480.0);
        figure.subtitle = self.subtitle.clone();
        let keys = curves.iter().map(|c| (Key::Line(colour(c.order), Dash::Solid), c.name.clone()));
        figure.legends.push(Legend::keys(Place::Above, keys.collect()));
        figure
    }
}
