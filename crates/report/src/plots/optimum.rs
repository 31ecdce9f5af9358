//! The compute-optimal N*, D* or D*/N* against compute, with published laws for orientation.

use isoflop_fit::Estimate;

use super::{count_axis, flops_axis, with_subtitle};
use crate::chart::{
    Along, Axis, Band, Dash, Dot, Dots, Extend, Figure, Key, Legend, Line, Mark, Paint, Panel,
    Place, Rich, Symbol, Whisker, Whiskers, dash_of,
};
use crate::number;

/// What is plotted against compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// N*.
    Params,
    /// D*.
    Tokens,
    /// D*/N*.
    TokensPerParam,
}

/// One approach's estimate over a range of compute.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedCurve {
    /// Name of the approach.
    pub name: String,
    /// `(C, value)` with intervals where they are known; drawn as a line with a band.
    pub curve: Vec<(f64, Estimate)>,
    /// Single estimates, such as the minimum of each slice.
    pub points: Vec<(f64, Estimate)>,
}

/// A law from the literature, evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedCurve {
    /// Short name: `Hoffmann 2022`.
    pub name: String,
    /// `(C, value)`.
    pub curve: Vec<(f64, f64)>,
}

/// N*(C), D*(C) or D*/N*(C).
#[derive(Debug, Clone, PartialEq)]
pub struct OptimumPlot {
    /// What is plotted.
    pub quantity: Quantity,
    /// A sentence below the title.
    pub subtitle: Option<Rich>,
    /// How it is counted, for the axis: `Parameters N* (all)`.
    pub label: String,
    /// How C is counted, for the axis.
    pub flops_label: String,
    /// Own fits.
    pub fits: Vec<FittedCurve>,
    /// Laws for orientation, dashed, as far as they come within a factor of 30 of the fits (10 for
    /// D*/N*); one that never does is named in a note.
    pub published: Vec<PublishedCurve>,
    /// Largest budget that was run: the curves beyond are extrapolated, and shown so.
    pub largest_flops: Option<f64>,
}

impl OptimumPlot {
    /// The drawing, 640 x 480.
    pub fn figure(&self) -> Figure {
        let mut panel = Panel::new(flops_axis(&self.flops_label), count_axis(&self.label));
        if self.quantity == Quantity::TokensPerParam {
            panel.y = Axis::log(self.label.as_str());
        }
        let near: Vec<PublishedCurve> =
            self.published.iter().filter_map(|p| self.near(p)).collect();
        let far = self.published.iter().filter(|p| !near.iter().any(|n| n.name == p.name));
        let far: Vec<&str> = far.map(|p| p.name.as_str()).collect();
        if let Some(largest) = self.largest_flops.filter(|_| self.extrapolates()) {
            let rule = crate::chart::Rule {
                value: largest,
                along: Along::Y,
                paint: Paint::Faint,
                dash: Dash::Dotted,
                label: None,
                extend: Extend::No,
            };
            panel.push(Mark::Rule(rule));
        }
        for (i, law) in near.iter().enumerate() {
            let line = Line::new(law.curve.clone(), Paint::Faint);
            let end_label = Some(Rich::plain(law.name.as_str()));
            panel.push(Mark::Line(Line { width: 1.8, dash: dash_of(i), end_label, ..line }));
        }
        let mut keys = Vec::new();
        for (i, fit) in self.fits.iter().enumerate() {
            let paint = Paint::Hue(i);
            push_fit(&mut panel, fit, paint, self.largest_flops);
            let key = if fit.curve.is_empty() {
                Key::Dot(paint, Symbol::Diamond, false)
            } else {
                Key::Band(paint)
            };
            keys.push((key, Rich::plain(fit.name.as_str())));
        }
        let (id, title) = match self.quantity {
            Quantity::Params => ("optimal-params", "Optimal parameters N*(C)"),
            Quantity::Tokens => ("optimal-tokens", "Optimal tokens D*(C)"),
            Quantity::TokensPerParam => ("tokens-per-param", "Tokens per parameter D*/N*(C)"),
        };
        let mut figure =
            with_subtitle(Figure::new(id, title, panel).sized(640.0, 480.0), self.subtitle.clone());
        figure.legends = vec![Legend::keys(Place::Above, keys)];
        if !far.is_empty() {
            let reach = self.reach();
            let names = far.join(", ");
            figure.notes.push(format!("Further than a factor of {reach} away: {names}.").into());
        }
        figure
    }

    fn extrapolates(&self) -> bool {
        let last = self.fits.iter().flat_map(|f| f.curve.iter().map(|p| p.0)).fold(0.0, f64::max);
        self.largest_flops.is_some_and(|c| last > c * 1.05)
    }

    /// How far from the fits a published law is drawn, as a factor.
    fn reach(&self) -> f64 {
        if self.quantity == Quantity::TokensPerParam { 10.0 } else { 30.0 }
    }

    /// The part of a published law within reach of what was fitted; `None` where there is none.
    fn near(&self, law: &PublishedCurve) -> Option<PublishedCurve> {
        let values =
            self.fits.iter().flat_map(|f| f.curve.iter().chain(&f.points)).map(|p| p.1.point);
        let (low, high) = values
            .filter(|v| *v > 0.0 && v.is_finite())
            .fold((f64::MAX, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
        let within = |v: f64| low > high || (v >= low / self.reach() && v <= high * self.reach());
        let curve: Vec<(f64, f64)> = law.curve.iter().copied().filter(|p| within(p.1)).collect();
        (curve.len() > 1).then(|| PublishedCurve { name: law.name.clone(), curve })
    }
}

fn push_fit(panel: &mut Panel, fit: &FittedCurve, paint: Paint, largest: Option<f64>) {
    let band = fit.curve.iter().filter_map(|(c, e)| e.interval.map(|i| (*c, i.lo, i.hi)));
    panel.push(Mark::Band(Band { points: band.collect(), paint, extend: Extend::Soft }));
    // Dashed beyond the largest budget: nobody has been there.
    let edge = largest.unwrap_or(f64::INFINITY);
    let all: Vec<(f64, f64)> = fit.curve.iter().map(|(c, e)| (*c, e.point)).collect();
    let inside = all.partition_point(|p| p.0 <= edge * 1.0001);
    panel.push(Mark::Line(Line::new(all[..inside].to_vec(), paint)));
    let beyond = all[inside.saturating_sub(1)..].to_vec();
    if beyond.len() > 1 {
        panel.push(Mark::Line(Line { dash: Dash::Dashed, ..Line::new(beyond, paint) }));
    }
    let whiskers = fit.points.iter().filter_map(|(c, e)| {
        e.interval.map(|i| Whisker { x: *c, y: e.point, low: i.lo, high: i.hi, paint })
    });
    panel.push(Mark::Whiskers(Whiskers {
        at: whiskers.collect(),
        along: Along::Y,
        width: 1.8,
        extend: Extend::Soft,
    }));
    let at = fit.points.iter().map(|(c, e)| Dot {
        x: *c,
        y: e.point,
        paint: None,
        tip: Some(format!(
            "{}: {} at {} FLOPs",
            fit.name,
            number::estimate_count(e),
            number::scientific(*c, 3)
        )),
    });
    let symbol = Symbol::Diamond;
    panel.push(Mark::Dots(Dots {
        at: at.collect(),
        symbol,
        radius: 5.0,
        paint,
        hollow: false,
        opacity: 1.0,
    }));
}
