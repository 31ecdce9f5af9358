//! A document as one HTML file that asks the network for nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Block, Document, Section};
use crate::chart::{
    FAMILY, Figure, Rich, STACK, Span, SpanStyle, Theme, WOFF2, css_variables, escape,
};

const STYLE: &str = concat!(include_str!("style.css"), include_str!("words.css"));
const SCRIPT: &str =
    concat!(include_str!("tooltip.js"), include_str!("sheet.js"), include_str!("terms.js"));

/// A figure wider than this stands alone in its row.
const WIDE: f64 = 800.0;
/// A narrow form higher than this is allowed more than half a page in print.
const TALL: f64 = 700.0;

impl Document {
    /// One HTML file: styles, font, script and drawings are inside, and its security policy
    /// forbids everything else.
    pub fn to_html(&self) -> String {
        let mut out = String::with_capacity(1 << 19);
        out.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        out.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
        out.push_str(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
             script-src 'unsafe-inline'; font-src data:; img-src data:\">\n",
        );
        out.push_str(&format!("<title>{}</title>\n<style>\n", escape(&self.title.to_text())));
        out.push_str(&style());
        out.push_str("</style>\n</head>\n<body>\n<main>\n");
        self.write_header(&mut out);
        for section in &self.sections {
            write_section(&mut out, section);
        }
        out.push_str(&format!("<footer>{}</footer>\n</main>\n", self.footer.to_html()));
        out.push_str(&format!("<script>\n{SCRIPT}</script>\n</body>\n</html>\n"));
        out
    }

    fn write_header(&self, out: &mut String) {
        out.push_str(&format!("<header>\n<p class=\"kicker\">{}</p>\n", self.kicker.to_html()));
        out.push_str(&format!("<h1>{}</h1>\n", self.title.to_html()));
        if !self.headline.is_empty() {
            out.push_str(&format!("<p class=\"headline\">{}</p>\n", self.headline.to_html()));
        }
        out.push_str("</header>\n");
        if !self.cards.is_empty() {
            out.push_str("<div class=\"cards\">\n");
            for card in &self.cards {
                out.push_str("<div class=\"card\">");
                out.push_str(&format!("<div class=\"label\">{}</div>", card.label.to_html()));
                out.push_str(&format!("<div class=\"value\">{}</div>", card.value.to_html()));
                for (class, text) in [("interval", &card.interval), ("hint", &card.note)] {
                    if let Some(text) = text {
                        out.push_str(&format!("<div class=\"{class}\">{}</div>", text.to_html()));
                    }
                }
                out.push_str("</div>\n");
            }
            out.push_str("</div>\n");
        }
        if !self.notices.is_empty() {
            let count = self.notices.len();
            let title =
                if count == 1 { "1 warning".to_owned() } else { format!("{count} warnings") };
            out.push_str(&format!(
                "<div class=\"warnings\" id=\"warnings\"><h2>{title}</h2>\n<ul>\n"
            ));
            for notice in &self.notices {
                let (text, advice) = (notice.text.to_html(), notice.advice.to_html());
                out.push_str(&format!("<li>{text}<span class=\"advice\">{advice}</span></li>\n"));
            }
            out.push_str("</ul></div>\n");
        }
    }
}

fn style() -> String {
    let mut out = String::new();
    for (weight, bytes) in [400, 600].into_iter().zip(WOFF2) {
        out.push_str(&format!(
            "@font-face{{font-family:\"{FAMILY}\";font-weight:{weight};src:url(data:font/woff2;base64,{}) format(\"woff2\")}}\n",
            STANDARD.encode(bytes)
        ));
    }
    out.push_str(&format!(":root{{--font:{STACK};{}}}\n", css_variables(false)));
    out.push_str(&format!(
        "@media screen and (prefers-color-scheme:dark){{:root{{{}}}}}\n",
        css_variables(true)
    ));
    out.push_str(STYLE);
    out
}

fn anchor(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

fn write_section(out: &mut String, section: &Section) {
    let (id, title) = (anchor(&section.id), section.title.to_html());
    let class = if section.folded { " class=\"folded\"" } else { "" };
    out.push_str(&format!("<section id=\"{id}\"{class}>\n"));
    if section.folded {
        out.push_str(&format!("<details><summary><h2>{title}</h2></summary>\n"));
    } else {
        out.push_str(&format!("<h2>{title}</h2>\n"));
    }
    if let Some(lead) = &section.lead {
        out.push_str(&format!("<p class=\"lead\">{}</p>\n", lead.to_html()));
    }
    // Tables in a row stand side by side where there is room.
    let tables = |i: usize| matches!(section.blocks.get(i), Some(Block::Table(_)));
    for (i, block) in section.blocks.iter().enumerate() {
        if tables(i) && !(i > 0 && tables(i - 1)) {
            out.push_str("<div class=\"tables\">\n");
        }
        match block {
            Block::Text(text) => out.push_str(&format!("<p>{}</p>\n", text.to_html())),
            Block::Figures(figures) => write_figures(out, figures),
            Block::Table(table) => out.push_str(&table.to_html()),
            Block::Facts(facts) => {
                out.push_str("<dl>\n");
                for (name, value) in facts {
                    out.push_str(&format!("{}<dd>{}</dd>\n", name_of(name), value.to_html()));
                }
                out.push_str("</dl>\n");
            }
            Block::Code(code) => {
                // Line ends survive here, unlike in other text.
                let lines: Vec<String> = code.lines().map(escape).collect();
                out.push_str(&format!("<pre><code>{}</code></pre>\n", lines.join("\n")));
            }
        }
        if tables(i) && !tables(i + 1) {
            out.push_str("</div>\n");
        }
    }
    out.push_str(if section.folded { "</details>\n</section>\n" } else { "</section>\n" });
}

/// The name of a fact; that of a term is where its links lead.
fn name_of(name: &Rich) -> String {
    match name.0.as_slice() {
        [Span { text, style: SpanStyle::Term(id) }] => {
            format!("<dt id=\"term-{id}\" class=\"term\">{}</dt>", escape(text))
        }
        _ => format!("<dt>{}</dt>", name.to_html()),
    }
}

fn write_figures(out: &mut String, figures: &[Figure]) {
    out.push_str("<div class=\"figures\">\n");
    for figure in figures {
        let id = anchor(&figure.id);
        let narrow = Figure { id: format!("{id}-narrow"), ..figure.narrow() };
        let class = match (figure.size.0 > WIDE, narrow.size.1 > TALL) {
            (true, _) => "figure wide",
            (_, true) => "figure tall",
            _ => "figure",
        };
        out.push_str(&format!(
            "<div class=\"{class}\" id=\"figure-{id}\">\n<div class=\"full\">{}</div>\n<div class=\"narrow\">{}</div></div>\n",
            figure.svg(Theme::Page),
            narrow.svg(Theme::Page)
        ));
    }
    out.push_str("</div>\n");
}
