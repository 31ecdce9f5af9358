//! Training curves: loss against tokens or compute, coloured by size.

use super::{bar_labels, by_log, count_axis, dots, flops_axis};
use crate::chart::{
    Axis, Dash, Dot, Dots, Figure, Key, Legend, Line, Mark, Paint, Panel, Place, Rich, Symbol,
};
use crate::number;

/// What the curves run along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CurveX {
    /// Tokens seen.
    Tokens,
    /// FLOPs spent.
    Flops,
}

/// The curve of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingCurve {
    pub name: String,
    /// Parameters, N.
    pub params: f64,
    /// `(tokens or FLOPs, training loss in nats per token)`.
    pub points: Vec<(f64, f64)>,
    /// `(tokens or FLOPs, held-out loss in nats per token)`.
    pub held_out: Vec<(f64, f64)>,
    /// Tokens or FLOPs at which the run diverged, if it did.
    pub diverged_at: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TrainingCurves {
    /// What the curves run along.
    pub along: CurveX,
    /// A sentence below the title.
    pub subtitle: Option<Rich>,
    /// What is drawn, with its unit, for the axis.
    pub label: String,
    /// The least of all curves so far, `(tokens or FLOPs, loss)`; empty for none.
    pub envelope: Vec<(f64, f64)>,
    pub curves: Vec<TrainingCurve>,
}

impl TrainingCurves {
    /// The drawing, 640 x 480.
    pub fn figure(&self) -> Figure {
        let (colour, range) = by_log(self.curves.iter().map(|c| c.params));
        let (id, title, x) = match self.along {
            CurveX::Tokens => {
                ("curves-tokens", "Training curves over tokens", count_axis("Tokens seen"))
            }
            CurveX::Flops => {
                ("curves-flops", "Training curves over compute", flops_axis("FLOPs spent"))
            }
        };
        let mut panel = Panel::new(x, Axis::log(self.label.as_str()));
        panel.x.padding = 0.02;
        let opacity = if self.curves.len() > 30 { 0.6 } else { 0.85 };
        let mut diverged = Vec::new();
        for curve in &self.curves {
            let tip = format!("{}: N = {}", curve.name, number::count(curve.params, 3));
            let line = Line::new(curve.points.clone(), colour(curve.params));
            panel.push(Mark::Line(Line { width: 1.5, opacity, tip: Some(tip.clone()), ..line }));
            let last =
                curve.points.iter().rev().find(|p| p.0.is_finite() && p.1.is_finite() && p.1 > 0.0);
            if let (Some(at), Some(last)) = (curve.diverged_at, last) {
                let tip = format!("{tip}; diverged at {}", number::count(at, 3));
                diverged.push(Dot { x: last.0, y: last.1, paint: None, tip: Some(tip) });
            }
        }
        if self.envelope.len() > 1 {
            panel.push(Mark::Line(Line::new(self.envelope.clone(), Paint::Ink)));
        }
        let held_out = self.push_held_out(&mut panel, &colour);
        let failures = diverged.len();
        if failures > 0 {
            let (symbol, paint) = (Symbol::Cross, Paint::Alert);
            panel.push(Mark::Dots(Dots {
                at: diverged,
                symbol,
                radius: 6.0,
                paint,
                hollow: false,
                opacity: 1.0,
            }));
        }
        let mut figure = Figure::new(id, title, panel).sized(640.0, 480.0);
        figure.subtitle = self.subtitle.clone();
        let mut keys = Vec::new();
        if self.envelope.len() > 1 {
            keys.push((
                Key::Line(Paint::Ink, Dash::Solid),
                Rich::plain("lower envelope: the least so far"),
            ));
        }
        if held_out {
            let key = Key::Dot(Paint::Muted, Symbol::Diamond, false);
            keys.push((key, Rich::plain("held-out loss")));
        }
        if !keys.is_empty() {
            figure.legends.push(Legend::keys(Place::Above, keys));
        }
        if let Some(range) = range {
            figure
                .legends
                .push(Legend::bar("Parameters", bar_labels(range, |v| number::count(v, 2))));
        }
        if failures > 0 {
            let (runs, their) = if failures == 1 { ("run", "its") } else { ("runs", "their") };
            figure.notes.push(
                format!("{failures} {runs} diverged: a cross at {their} last finite loss.").into(),
            );
        }
        figure
    }

    /// Whether there was any.
    fn push_held_out(&self, panel: &mut Panel, colour: &impl Fn(f64) -> Paint) -> bool {
        let one = |curve: &TrainingCurve| {
            let paint = Some(colour(curve.params));
            let tip = |loss: f64| {
                Some(format!("{}: held-out loss {} nats", curve.name, number::significant(loss, 5)))
            };
            let dot = |(x, y): &(f64, f64)| Dot { x: *x, y: *y, paint, tip: tip(*y) };
            curve.held_out.iter().map(dot).collect::<Vec<_>>()
        };
        let at: Vec<Dot> = self.curves.iter().flat_map(one).collect();
        let some = !at.is_empty();
        if some {
            panel.push(Mark::Dots(dots(at, Symbol::Diamond, 4.0, Paint::Muted)));
        }
        some
    }
}
