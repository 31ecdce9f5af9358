//! Writes SVG elements: escaped, short numbers, and nothing that is not finite.

use super::colour::{Paint, Theme};
use super::font::{SCRIPT_SCALE, Weight};
use super::text::{Rich, SpanStyle};

/// Escapes text for XML and HTML, in content and in quoted attributes. Characters that XML does
/// not allow become U+FFFD.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// At most two decimals, no trailing zeros, no `-0`.
pub(crate) fn short(x: f64) -> String {
    let mut text = format!("{x:.2}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if text == "-0" { "0".to_owned() } else { text }
}

/// One decimal: no eye sees less in a line, and lines are most of a page's weight.
fn tenths(x: f64) -> String {
    short((x * 10.0).round() / 10.0)
}

/// Where a text hangs on its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The text begins at the point.
    Start,
    /// The text is centred on the point.
    Middle,
    /// The text ends at the point.
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// How a text is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Type {
    pub size: f64,
    pub weight: Weight,
    pub paint: Paint,
    pub anchor: Anchor,
    /// Outline in the colour of the ground, so that text stays legible over lines.
    pub halo: bool,
}

/// A growing SVG fragment in one theme.
#[derive(Debug)]
pub(crate) struct Svg {
    out: String,
    theme: Theme,
    /// Elements left out because a number of theirs was not finite.
    pub left_out: usize,
}

impl Svg {
    pub fn new(theme: Theme) -> Self {
        Self { out: String::new(), theme, left_out: 0 }
    }

    pub fn into_string(self) -> String {
        self.out
    }

    /// Begins an element; [`Tag::end`] writes it.
    pub fn tag(&mut self, name: &'static str) -> Tag<'_> {
        Tag { text: format!("<{name}"), name, svg: self, finite: true }
    }

    /// Writes ready-made mark-up.
    pub fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    /// Writes a text at `(x, y)`, its baseline.
    pub fn text(&mut self, x: f64, y: f64, text: &Rich, kind: Type) {
        if text.is_empty() {
            return;
        }
        let ground = Paint::Ground.css(self.theme);
        let mut tag = self
            .tag("text")
            .num("x", x)
            .num("y", y)
            .num("font-size", kind.size)
            .paint("fill", kind.paint)
            .attr("text-anchor", kind.anchor.name());
        if kind.weight == Weight::SemiBold {
            tag = tag.attr("font-weight", "600");
        }
        if kind.halo {
            tag = tag
                .attr("stroke", &ground)
                .attr("stroke-width", "3.5")
                .attr("stroke-linejoin", "round")
                .attr("paint-order", "stroke");
        }
        tag.body(&spans(text, kind.size));
    }
}

/// `<tspan>`s of a rich text. A raised or lowered span shifts the baseline, and the next span
/// shifts it back.
fn spans(text: &Rich, size: f64) -> String {
    let mut out = String::new();
    let mut offset = 0.0;
    for span in &text.0 {
        let (wanted, extra) = match span.style {
            SpanStyle::Normal | SpanStyle::Term(_) => (0.0, String::new()),
            SpanStyle::Strong => (0.0, " font-weight=\"600\"".to_owned()),
            SpanStyle::Superscript => {
                (-0.38 * size, format!(" font-size=\"{}\"", short(size * SCRIPT_SCALE)))
            }
            SpanStyle::Subscript => {
                (0.18 * size, format!(" font-size=\"{}\"", short(size * SCRIPT_SCALE)))
            }
        };
        let shift = wanted - offset;
        offset = wanted;
        let body = escape(&span.text);
        if shift == 0.0 && extra.is_empty() {
            out.push_str(&body);
        } else if shift == 0.0 {
            out.push_str(&format!("<tspan{extra}>{body}</tspan>"));
        } else {
            out.push_str(&format!("<tspan dy=\"{}\"{extra}>{body}</tspan>", short(shift)));
        }
    }
    out
}

/// An element being written.
#[derive(Debug)]
pub(crate) struct Tag<'a> {
    svg: &'a mut Svg,
    name: &'static str,
    text: String,
    finite: bool,
}

impl Tag<'_> {
    /// A numeric attribute. Not finite: the element is left out and counted.
    pub fn num(mut self, name: &str, value: f64) -> Self {
        self.finite &= value.is_finite();
        self.text.push_str(&format!(" {name}=\"{}\"", short(value)));
        self
    }

    /// A text attribute, escaped.
    pub fn attr(mut self, name: &str, value: &str) -> Self {
        self.text.push_str(&format!(" {name}=\"{}\"", escape(value)));
        self
    }

    /// A colour attribute, in the fragment's theme.
    pub fn paint(self, name: &str, paint: Paint) -> Self {
        let css = paint.css(self.svg.theme);
        self.attr(name, &css)
    }

    /// A point list as path data, `M x y L x y ..`; `closed` adds `Z`.
    pub fn path(mut self, points: &[(f64, f64)], closed: bool) -> Self {
        let mut data = String::new();
        for (i, &(x, y)) in points.iter().enumerate() {
            self.finite &= x.is_finite() && y.is_finite();
            data.push(if i == 0 { 'M' } else { 'L' });
            data.push_str(&format!("{} {}", tenths(x), tenths(y)));
        }
        if closed {
            data.push('Z');
        }
        self.attr("d", &data)
    }

    /// Writes an empty element.
    pub fn end(self) {
        self.write("/>\n");
    }

    /// Writes the element with a tooltip, or empty without one.
    pub fn tip(self, tip: Option<&str>) {
        match tip {
            None => self.end(),
            Some(tip) => {
                let body = format!("<title>{}</title>", escape(tip));
                self.body(&body);
            }
        }
    }

    /// Writes the element around ready-made mark-up.
    pub fn body(self, markup: &str) {
        let end = format!(">{markup}</{}>\n", self.name);
        self.write(&end);
    }

    fn write(self, end: &str) {
        if !self.finite {
            self.svg.left_out += 1;
            return;
        }
        self.svg.out.push_str(&self.text);
        self.svg.out.push_str(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_shortens() {
        assert_eq!(escape("a<b>&\"'\u{0}\n"), "a&lt;b&gt;&amp;&quot;&#39;\u{fffd} ");
        assert_eq!([1.0, 0.104, -0.001, 12.5, 100.0].map(short), ["1", "0.1", "0", "12.5", "100"]);
    }

    #[test]
    fn leaves_out_what_is_not_finite() {
        let mut svg = Svg::new(Theme::Light);
        svg.tag("circle").num("cx", f64::NAN).num("r", 1.0).end();
        svg.tag("path").path(&[(0.0, 1.0), (f64::INFINITY, 2.0)], false).end();
        svg.tag("circle").num("cx", 3.0).end();
        assert_eq!(svg.left_out, 2);
        assert_eq!(svg.into_string(), "<circle cx=\"3\"/>\n");
    }
}
