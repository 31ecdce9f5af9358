//! One pair of axes with its marks, laid out in a rectangle.

use super::axis::Axis;
use super::colour::Paint;
use super::draw;
use super::font::{Weight, rich_width};
use super::labels;
use super::mark::{Along, Mark};
use super::rows::LINE;
use super::scale::Scale;
use super::svg::{Anchor, Svg, Type};
use super::text::Rich;
use super::ticks::Ticks;

/// Size of tick labels, in pixels.
pub(crate) const TICK: f64 = 14.0;
const LABEL: f64 = 14.5;
const TITLE: f64 = 15.5;
const END_LABEL: f64 = 13.5;

/// One pair of axes with its marks.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Heading, when a figure has several panels.
    pub title: Option<Rich>,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// In drawing order.
    pub marks: Vec<Mark>,
    /// Texts beside the right edge, at values of the vertical axis.
    pub beside: Vec<(f64, Rich)>,
    /// Whether they stand below the names of their rows instead, at the left.
    pub stacked: bool,
}

/// A rectangle, in pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rect {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Rect {
    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// The two scales of a panel and the rectangle between the axes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub area: Rect,
    pub x: Scale,
    pub y: Scale,
}

impl Panel {
    /// A panel without marks.
    pub fn new(x: Axis, y: Axis) -> Self {
        Self { title: None, x, y, marks: Vec::new(), beside: Vec::new(), stacked: false }
    }

    /// Appends a mark.
    pub fn push(&mut self, mark: Mark) {
        self.marks.push(mark);
    }

    /// Draws into `rect`. `clip` names the clip path, unique in the whole document. Returns how
    /// many points had no place: not finite, not positive on a logarithmic axis, or off the axes.
    pub(crate) fn draw(&self, svg: &mut Svg, rect: Rect, clip: &str) -> usize {
        let mut top = rect.top;
        if self.title.is_some() {
            top += TITLE + 8.0;
        }
        if !self.y.label.is_empty() {
            top += LABEL + 10.0;
        }
        let bottom_margin = if self.x.label.is_empty() { 26.0 } else { 50.0 };
        let height = (rect.bottom() - bottom_margin - top).max(20.0);

        let y = self.y.scale(Along::Y, &self.marks);
        let y = oriented(y, self.y.reversed, top + height, top);
        // Rows all keep their names.
        let rows = self.y.names.is_some();
        let y_ticks = self.ticks(&self.y, &y, |t| rows || vertical_fit(t, &y, height));
        let widest = y_ticks
            .major
            .iter()
            .flat_map(|(value, name)| self.name_lines(*value, name, rect.width))
            .map(|(line, _)| rich_width(&line, TICK, Weight::Regular))
            .fold(0.0, f64::max);
        let left = rect.left + widest + if widest > 0.0 { 11.0 } else { 2.0 };

        let ends = draw::end_labels(&self.marks);
        let beside: &[(f64, Rich)] = if self.stacked { &[] } else { &self.beside };
        let widest_end = ends
            .iter()
            .map(|(_, t)| rich_width(t, END_LABEL, Weight::SemiBold))
            .chain(beside.iter().map(|(_, t)| rich_width(t, TICK, Weight::Regular)))
            .fold(0.0, f64::max);
        let mut right = rect.right() - if widest_end > 0.0 { widest_end + 14.0 } else { 8.0 };

        let x = self.x.scale(Along::X, &self.marks);
        let mut scale = oriented(x, self.x.reversed, left, right);
        let mut x_ticks = self.ticks(&self.x, &scale, |t| horizontal_fit(t, &scale));
        // A label under the right end must not leave the rectangle.
        let overhang = x_ticks.major.iter().filter_map(|(v, t)| {
            scale.place(*v).map(|px| px + rich_width(t, TICK, Weight::Regular) / 2.0 - rect.right())
        });
        let overhang = overhang.fold(0.0, f64::max);
        if overhang > 0.0 {
            right -= overhang;
            scale = oriented(x, self.x.reversed, left, right);
            x_ticks = self.ticks(&self.x, &scale, |t| horizontal_fit(t, &scale));
        }
        let area = Rect { left, top, width: (right - left).max(20.0), height };
        let frame = Frame { area, x: scale, y };

        self.draw_titles(svg, rect, area);
        self.draw_axes(svg, rect, &frame, &x_ticks, &y_ticks);
        svg.raw(&format!("<clipPath id=\"{clip}\">"));
        svg.tag("rect")
            .num("x", area.left)
            .num("y", area.top)
            .num("width", area.width)
            .num("height", area.height)
            .end();
        svg.raw("</clipPath>\n");
        let mut left_out = 0;
        for mark in &self.marks {
            left_out += draw::mark(svg, mark, &frame, clip);
        }
        left_out += labels::write(svg, &self.marks, &frame);
        draw::write_end_labels(svg, &ends, &frame, END_LABEL);
        for (value, text) in beside {
            let Some(at) = y.place(*value).filter(|_| y.shows(*value)) else { continue };
            let kind = Type {
                size: TICK,
                weight: Weight::Regular,
                paint: Paint::Ink,
                anchor: Anchor::Start,
                halo: false,
            };
            svg.text(area.right() + 12.0, at + TICK * 0.36, text, kind);
        }
        left_out
    }

    fn ticks(&self, axis: &Axis, scale: &Scale, fits: impl Fn(&[(f64, Rich)]) -> bool) -> Ticks {
        match &axis.names {
            Some(names) => Ticks { major: thinned(names, fits), minor: Vec::new() },
            None => Ticks::choose(scale, axis.format, fits),
        }
    }

    fn draw_titles(&self, svg: &mut Svg, rect: Rect, area: Rect) {
        let mut baseline = rect.top;
        let label = Type {
            size: LABEL,
            weight: Weight::Regular,
            paint: Paint::Muted,
            anchor: Anchor::Start,
            halo: false,
        };
        if let Some(title) = &self.title {
            baseline += TITLE;
            let kind = Type { size: TITLE, weight: Weight::SemiBold, paint: Paint::Ink, ..label };
            svg.text(rect.left, baseline, title, kind);
            baseline += 8.0;
        }
        svg.text(rect.left, baseline + LABEL - 1.0, &self.y.label, label);
        let x = Type { anchor: Anchor::Middle, ..label };
        // Below the middle of the axis, as far as the panel's edges allow.
        let half = rich_width(&self.x.label, LABEL, Weight::Regular) / 2.0;
        let middle = (area.left + area.width / 2.0).min(rect.right() - half).max(rect.left + half);
        svg.text(middle, rect.bottom() - 5.0, &self.x.label, x);
    }

    fn draw_axes(
        &self,
        svg: &mut Svg,
        rect: Rect,
        frame: &Frame,
        x_ticks: &Ticks,
        y_ticks: &Ticks,
    ) {
        let Frame { area, x, y } = frame;
        let text = Type {
            size: TICK,
            weight: Weight::Regular,
            paint: Paint::Ink,
            anchor: Anchor::Middle,
            halo: false,
        };
        let stroke = |svg: &mut Svg, from: (f64, f64), to: (f64, f64), paint, width| {
            svg.tag("path")
                .path(&[from, to], false)
                .paint("stroke", paint)
                .attr("stroke-width", width)
                .end();
        };
        for (value, name) in y_ticks.major.iter().filter(|(v, _)| y.shows(*v)) {
            let Some(at) = y.place(*value) else { continue };
            if self.y.grid {
                stroke(svg, (area.left, at), (area.right(), at), Paint::Grid, "1");
            }
            let lines = self.name_lines(*value, name, rect.width);
            let first = at + TICK * 0.36 - LINE * (lines.len().max(1) - 1) as f64 / 2.0;
            for (i, (line, paint)) in lines.iter().enumerate() {
                let kind = Type { anchor: Anchor::End, paint: *paint, ..text };
                svg.text(area.left - 9.0, first + LINE * i as f64, line, kind);
            }
        }
        for (value, name) in x_ticks.major.iter().filter(|(v, _)| x.shows(*v)) {
            let Some(at) = x.place(*value) else { continue };
            if self.x.grid {
                stroke(svg, (at, area.top), (at, area.bottom()), Paint::Grid, "1");
            }
            stroke(svg, (at, area.bottom()), (at, area.bottom() + 6.0), Paint::Axis, "1.2");
            svg.text(at, area.bottom() + 22.0, name, text);
        }
        for at in x_ticks.minor.iter().filter_map(|v| x.place(*v)) {
            stroke(svg, (at, area.bottom()), (at, area.bottom() + 3.5), Paint::Axis, "1");
        }
        stroke(svg, (area.left, area.bottom()), (area.right(), area.bottom()), Paint::Axis, "1.2");
    }
}

/// Every second name, the middle one kept, until they fit.
fn thinned(names: &[(f64, Rich)], fits: impl Fn(&[(f64, Rich)]) -> bool) -> Vec<(f64, Rich)> {
    let mut names = names.to_vec();
    while names.len() > 3 && !fits(&names) {
        let parity = names.len() / 2 % 2;
        names =
            names.into_iter().enumerate().filter(|(i, _)| i % 2 == parity).map(|n| n.1).collect();
    }
    names
}

fn oriented(scale: Scale, reversed: bool, from: f64, to: f64) -> Scale {
    if reversed { scale.onto(to, from) } else { scale.onto(from, to) }
}

fn vertical_fit(ticks: &[(f64, Rich)], scale: &Scale, height: f64) -> bool {
    let places: Vec<f64> = ticks.iter().filter_map(|(v, _)| scale.place(*v)).collect();
    let apart = places.windows(2).all(|w| (w[0] - w[1]).abs() >= 26.0);
    apart && ticks.len() as f64 <= (height / 44.0).max(3.0)
}

fn horizontal_fit(ticks: &[(f64, Rich)], scale: &Scale) -> bool {
    let spans: Vec<(f64, f64)> = ticks
        .iter()
        .filter_map(|(v, text)| {
            Some((scale.place(*v)?, rich_width(text, TICK, Weight::Regular) / 2.0))
        })
        .collect();
    let apart = spans.windows(2).all(|w| (w[0].0 - w[1].0).abs() >= w[0].1 + w[1].1 + 16.0);
    apart && ticks.len() <= 9
}
