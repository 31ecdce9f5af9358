//! A drawing: heading, keys, panels and notes, as one SVG document.

use super::colour::{Paint, Theme};
use super::font::{STACK, Weight, rich_width};
use super::legend::{Legend, Place};
use super::panel::{Panel, Rect};
use super::svg::{Anchor, Svg, Type, escape, short};
use super::text::Rich;

const MARGIN: f64 = 18.0;
const TITLE: f64 = 20.0;
const SUBTITLE: f64 = 15.0;
const NOTE: f64 = 13.0;
const GUTTER: f64 = 26.0;

/// A drawing of one or more panels.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Short name, unique in a page: letters, digits and dashes. Other characters become dashes.
    pub id: String,
    /// Heading.
    pub title: Rich,
    /// What it says, in a sentence.
    pub subtitle: Option<Rich>,
    /// The panels, row by row.
    pub panels: Vec<Panel>,
    /// Panels in a row.
    pub columns: usize,
    /// Keys.
    pub legends: Vec<Legend>,
    /// Small print below.
    pub notes: Vec<Rich>,
    /// Width and height in pixels.
    pub size: (f64, f64),
    /// What [`Figure::narrow`] draws instead, where less room asks for other contents.
    pub own_narrow: Option<Box<Figure>>,
}

impl Figure {
    /// A figure of one panel, 640 x 460 pixels.
    pub fn new(id: &str, title: impl Into<Rich>, panel: Panel) -> Self {
        Self {
            id: id.to_owned(),
            title: title.into(),
            subtitle: None,
            panels: vec![panel],
            columns: 1,
            legends: Vec::new(),
            notes: Vec::new(),
            size: (640.0, 460.0),
            own_narrow: None,
        }
    }

    /// The same in another size.
    #[must_use]
    pub fn sized(mut self, width: f64, height: f64) -> Self {
        self.size = (width, height);
        self
    }

    /// The SVG document. Whatever has no place (not finite, or not positive on a logarithmic axis)
    /// is left out, and a note below the panels says how much.
    pub fn svg(&self, theme: Theme) -> String {
        let id: String =
            self.id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let width = if self.size.0.is_finite() { self.size.0.clamp(240.0, 8000.0) } else { 640.0 };
        let height = if self.size.1.is_finite() { self.size.1.clamp(200.0, 8000.0) } else { 460.0 };
        let inner = inner_width(width);

        // First pass: how many points have no place. It fixes the notes, and so the panels' height.
        let mut dry = Svg::new(theme);
        let left_out =
            self.draw_panels(&mut dry, Rect { left: MARGIN, top: 0.0, width: inner, height }, &id);
        let mut notes = self.notes.clone();
        if left_out + dry.left_out > 0 {
            notes.push(left_out_note(left_out + dry.left_out).into());
        }

        let mut svg = Svg::new(theme);
        let top = self.draw_heading(&mut svg, inner);
        let bottom = self.draw_foot(&mut svg, &notes, inner, height);
        let rect =
            Rect { left: MARGIN, top, width: inner, height: (bottom - 10.0 - top).max(60.0) };
        self.draw_panels(&mut svg, rect, &id);

        let (w, h) = (short(width), short(height));
        let label = escape(&self.title.to_text());
        let ground = match theme {
            Theme::Page => String::new(),
            theme => format!(
                "<rect width=\"{w}\" height=\"{h}\" fill=\"{}\"/>\n",
                Paint::Ground.css(theme)
            ),
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" \
             role=\"img\" aria-label=\"{label}\" font-family=\"{}\">\n{ground}{}</svg>\n",
            escape(STACK),
            svg.into_string()
        )
    }

    /// What heading and foot take of the height, notes on what was left out aside.
    pub(super) fn outer_height(&self, width: f64) -> f64 {
        let (inner, mut dry) = (inner_width(width), Svg::new(Theme::Light));
        let top = self.draw_heading(&mut dry, inner);
        top + 10.0 - self.draw_foot(&mut dry, &self.notes, inner, 0.0)
    }

    fn legends_at(&self, place: Place) -> impl Iterator<Item = &Legend> {
        self.legends.iter().filter(move |l| l.place == place)
    }

    /// Draws notes, and keys above them, up from `height`; returns where the panels end.
    fn draw_foot(&self, svg: &mut Svg, notes: &[Rich], inner: f64, height: f64) -> f64 {
        let bottom = height - draw_notes(svg, notes, inner, height);
        let keys: f64 = self.legends_at(Place::Below).map(|l| l.rows_height(inner) + 6.0).sum();
        let mut y = bottom - keys;
        for legend in self.legends_at(Place::Below) {
            legend.draw(svg, MARGIN, y, inner);
            y += legend.rows_height(inner) + 6.0;
        }
        bottom - keys
    }

    /// Draws title, subtitle and keys above the panels; returns where the panels begin.
    fn draw_heading(&self, svg: &mut Svg, inner: f64) -> f64 {
        let mut y = MARGIN;
        let title = Type {
            size: TITLE,
            weight: Weight::SemiBold,
            paint: Paint::Ink,
            anchor: Anchor::Start,
            halo: false,
        };
        for line in self.title.wrap(inner, |t| rich_width(t, TITLE, Weight::SemiBold)) {
            y += TITLE;
            svg.text(MARGIN, y, &line, title);
            y += 5.0;
        }
        if let Some(subtitle) = &self.subtitle {
            let kind =
                Type { size: SUBTITLE, weight: Weight::Regular, paint: Paint::Muted, ..title };
            y += 1.0;
            for line in subtitle.wrap(inner, |t| rich_width(t, SUBTITLE, Weight::Regular)) {
                y += SUBTITLE;
                svg.text(MARGIN, y, &line, kind);
                y += 5.0;
            }
        }
        y += 8.0;
        for legend in self.legends_at(Place::Above) {
            legend.draw(svg, MARGIN, y, inner);
            y += legend.rows_height(inner) + 4.0;
        }
        y + 4.0
    }

    /// Draws the keys beside the panels and the panels; returns the points without a place.
    fn draw_panels(&self, svg: &mut Svg, rect: Rect, id: &str) -> usize {
        let beside: Vec<&Legend> = self.legends_at(Place::Right).collect();
        let column = beside.iter().map(|l| l.column_width()).fold(0.0, f64::max);
        let mut width = rect.width;
        if column > 0.0 {
            width -= column + 18.0;
            let mut y = rect.top + 22.0;
            for legend in beside {
                legend.draw(svg, rect.left + width + 18.0, y, column);
                y += legend.column_height() + 16.0;
            }
        }
        let columns = self.columns.clamp(1, self.panels.len().max(1));
        let rows = self.panels.len().div_ceil(columns).max(1);
        let wide = (width - GUTTER * (columns - 1) as f64) / columns as f64;
        let high = (rect.height - 14.0 * (rows - 1) as f64) / rows as f64;
        let mut left_out = 0;
        for (i, panel) in self.panels.iter().enumerate() {
            let (row, column) = ((i / columns) as f64, (i % columns) as f64);
            let place = Rect {
                left: rect.left + column * (wide + GUTTER),
                top: rect.top + row * (high + 14.0),
                width: wide.max(60.0),
                height: high.max(60.0),
            };
            left_out += panel.draw(svg, place, &format!("{id}-clip{i}"));
        }
        left_out
    }
}

fn inner_width(width: f64) -> f64 {
    width - 2.0 * MARGIN
}

fn left_out_note(count: usize) -> String {
    let (points, are) = if count == 1 { ("point", "is") } else { ("points", "are") };
    format!(
        "{count} {points} {are} not drawn: not finite, not positive on a logarithmic axis, or off the axes."
    )
}

/// Draws the notes at the foot; returns the height they take.
fn draw_notes(svg: &mut Svg, notes: &[Rich], inner: f64, height: f64) -> f64 {
    let lines: Vec<Rich> = notes
        .iter()
        .flat_map(|n| n.wrap(inner, |t| rich_width(t, NOTE, Weight::Regular)))
        .collect();
    let kind = Type {
        size: NOTE,
        weight: Weight::Regular,
        paint: Paint::Muted,
        anchor: Anchor::Start,
        halo: false,
    };
    let taken = lines.len() as f64 * (NOTE + 5.0) + if lines.is_empty() { 0.0 } else { 8.0 };
    for (i, line) in lines.iter().enumerate() {
        svg.text(MARGIN, height - taken + (i + 1) as f64 * (NOTE + 5.0), line, kind);
    }
    taken
}
