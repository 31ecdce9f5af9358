//! Keys of a figure. They stand above or beside the panels, never on the data.

use super::colour::Paint;
use super::font::{Weight, rich_width};
use super::mark::{Dash, Symbol};
use super::svg::{Anchor, Svg, Type};
use super::symbol::draw_symbol;
use super::text::Rich;

/// Size of legend text, in pixels.
pub(crate) const SIZE: f64 = 14.0;
const ROW: f64 = 23.0;
const KEY: f64 = 26.0;
const GAP: f64 = 22.0;
const BAR: f64 = 192.0;

/// The sample beside a legend's text.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// A stretch of line.
    Line(Paint, Dash),
    /// A point; the last says whether it is hollow.
    Dot(Paint, Symbol, bool),
    /// A patch of band with a line through it.
    Band(Paint),
}

/// Where a legend stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In rows above the panels.
    Above,
    /// In a column to their right.
    Right,
    /// In columns below them, above the notes; the title has a row of its own.
    Below,
}

/// A list of keys, or a colour bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Legend {
    /// What the keys tell apart.
    pub title: Option<Rich>,
    /// Sample and text.
    pub entries: Vec<(Key, Rich)>,
    /// Labels along a bar of the ordered colour scale, at shares of its length.
    pub bar: Vec<(f64, Rich)>,
    /// Where it stands.
    pub place: Place,
}

impl Legend {
    /// A list of keys.
    pub fn keys(place: Place, entries: Vec<(Key, Rich)>) -> Self {
        Self { title: None, entries, bar: Vec::new(), place }
    }

    /// A colour bar above the panels.
    pub fn bar(title: impl Into<Rich>, bar: Vec<(f64, Rich)>) -> Self {
        Self { title: Some(title.into()), entries: Vec::new(), bar, place: Place::Above }
    }

    /// The same with a title.
    #[must_use]
    pub fn titled(mut self, title: impl Into<Rich>) -> Self {
        self.title = Some(title.into());
        self
    }

    fn title_width(&self) -> f64 {
        self.title.as_ref().map_or(0.0, |t| rich_width(t, SIZE, Weight::SemiBold))
    }

    /// Width of a column of keys.
    pub(crate) fn column_width(&self) -> f64 {
        let widest = self
            .entries
            .iter()
            .map(|(_, t)| rich_width(t, SIZE, Weight::Regular))
            .fold(0.0, f64::max);
        self.title_width().max(KEY + 8.0 + widest)
    }

    /// Height of a column of keys.
    pub(crate) fn column_height(&self) -> f64 {
        (self.entries.len() + usize::from(self.title.is_some())) as f64 * ROW
    }

    /// Where keys set in rows begin: behind the title, or below it.
    fn indent(&self) -> f64 {
        if self.title.is_some() && self.place != Place::Below {
            self.title_width() + 14.0
        } else {
            0.0
        }
    }

    /// The text of a key, cut where a row of `width` is too short for it.
    fn fitted(&self, text: &Rich, width: f64) -> Rich {
        let room = width - self.indent() - KEY - 8.0;
        text.cut(room, |t| rich_width(t, SIZE, Weight::Regular))
    }

    /// Left end and row of each key when set in rows of `width`; the title counts as a key.
    fn rows(&self, width: f64) -> Vec<(f64, f64)> {
        if self.place == Place::Below {
            return self.grid(width);
        }
        let indent = self.indent();
        let (mut x, mut row) = (indent, 0.0);
        let mut places = Vec::new();
        for (_, text) in &self.entries {
            let text = self.fitted(text, width);
            let wide = KEY + 8.0 + rich_width(&text, SIZE, Weight::Regular);
            if x > indent && x + wide > width {
                (x, row) = (indent, row + 1.0);
            }
            places.push((x, row));
            x += wide + GAP;
        }
        places
    }

    /// The same in columns as wide as the widest key.
    fn grid(&self, width: f64) -> Vec<(f64, f64)> {
        let step = self.column_width().min(width) + GAP;
        let columns = ((width + GAP) / step).floor().max(1.0) as usize;
        let first = usize::from(self.title.is_some());
        let place = |i: usize| ((i % columns) as f64 * step, (first + i / columns) as f64);
        (0..self.entries.len()).map(place).collect()
    }

    /// Height when set in rows of `width`.
    pub(crate) fn rows_height(&self, width: f64) -> f64 {
        if !self.bar.is_empty() {
            return ROW + 16.0;
        }
        self.rows(width).last().map_or(0.0, |(_, row)| (row + 1.0) * ROW)
    }

    /// Draws at the top left corner `(left, top)`.
    pub(crate) fn draw(&self, svg: &mut Svg, left: f64, top: f64, width: f64) {
        let strong = Type {
            size: SIZE,
            weight: Weight::SemiBold,
            paint: Paint::Muted,
            anchor: Anchor::Start,
            halo: false,
        };
        let plain = Type { weight: Weight::Regular, paint: Paint::Ink, ..strong };
        let baseline = |row: f64| top + row * ROW + 15.5;
        if let Some(title) = &self.title {
            svg.text(left, baseline(0.0), title, strong);
        }
        if !self.bar.is_empty() {
            self.draw_bar(svg, left + self.title_width() + 14.0, top);
            return;
        }
        let places = match self.place {
            Place::Above | Place::Below => self.rows(width),
            Place::Right => {
                let first = f64::from(u8::from(self.title.is_some()));
                (0..self.entries.len()).map(|i| (0.0, first + i as f64)).collect()
            }
        };
        for ((key, text), (x, row)) in self.entries.iter().zip(places) {
            let middle = baseline(row) - 5.0;
            draw_key(svg, key, left + x, middle);
            let text = match self.place {
                Place::Above | Place::Below => self.fitted(text, width),
                Place::Right => text.clone(),
            };
            svg.text(left + x + KEY + 8.0, baseline(row), &text, plain);
        }
    }

    fn draw_bar(&self, svg: &mut Svg, left: f64, top: f64) {
        // Whole pixels: no seams where a renderer smooths edges.
        let steps = 48;
        let wide = BAR / f64::from(steps);
        for i in 0..steps {
            svg.tag("rect")
                .num("x", left.round() + f64::from(i) * wide)
                .num("y", (top + 5.0).round())
                .num("width", wide)
                .num("height", 12.0)
                .paint("fill", Paint::Ramp(f64::from(i) / f64::from(steps - 1)))
                .attr("shape-rendering", "crispEdges")
                .end();
        }
        for (share, text) in &self.bar {
            let anchor = match share {
                s if *s <= 0.0 => Anchor::Start,
                s if *s >= 1.0 => Anchor::End,
                _ => Anchor::Middle,
            };
            let kind = Type {
                size: 13.0,
                weight: Weight::Regular,
                paint: Paint::Ink,
                anchor,
                halo: false,
            };
            svg.text(left.round() + share * BAR, top + 32.0, text, kind);
        }
    }
}

fn draw_key(svg: &mut Svg, key: &Key, x: f64, y: f64) {
    match key {
        Key::Line(paint, dash) => {
            let mut tag = svg
                .tag("path")
                .path(&[(x, y), (x + KEY, y)], false)
                .paint("stroke", *paint)
                .attr("stroke-width", "3")
                .attr("fill", "none");
            if let Some(array) = dash.array() {
                tag = tag.attr("stroke-dasharray", array);
            }
            tag.end();
        }
        Key::Dot(paint, symbol, hollow) => {
            draw_symbol(svg, *symbol, (x + KEY / 2.0, y), 5.5, *paint, *hollow, 1.0, None);
        }
        Key::Band(paint) => {
            svg.tag("rect")
                .num("x", x)
                .num("y", y - 7.0)
                .num("width", KEY)
                .num("height", 14.0)
                .paint("fill", *paint)
                .attr("fill-opacity", "0.22")
                .end();
            draw_key(svg, &Key::Line(*paint, Dash::Solid), x, y);
        }
    }
}
