//! Short text with superscripts, subscripts and emphasis, for SVG, HTML, Markdown and terminals.

use super::code::{Piece, markdown_code, pieces};
use super::svg::escape;

/// How one span of a [`Rich`] text is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanStyle {
    /// On the line.
    Normal,
    /// Raised, smaller.
    Superscript,
    /// Lowered, smaller.
    Subscript,
    /// Semi-bold.
    Strong,
    /// A term that the page explains under this anchor; plain elsewhere.
    Term(&'static str),
}

/// A stretch of text in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The characters, not escaped.
    pub text: String,
    /// How they are set.
    pub style: SpanStyle,
}

/// Text in spans. `From<&str>` and `From<String>` take the text as it is; [`Rich::markup`] reads
/// `10^{18}`, `N_{opt}` and `*{strong}`. What stands between two backticks is code: HTML and Markdown set it so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rich(pub Vec<Span>);

impl From<&str> for Rich {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

impl From<String> for Rich {
    fn from(text: String) -> Self {
        Self::plain(text)
    }
}

impl Rich {
    /// Text without any mark-up: every character stands for itself.
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() {
            return Self::default();
        }
        Self(vec![Span { text, style: SpanStyle::Normal }])
    }

    /// Reads `^{..}` as superscript, `_{..}` as subscript and `*{..}` as strong.
    /// Anything else stands for itself; spans do not nest.
    pub fn markup(source: &str) -> Self {
        let mut spans = Vec::new();
        let mut normal = String::new();
        let mut rest = source;
        while let Some(c) = rest.chars().next() {
            let style = match c {
                '^' => Some(SpanStyle::Superscript),
                '_' => Some(SpanStyle::Subscript),
                '*' => Some(SpanStyle::Strong),
                _ => None,
            };
            let after = &rest[c.len_utf8()..];
            let inner = after
                .strip_prefix('{')
                .and_then(|x| x.find('}').map(|end| (&x[..end], &x[end + 1..])));
            match (style, inner) {
                (Some(style), Some((inner, tail))) => {
                    if !normal.is_empty() {
                        spans.push(Span {
                            text: std::mem::take(&mut normal),
                            style: SpanStyle::Normal,
                        });
                    }
                    spans.push(Span { text: inner.to_owned(), style });
                    rest = tail;
                }
                _ => {
                    normal.push(c);
                    rest = after;
                }
            }
        }
        if !normal.is_empty() {
            spans.push(Span { text: normal, style: SpanStyle::Normal });
        }
        Self(spans)
    }

    /// Whether there is nothing to set.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|span| span.text.is_empty())
    }

    /// Appends another text.
    #[must_use]
    pub fn then(mut self, other: impl Into<Rich>) -> Self {
        self.0.extend(other.into().0);
        self
    }

    /// As Unicode text: superscripts as `¹⁸` where Unicode has them, else `^(x)`.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for span in &self.0 {
            match span.style {
                SpanStyle::Normal | SpanStyle::Strong | SpanStyle::Term(_) => {
                    out.push_str(&span.text);
                }
                SpanStyle::Superscript => match raised(&span.text) {
                    Some(text) => out.push_str(&text),
                    None => out.push_str(&format!("^{}", span.text)),
                },
                SpanStyle::Subscript => out.push_str(&format!("_{}", span.text)),
            }
        }
        out
    }

    /// As HTML: escaped, with `<sup>`, `<sub>`, `<b>`, `<code>` and links to the terms.
    pub fn to_html(&self) -> String {
        let mut out = String::new();
        for span in &self.0 {
            let text = escape(&span.text);
            match span.style {
                SpanStyle::Normal => {
                    for piece in pieces(&text) {
                        match piece {
                            Piece::Plain(text) => out.push_str(text),
                            Piece::Code(code) => out.push_str(&format!("<code>{code}</code>")),
                        }
                    }
                }
                SpanStyle::Term(id) => {
                    out.push_str(&format!("<a class=\"term\" href=\"#term-{id}\">{text}</a>"));
                }
                SpanStyle::Superscript => out.push_str(&format!("<sup>{text}</sup>")),
                SpanStyle::Subscript => out.push_str(&format!("<sub>{text}</sub>")),
                SpanStyle::Strong => out.push_str(&format!("<b>{text}</b>")),
            }
        }
        out
    }

    /// As Markdown: escaped, with `**` and inline HTML for raised and lowered text.
    pub fn to_markdown(&self) -> String {
        let mut out = String::new();
        for span in &self.0 {
            let text = escape_markdown(&span.text);
            match span.style {
                SpanStyle::Normal => {
                    for piece in pieces(&span.text) {
                        match piece {
                            Piece::Plain(text) => out.push_str(&escape_markdown(text)),
                            Piece::Code(code) => out.push_str(&markdown_code(code)),
                        }
                    }
                }
                SpanStyle::Term(_) => out.push_str(&text),
                SpanStyle::Superscript => out.push_str(&format!("<sup>{text}</sup>")),
                SpanStyle::Subscript => out.push_str(&format!("<sub>{text}</sub>")),
                SpanStyle::Strong => out.push_str(&format!("**{text}**")),
            }
        }
        out
    }

    /// Breaks the text into lines no wider than `width` pixels, at spaces; `measure` gives the
    /// width of a text. A word wider than that is broken anywhere.
    pub(crate) fn wrap(&self, width: f64, measure: impl Fn(&Rich) -> f64) -> Vec<Rich> {
        let mut lines = Vec::new();
        let mut line = Rich::default();
        let whole = |word: &Rich| measure(&word.clone().trimmed()) <= width;
        let pieces = |word: Rich| if whole(&word) { vec![word] } else { word.characters() };
        for word in self.words().into_iter().flat_map(pieces) {
            let trial = Rich([line.0.clone(), word.0.clone()].concat());
            if !line.is_empty() && measure(&trial.clone().trimmed()) > width {
                lines.push(std::mem::take(&mut line).trimmed());
                line = word;
            } else {
                line = trial;
            }
        }
        if !line.is_empty() {
            lines.push(line.trimmed());
        }
        lines
    }

    /// The text up to `width` pixels, with an ellipsis where it had to be cut.
    pub(crate) fn cut(&self, width: f64, measure: impl Fn(&Rich) -> f64) -> Rich {
        if measure(self) <= width {
            return self.clone();
        }
        let mut kept = Rich::default();
        for next in self.characters() {
            let longer = kept.clone().then(next);
            if measure(&longer.clone().then("…")) > width {
                break;
            }
            kept = longer;
        }
        kept.then("…")
    }

    fn characters(&self) -> Vec<Rich> {
        let spans = self.0.iter();
        let one = |c: char, style| Rich(vec![Span { text: c.to_string(), style }]);
        spans.flat_map(|s| s.text.chars().map(move |c| one(c, s.style))).collect()
    }

    /// Pieces that each end in a space where a line may break.
    fn words(&self) -> Vec<Rich> {
        let mut words = Vec::new();
        let mut word = Rich::default();
        for span in &self.0 {
            for piece in span.text.split_inclusive(' ') {
                word.0.push(Span { text: piece.to_owned(), style: span.style });
                if piece.ends_with(' ') {
                    words.push(std::mem::take(&mut word));
                }
            }
        }
        if !word.is_empty() {
            words.push(word);
        }
        words
    }

    fn trimmed(mut self) -> Self {
        if let Some(last) = self.0.last_mut() {
            last.text.truncate(last.text.trim_end().len());
        }
        if let Some(first) = self.0.first_mut() {
            first.text = first.text.trim_start().to_owned();
        }
        self
    }
}

fn raised(text: &str) -> Option<String> {
    text.chars()
        .map(|c| match c {
            '0' => Some('⁰'),
            '1' => Some('¹'),
            '2' => Some('²'),
            '3' => Some('³'),
            '4'..='9' => char::from_u32('⁴' as u32 + (c as u32 - '4' as u32)),
            '-' | '−' => Some('⁻'),
            '+' => Some('⁺'),
            _ => None,
        })
        .collect()
}

fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_reaches_every_output() {
        let text = Rich::markup("*{N*} of 3·10^{-18} & L_{0}");
        assert_eq!(text.to_text(), "N* of 3·10⁻¹⁸ & L_0");
        assert_eq!(text.to_html(), "<b>N*</b> of 3·10<sup>-18</sup> &amp; L<sub>0</sub>");
        assert_eq!(text.to_markdown(), "**N\\*** of 3·10<sup>-18</sup> &amp; L<sub>0</sub>");
        assert_eq!(Rich::markup("a^b *c {d} ^{").to_text(), "a^b *c {d} ^{");
        assert_eq!(Rich::markup("C^{0.49}").to_text(), "C^0.49");
    }

    #[test]
    fn cuts_what_is_too_long() {
        let width = |x: &Rich| x.to_text().chars().count() as f64;
        let text = Rich::markup("10^{15} FLOPs");
        assert_eq!(text.cut(10.0, width), text);
        assert_eq!(text.cut(6.0, width).to_text(), "10¹⁵ …");
        assert_eq!(text.cut(0.0, width).to_text(), "…");
    }

    #[test]
    fn backticks_are_code_and_terms_are_links_on_the_page() {
        let text = Rich::plain("set `a<b|c` or `")
            .then(Rich(vec![Span { text: "R&D".into(), style: SpanStyle::Term("r-d") }]));
        let html = "set <code>a&lt;b|c</code> or `<a class=\"term\" href=\"#term-r-d\">R&amp;D</a>";
        assert_eq!(text.to_html(), html);
        assert_eq!(text.to_markdown(), "set `a<b\\|c` or \\`R&amp;D");
        assert_eq!(text.to_text(), "set `a<b|c` or `R&D");
        assert_eq!(Rich::plain("``").to_html(), "``");
    }

    #[test]
    fn wraps_at_spaces() {
        let width = |x: &Rich| x.to_text().chars().count() as f64;
        let lines = Rich::markup("one *{two} three four").wrap(9.0, width);
        let lines: Vec<_> = lines.iter().map(Rich::to_text).collect();
        assert_eq!(lines, ["one two", "three", "four"]);
        let lines = Rich::plain("a sesquipedalian b").wrap(6.0, width);
        let lines: Vec<_> = lines.iter().map(Rich::to_text).collect();
        assert_eq!(lines, ["a sesq", "uipeda", "lian b"]);
    }
}
