//! Point symbols as paths.

use super::colour::Paint;
use super::mark::Symbol;
use super::svg::Svg;

/// Draws a symbol. Filled ones get a thin rim in the colour of the ground, so that they stay
/// apart where they overlap.
#[allow(clippy::too_many_arguments)]
pub(crate) fn draw_symbol(
    svg: &mut Svg,
    symbol: Symbol,
    (x, y): (f64, f64),
    radius: f64,
    paint: Paint,
    hollow: bool,
    opacity: f64,
    tip: Option<&str>,
) {
    let corners: Vec<(f64, f64)> = match symbol {
        Symbol::Circle => Vec::new(),
        Symbol::Diamond => vec![(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
        Symbol::Square => vec![(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        Symbol::Triangle => vec![(0.0, -1.25), (1.15, 0.85), (-1.15, 0.85)],
        Symbol::Cross => vec![(-0.8, -0.8), (0.8, 0.8), (0.0, 0.0), (-0.8, 0.8), (0.8, -0.8)],
    };
    let corners: Vec<_> =
        corners.into_iter().map(|(dx, dy)| (x + dx * radius, y + dy * radius)).collect();
    let mut tag = match symbol {
        Symbol::Circle => svg.tag("circle").num("cx", x).num("cy", y).num("r", radius),
        Symbol::Cross => svg.tag("path").path(&corners, false),
        _ => svg.tag("path").path(&corners, true),
    };
    tag = match (symbol, hollow) {
        (Symbol::Cross, _) => {
            tag.attr("fill", "none").paint("stroke", paint).attr("stroke-width", "2.4")
        }
        (_, true) => {
            tag.paint("fill", Paint::Ground).paint("stroke", paint).attr("stroke-width", "2.2")
        }
        (_, false) => {
            tag.paint("fill", paint).paint("stroke", Paint::Ground).attr("stroke-width", "1.2")
        }
    };
    if opacity < 1.0 {
        tag = tag.num("opacity", opacity);
    }
    tag.tip(tip);
}
