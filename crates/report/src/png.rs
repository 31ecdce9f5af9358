//! SVG to PNG, with the embedded font alone: the same pixels on a machine without fonts.

use std::sync::{Arc, LazyLock};

use resvg::{tiny_skia, usvg};

use crate::chart::{FAMILY, TRUETYPE};

/// Why a drawing could not be made into a PNG.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// Not an SVG that can be read.
    #[error(
        "the drawing is not a readable SVG: {0}\nhint: pass what `Figure::svg` returns for the light or the dark theme"
    )]
    Svg(String),
    /// The image would be empty or too large.
    #[error(
        "a PNG of {width} x {height} pixels cannot be made\nhint: choose a scale between 0.1 and 8"
    )]
    Size {
        /// Pixels across.
        width: f64,
        /// Pixels down.
        height: f64,
    },
    #[error(
        "the PNG encoder failed: {0}\nhint: this is a defect of the program; the SVG is still good"
    )]
    Encode(String),
}

static FONTS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = usvg::fontdb::Database::new();
    for bytes in TRUETYPE {
        fonts.load_font_data(bytes.to_vec());
    }
    fonts.set_sans_serif_family(FAMILY);
    Arc::new(fonts)
});

/// Renders an SVG at `scale` pixels to the unit. Characters that the embedded font lacks (it has
/// Latin, Greek and mathematical signs) are left blank.
///
/// # Errors
///
/// When `svg` cannot be read, or the image would have no pixels or more than 16384 a side.
pub fn render_png(svg: &str, scale: f32) -> Result<Vec<u8>, PngError> {
    let options = usvg::Options {
        font_family: FAMILY.to_owned(),
        fontdb: FONTS.clone(),
        ..Default::default()
    };
    let tree = usvg::Tree::from_str(svg, &options).map_err(|e| PngError::Svg(e.to_string()))?;
    let width = f64::from(tree.size().width()) * f64::from(scale);
    let height = f64::from(tree.size().height()) * f64::from(scale);
    let good = |x: f64| x.is_finite() && (1.0..=16384.0).contains(&x);
    if !(good(width) && good(height)) {
        return Err(PngError::Size { width, height });
    }
    let mut pixmap = tiny_skia::Pixmap::new(width.ceil() as u32, height.ceil() as u32)
        .ok_or(PngError::Size { width, height })?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|e| PngError::Encode(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Axis, Figure, Panel, Theme};

    #[test]
    fn draws_text_without_system_fonts() {
        let figure = |title: &str| {
            let panel = Panel::new(Axis::linear(""), Axis::linear(""));
            render_png(&Figure::new("t", title, panel).svg(Theme::Light), 1.0).unwrap()
        };
        let (blank, titled) = (figure(""), figure("Optimal parameters"));
        assert_eq!(&titled[1..4], b"PNG");
        assert_ne!(blank, titled);
    }

    #[test]
    fn refuses_what_it_cannot_draw() {
        assert!(matches!(render_png("<p>", 1.0), Err(PngError::Svg(_))));
        let svg =
            Figure::new("t", "x", Panel::new(Axis::linear(""), Axis::linear(""))).svg(Theme::Light);
        for scale in [0.0, -1.0, f32::NAN, 1e6] {
            assert!(matches!(render_png(&svg, scale), Err(PngError::Size { .. })), "{scale}");
        }
    }
}
