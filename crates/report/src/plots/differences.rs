//! Differences of loss between two machines, a dot per pair of runs, against size, with the margin of equivalence as a band.

use super::{by_rank, count_axis, dots, with_subtitle};
use crate::chart::{
    Along, Axis, Band, Dash, Dot, Extend, Figure, Format, Key, Legend, Mark, Paint, Panel, Place,
    Rich, Rule, Symbol,
};
use crate::number;

/// One pair of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct DifferenceDot {
    pub name: String,
    /// Parameters, N.
    pub params: f64,
    /// Budget or compute, FLOPs.
    pub flops: f64,
    /// Second loss over first, less 1.
    pub share: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Differences {
    /// Unique name of the figure.
    pub id: String,
    pub title: Rich,
    pub subtitle: Option<Rich>,
    pub dots: Vec<DifferenceDot>,
    /// Largest share that counts as equal.
    pub margin: f64,
    /// Mean of the shares with its interval.
    pub mean: (f64, Option<(f64, f64)>),
}

impl Differences {
    /// The drawing, 640 x 420.
    pub fn figure(&self) -> Figure {
        let colour = by_rank(self.dots.iter().map(|d| d.flops));
        let sizes = || self.dots.iter().map(|d| d.params).filter(|n| *n > 0.0);
        let (low, high) =
            sizes().fold((f64::INFINITY, 0.0), |m: (f64, f64), n| (m.0.min(n), m.1.max(n)));
        let ends = (low / 1.15, high * 1.15);
        let y = Axis::linear("Second loss over first, less 1").format(Format::Percent);
        let mut panel = Panel::new(count_axis("Parameters N"), y.include([0.0]));
        let across = |lo: f64, hi: f64| vec![(ends.0, lo, hi), (ends.1, lo, hi)];
        let band = |points, paint, extend| Mark::Band(Band { points, paint, extend });
        panel.push(band(across(-self.margin, self.margin), Paint::Muted, Extend::Soft));
        if let Some((lo, hi)) = self.mean.1 {
            panel.push(band(across(lo, hi), Paint::Hue(0), Extend::Full));
        }
        let rule = |value, paint, dash| {
            Mark::Rule(Rule {
                value,
                along: Along::X,
                paint,
                dash,
                label: None,
                extend: Extend::Full,
            })
        };
        panel.push(rule(0.0, Paint::Axis, Dash::Solid));
        panel.push(rule(self.mean.0, Paint::Hue(0), Dash::Dashed));
        let at = self.dots.iter().map(|d| Dot {
            x: d.params,
            y: d.share,
            paint: Some(colour(d.flops)),
            tip: Some(format!("{}: {}", d.name, number::percent(d.share, 3, true))),
        });
        panel.push(Mark::Dots(dots(at.collect(), Symbol::Circle, 4.6, Paint::Ink)));
        let mut figure = Figure::new(&self.id, self.title.clone(), panel).sized(640.0, 420.0);
        let mut keys = vec![
            (
                Key::Band(Paint::Muted),
                Rich::from(format!("margin ±{}", number::percent(self.margin, 2, false))),
            ),
            (Key::Band(Paint::Hue(0)), "mean and its interval".into()),
        ];
        let budgets = || self.dots.iter().map(|d| d.flops).filter(|c| c.is_finite());
        let (least, most) =
            (budgets().fold(f64::INFINITY, f64::min), budgets().fold(0.0, f64::max));
        for c in if least < most { vec![least, most] } else { Vec::new() } {
            let key = Key::Dot(colour(c), Symbol::Circle, false);
            keys.push((key, number::power(c, 2).then(" FLOPs")));
        }
        figure.legends.push(Legend::keys(Place::Above, keys));
        with_subtitle(figure, self.subtitle.clone())
    }
}
