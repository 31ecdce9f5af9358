//! Loss against compute: every run, the best of each budget, and the predicted frontier.

use isoflop_fit::Estimate;

use super::{bar_labels, by_log, flops_axis};
use crate::chart::{
    Along, Axis, Band, Dash, Dot, Dots, Extend, Figure, Key, Legend, Line, Mark, Paint, Panel,
    Place, Rich, Rule, Symbol, Whisker, Whiskers,
};
use crate::number;

/// One run, and the compute it had spent at each point of its curve.
#[derive(Debug, Clone, PartialEq)]
pub struct FrontierRun {
    pub name: String,
    /// Parameters, N.
    pub params: f64,
    /// FLOPs of the whole run.
    pub flops: f64,
    /// Final held-out loss, nats per token.
    pub loss_nats: f64,
}

/// Loss against compute.
#[derive(Debug, Clone, PartialEq)]
pub struct Frontier {
    /// A sentence below the title.
    pub subtitle: Option<Rich>,
    /// What the line of the frontier is, for the small print.
    pub about_line: Option<Rich>,
    /// How C is counted, for the axis.
    pub flops_label: String,
    /// What the loss is, with its unit, for the axis.
    pub loss_label: String,
    pub runs: Vec<FrontierRun>,
    /// `(C, loss)` at the minimum of each slice.
    pub minima: Vec<(f64, Estimate)>,
    /// `(C, loss)` along the fitted frontier.
    pub frontier: Vec<(f64, Estimate)>,
    /// Fitted irreducible loss, E.
    pub irreducible_nats: Option<Estimate>,
    /// True loss of the source on the held-out tokens, where it is known (synthetic data).
    pub true_nats: Option<f64>,
    /// Largest budget that was run.
    pub largest_flops: Option<f64>,
}

impl Frontier {
    /// The drawing, 640 x 480.
    pub fn figure(&self) -> Figure {
        let (colour, range) = by_log(self.runs.iter().map(|r| r.params));
        let mut panel =
            Panel::new(flops_axis(&self.flops_label), Axis::log(self.loss_label.as_str()));
        panel.y.padding = 0.1;
        let floor = |value: f64, label: &str, paint| {
            let label = Some(Rich::plain(label));
            Mark::Rule(Rule {
                value,
                along: Along::X,
                paint,
                dash: Dash::Dotted,
                label,
                extend: Extend::Soft,
            })
        };
        if let Some(e) = self.irreducible_nats {
            let text = format!("fitted E = {}", number::estimate(&e));
            panel.push(floor(e.point, &text, Paint::Hue(1)));
        }
        if let Some(truth) = self.true_nats {
            panel.push(floor(
                truth,
                &format!("true entropy of the held-out tokens {}", number::significant(truth, 4)),
                Paint::Hue(2),
            ));
        }
        let at = self.runs.iter().map(|r| Dot {
            x: r.flops,
            y: r.loss_nats,
            paint: Some(colour(r.params)),
            tip: Some(format!(
                "{}: {} FLOPs, N = {}, loss {} nats",
                r.name,
                number::scientific(r.flops, 3),
                number::count(r.params, 3),
                number::significant(r.loss_nats, 5)
            )),
        });
        let symbol = Symbol::Circle;
        let runs = Dots {
            at: at.collect(),
            symbol,
            radius: 4.2,
            paint: Paint::Ramp(0.35),
            hollow: false,
            opacity: 0.75,
        };
        panel.push(Mark::Dots(runs));
        self.push_frontier(&mut panel);

        let mut keys = vec![];
        if !self.frontier.is_empty() {
            keys.push((Key::Band(Paint::Hue(1)), Rich::plain("expected loss of the best size")));
        }
        if !self.minima.is_empty() {
            keys.push((
                Key::Dot(Paint::Ink, Symbol::Diamond, false),
                Rich::plain("minimum of a budget"),
            ));
        }
        let mut figure = Figure::new("frontier", "Loss against compute", panel).sized(640.0, 480.0);
        figure.subtitle = self.subtitle.clone();
        figure.notes.extend(self.about_line.clone());
        figure.legends = vec![Legend::keys(Place::Above, keys)];
        if let Some(range) = range {
            figure
                .legends
                .push(Legend::bar("Parameters", bar_labels(range, |v| number::count(v, 2))));
        }
        figure
    }

    fn push_frontier(&self, panel: &mut Panel) {
        let paint = Paint::Hue(1);
        let band = self.frontier.iter().filter_map(|(c, e)| e.interval.map(|i| (*c, i.lo, i.hi)));
        panel.push(Mark::Band(Band { points: band.collect(), paint, extend: Extend::Soft }));
        let all: Vec<(f64, f64)> = self.frontier.iter().map(|(c, e)| (*c, e.point)).collect();
        let edge = self.largest_flops.unwrap_or(f64::INFINITY);
        let inside = all.partition_point(|p| p.0 <= edge * 1.0001);
        panel.push(Mark::Line(Line {
            extend: Extend::Soft,
            ..Line::new(all[..inside].to_vec(), paint)
        }));
        let beyond = all[inside.saturating_sub(1)..].to_vec();
        if beyond.len() > 1 {
            let line = Line::new(beyond, paint);
            panel.push(Mark::Line(Line { dash: Dash::Dashed, extend: Extend::Soft, ..line }));
        }
        let whiskers = self.minima.iter().filter_map(|(c, e)| {
            e.interval.map(|i| Whisker {
                x: *c,
                y: e.point,
                low: i.lo,
                high: i.hi,
                paint: Paint::Ink,
            })
        });
        let whiskers =
            Whiskers { at: whiskers.collect(), along: Along::Y, width: 1.8, extend: Extend::Soft };
        panel.push(Mark::Whiskers(whiskers));
        let at = self.minima.iter().map(|(c, e)| Dot {
            x: *c,
            y: e.point,
            paint: None,
            tip: Some(format!(
                "minimum at {} FLOPs: {} nats",
                number::scientific(*c, 3),
                number::estimate(e)
            )),
        });
        let symbol = Symbol::Diamond;
        let minima = Dots {
            at: at.collect(),
            symbol,
            radius: 5.0,
            paint: Paint::Ink,
            hollow: false,
            opacity: 1.0,
        };
        panel.push(Mark::Dots(minima));
    }
}
