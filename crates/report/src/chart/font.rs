//! The embedded font, and the width of a text set in it.

use std::sync::LazyLock;

use skrifa::{FontRef, MetadataProvider, instance::LocationRef, instance::Size};

use super::text::{Rich, SpanStyle};

/// Family name of the embedded font.
pub const FAMILY: &str = "Inter";

/// Families to fall back on where the embedded font is not at hand.
pub(crate) const STACK: &str =
    "Inter, system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/// TrueType files: regular and semi-bold.
pub(crate) const TRUETYPE: [&[u8]; 2] = [
    include_bytes!("../../fonts/Inter-Regular.ttf"),
    include_bytes!("../../fonts/Inter-SemiBold.ttf"),
];

/// The same as WOFF2, for the page.
pub(crate) const WOFF2: [&[u8]; 2] = [
    include_bytes!("../../fonts/Inter-Regular.woff2"),
    include_bytes!("../../fonts/Inter-SemiBold.woff2"),
];

/// Size of raised and lowered text, relative to its line.
pub(crate) const SCRIPT_SCALE: f64 = 0.72;

/// Regular or semi-bold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    SemiBold,
}

/// Advance of each character up to U+2FFF, in em; `None` where the font lacks it.
static ADVANCES: LazyLock<[Vec<Option<f32>>; 2]> = LazyLock::new(|| {
    TRUETYPE.map(|bytes| {
        let Ok(font) = FontRef::new(bytes) else { return Vec::new() };
        let (map, metrics) =
            (font.charmap(), font.glyph_metrics(Size::new(1.0), LocationRef::default()));
        (0..0x3000_u32).map(|c| map.map(c).and_then(|glyph| metrics.advance_width(glyph))).collect()
    })
});

/// Width in pixels of `text` at `size` pixels. Kerning is left out, which errs on the wide side;
/// a character that the font lacks counts as one em.
pub(crate) fn text_width(text: &str, size: f64, weight: Weight) -> f64 {
    let table = &ADVANCES[weight as usize];
    let em = |c: char| table.get(c as usize).copied().flatten().unwrap_or(1.0);
    text.chars().map(|c| f64::from(em(c))).sum::<f64>() * size
}

/// Width in pixels of a rich text.
pub(crate) fn rich_width(text: &Rich, size: f64, weight: Weight) -> f64 {
    text.0
        .iter()
        .map(|span| match span.style {
            SpanStyle::Normal | SpanStyle::Term(_) => text_width(&span.text, size, weight),
            SpanStyle::Strong => text_width(&span.text, size, Weight::SemiBold),
            SpanStyle::Superscript | SpanStyle::Subscript => {
                text_width(&span.text, size * SCRIPT_SCALE, weight)
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_characters_that_plots_use() {
        for c in "0123456789 ABCz~*()[]·×±−≈≤≥→αβγδ⁰¹²³⁴⁻–—…%".chars()
        {
            for table in ADVANCES.iter() {
                assert!(table[c as usize].is_some(), "{c} is not in the embedded font");
            }
        }
        assert!(
            text_width("wide", 16.0, Weight::Regular) > text_width("slim", 16.0, Weight::Regular)
        );
    }
}
