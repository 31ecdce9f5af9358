//! An axis: what it shows, how it is spread and labelled.

use super::mark::{Along, Extend, Mark};
use super::scale::{Scale, Spread};
use super::text::Rich;
use super::ticks::Format;

/// One axis of a panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it shows, with its unit.
    pub label: Rich,
    /// Linear or logarithmic.
    pub spread: Spread,
    /// How tick values are written.
    pub format: Format,
    /// Labels at given values, in place of the chosen ticks.
    pub names: Option<Vec<(f64, Rich)>>,
    /// Large values at the left or bottom.
    pub reversed: bool,
    /// Grid lines across the panel at labelled ticks.
    pub grid: bool,
    /// Values that the axis holds whatever the marks.
    pub include: Vec<f64>,
    /// Share of the span left free at each end.
    pub padding: f64,
}

impl Axis {
    /// A linear axis with plain numbers.
    pub fn linear(label: impl Into<Rich>) -> Self {
        Self {
            label: label.into(),
            spread: Spread::Linear,
            format: Format::Plain,
            names: None,
            reversed: false,
            grid: true,
            include: Vec::new(),
            padding: 0.05,
        }
    }

    /// A logarithmic axis with plain numbers.
    pub fn log(label: impl Into<Rich>) -> Self {
        Self { spread: Spread::Log, ..Self::linear(label) }
    }

    /// The same with tick values written so.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// The same, holding these values as well.
    #[must_use]
    pub fn include(mut self, values: impl IntoIterator<Item = f64>) -> Self {
        self.include.extend(values);
        self
    }

    /// The scale that holds the marks; its pixels are still to be set.
    pub(crate) fn scale(&self, along: Along, marks: &[Mark]) -> Scale {
        let mut full = self.include.clone();
        let mut soft = Vec::new();
        for mark in marks {
            match mark.extent(along) {
                (Extend::Full, values) => full.extend(values),
                (Extend::Soft, values) => soft.extend(values),
                (Extend::No, _) => {}
            }
        }
        let placed = |values: &[f64]| values.iter().any(|v| self.spread.forward(*v).is_some());
        if !placed(&full) {
            return Scale::fit(self.spread, soft.into_iter(), self.padding);
        }
        let core = Scale::fit(self.spread, full.iter().copied(), 0.0);
        // In halves: the span of two finite numbers may not be finite.
        let reach = (core.high / 2.0 - core.low / 2.0) * 2.0 * 0.6;
        let (low, high) = (core.low - reach, core.high + reach);
        let positions =
            soft.iter().filter_map(|v| self.spread.forward(*v)).map(|p| p.clamp(low, high));
        let widened: Vec<f64> = positions.collect();
        let ends = [core.low, core.high].into_iter().chain(widened);
        let linear = Scale::fit(Spread::Linear, ends.filter(|p| p.is_finite()), self.padding);
        Scale { spread: self.spread, ..linear }
    }
}

#[cfg(test)]
mod tests {
    use super::super::colour::Paint;
    use super::super::mark::{Line, Whisker, Whiskers};
    use super::*;

    #[test]
    fn a_wild_interval_does_not_squeeze_the_data() {
        let line = Mark::Line(Line::new(vec![(0.0, 0.0), (10.0, 1.0)], Paint::Ink));
        let wild = Whisker { x: 5.0, y: 0.5, low: -1e9, high: f64::INFINITY, paint: Paint::Ink };
        let whiskers = |extend| {
            Mark::Whiskers(Whiskers { at: vec![wild], along: Along::X, width: 1.0, extend })
        };
        let axis = Axis { padding: 0.0, ..Axis::linear("x") };
        let scale = axis.scale(Along::X, &[line.clone(), whiskers(Extend::Soft)]);
        assert_eq!((scale.low, scale.high), (-6.0, 10.0));
        let scale = axis.scale(Along::X, &[line, whiskers(Extend::No)]);
        assert_eq!((scale.low, scale.high), (0.0, 10.0));
    }
}
