//! The compute-optimal N*, D* or D*/N* against compute, with published laws for orientation.

use isoflop_fit::Estimate;

use super::log_line::LogLine;
use super::{count_axis, flops_axis, with_subtitle};
use crate::chart::{
    Along, Axis, Band, Dash, Dot, Dots, Extend, Figure, Key, Legend, Line, Mark, Paint, Panel,
    Place, Rich, Symbol, Whisker, Whiskers, dash_of,
};
use crate::number;

/// How far from the fits a published law is drawn, as a factor.
const REACH: f64 = 10.0;

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
    /// Laws for orientation, dashed, where they are within a factor of [`REACH`] of a fit; one that nowhere is, is named in
    /// a note.
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
        let near = self.near();
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
        figure.notes.extend(self.left_out(&near).map(Rich::from));
        figure
    }

    fn extrapolates(&self) -> bool {
        let last = self.fits.iter().flat_map(|f| f.curve.iter().map(|p| p.0)).fold(0.0, f64::max);
        self.largest_flops.is_some_and(|c| last > c * 1.05)
    }

    /// The parts of the published laws that are drawn: of points within reach of a fit at the same budget.
    fn near(&self) -> Vec<PublishedCurve> {
        let line = |fit: &FittedCurve| {
            let points = if fit.curve.is_empty() { &fit.points } else { &fit.curve };
            LogLine::new(points.iter().map(|(c, e)| (*c, e.point)))
        };
        let fits: Vec<LogLine> = self.fits.iter().filter_map(line).collect();
        let within = |c: f64, value: f64| {
            fits.is_empty() || fits.iter().any(|fit| (value / fit.at(c)).ln().abs() <= REACH.ln())
        };
        let part = |law: &PublishedCurve| {
            let curve: Vec<(f64, f64)> =
                law.curve.iter().copied().filter(|(c, value)| within(*c, *value)).collect();
            (curve.len() > 1).then(|| PublishedCurve { name: law.name.clone(), curve })
        };
        self.published.iter().filter_map(part).collect()
    }

    /// What the drawing lacks of the published laws, in words.
    fn left_out(&self, near: &[PublishedCurve]) -> Option<String> {
        let drawn = |law: &&PublishedCurve| near.iter().find(|n| n.name == law.name);
        let names = |some: Vec<&PublishedCurve>| {
            some.iter().map(|law| law.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let far: Vec<_> = self.published.iter().filter(|law| drawn(law).is_none()).collect();
        let cut = |law: &&PublishedCurve| {
            drawn(law).is_some_and(|part| part.curve.len() < law.curve.len())
        };
        let cut: Vec<_> = self.published.iter().filter(cut).collect();
        let mut told = Vec::new();
        if !far.is_empty() {
            let names = names(far);
            told.push(format!(
                "Not drawn, being further than a factor of {REACH} away at every budget: {names}."
            ));
        }
        if !cut.is_empty() {
            told.push(format!("Drawn where within a factor of {REACH}: {}.", names(cut)));
        }
        (!told.is_empty()).then(|| told.join(" "))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(laws: &[(&str, f64, f64)]) -> OptimumPlot {
        let budgets = [1e15, 1e16, 1e17, 1e18];
        let law = |k: f64, a: f64| budgets.map(|c: f64| (c, k * c.powf(a))).to_vec();
        let published = |(name, k, a): &(&str, f64, f64)| PublishedCurve {
            name: (*name).into(),
            curve: law(*k, *a),
        };
        let own = law(0.1, 0.5).into_iter().map(|(c, n)| (c, Estimate::bare(n)));
        OptimumPlot {
            quantity: Quantity::Params,
            subtitle: None,
            label: "N*".into(),
            flops_label: "C".into(),
            fits: vec![FittedCurve { name: "own".into(), curve: own.collect(), points: vec![] }],
            published: laws.iter().map(published).collect(),
            largest_flops: None,
        }
    }

    #[test]
    fn laws_are_held_against_the_fit_at_the_same_budget() {
        // N* of the fit grows by a factor of 32 over the range: the far one is near some of it, at other budgets.
        let plot = plot(&[("near", 0.3, 0.5), ("far", 1.1, 0.5), ("meets", 1e-7, 0.8)]);
        let near = plot.near();
        assert_eq!(near.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["near", "meets"]);
        assert_eq!((near[0].curve.len(), near[1].curve.len()), (4, 2));
        let figure = plot.figure();
        let notes: Vec<String> = figure.notes.iter().map(Rich::to_text).collect();
        assert_eq!(
            notes,
            [
                "Not drawn, being further than a factor of 10 away at every budget: far. Drawn where within a factor of 10: meets."
            ]
        );
        let svg = figure.svg(crate::chart::Theme::Light);
        assert!(svg.contains(">near<") && svg.contains(">meets<") && !svg.contains(">far<"));
    }

    #[test]
    fn laws_that_are_all_drawn_need_no_note() {
        assert!(plot(&[("near", 0.3, 0.5)]).figure().notes.is_empty());
    }
}
