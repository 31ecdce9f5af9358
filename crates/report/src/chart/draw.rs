//! Draws the marks of a panel.

use super::colour::Paint;
use super::font::Weight;
use super::mark::{Along, Band, Dash, Dots, Extend, Line, Mark, Rule, Whiskers};
use super::panel::Frame;
use super::simplify::simplified;
use super::svg::{Anchor, Svg, Type};
use super::symbol::draw_symbol;
use super::text::Rich;

/// Size of texts inside a panel.
pub(crate) const NOTE: f64 = 13.5;
/// Pixels by which a line may leave its points.
const UNSEEN: f64 = 0.3;

/// Draws a mark, without its text; returns how many of its points had no place.
pub(crate) fn mark(svg: &mut Svg, mark: &Mark, frame: &Frame, clip: &str) -> usize {
    match mark {
        Mark::Dots(m) => dots(svg, m, frame),
        Mark::Line(m) => line(svg, m, frame, clip),
        Mark::Band(m) => band(svg, m, frame, clip),
        Mark::Whiskers(m) => whiskers(svg, m, frame),
        Mark::Rule(m) => rule(svg, m, frame),
        Mark::Note(_) => 0,
    }
}

fn dots(svg: &mut Svg, m: &Dots, frame: &Frame) -> usize {
    let mut left_out = 0;
    for dot in &m.at {
        let shown = frame.x.shows(dot.x) && frame.y.shows(dot.y);
        match (shown, frame.x.place(dot.x), frame.y.place(dot.y)) {
            (true, Some(x), Some(y)) => {
                let paint = dot.paint.unwrap_or(m.paint);
                draw_symbol(
                    svg,
                    m.symbol,
                    (x, y),
                    m.radius,
                    paint,
                    m.hollow,
                    m.opacity,
                    dot.tip.as_deref(),
                );
            }
            _ => left_out += 1,
        }
    }
    left_out
}

fn line(svg: &mut Svg, m: &Line, frame: &Frame, clip: &str) -> usize {
    let mut left_out = 0;
    let mut run = Vec::new();
    let mut runs = Vec::new();
    for &(x, y) in &m.points {
        match (frame.x.place(x), frame.y.place(y)) {
            (Some(x), Some(y)) => run.push((x, y)),
            _ => {
                left_out += 1;
                runs.push(std::mem::take(&mut run));
            }
        }
    }
    runs.push(run);
    for run in runs.iter().filter(|r| r.len() > 1) {
        let mut tag = svg
            .tag("path")
            .path(&simplified(run, UNSEEN), false)
            .attr("fill", "none")
            .paint("stroke", m.paint)
            .num("stroke-width", m.width)
            .attr("stroke-linejoin", "round")
            .attr("clip-path", &format!("url(#{clip})"));
        if let Some(array) = m.dash.array() {
            tag = tag.attr("stroke-dasharray", array);
        }
        if m.opacity < 1.0 {
            tag = tag.num("stroke-opacity", m.opacity);
        }
        tag.tip(m.tip.as_deref());
    }
    left_out
}

fn band(svg: &mut Svg, m: &Band, frame: &Frame, clip: &str) -> usize {
    let mut left_out = 0;
    let mut runs = vec![Vec::new()];
    for &(x, low, high) in &m.points {
        // An open end reaches beyond the panel.
        let low = if low == f64::NEG_INFINITY || (low <= 0.0 && frame.y.place(low).is_none()) {
            Some(if frame.y.from > frame.y.to { 1e5 } else { -1e5 })
        } else {
            frame.y.place(low)
        };
        let high = match high {
            f64::INFINITY => Some(if frame.y.from > frame.y.to { -1e5 } else { 1e5 }),
            high => frame.y.place(high),
        };
        match (frame.x.place(x), low, high) {
            (Some(x), Some(low), Some(high)) => {
                if let Some(run) = runs.last_mut() {
                    run.push((x, low, high));
                }
            }
            _ => {
                left_out += 1;
                runs.push(Vec::new());
            }
        }
    }
    for run in runs.iter().filter(|r| r.len() > 1) {
        let under = run.iter().map(|&(x, low, _)| (x, low));
        let over = run.iter().rev().map(|&(x, _, high)| (x, high));
        let outline: Vec<_> = under.chain(over).collect();
        svg.tag("path")
            .path(&outline, true)
            .paint("fill", m.paint)
            .attr("fill-opacity", "0.18")
            .attr("clip-path", &format!("url(#{clip})"))
            .end();
    }
    left_out
}

fn whiskers(svg: &mut Svg, m: &Whiskers, frame: &Frame) -> usize {
    let mut left_out = 0;
    for w in &m.at {
        let shown = frame.x.shows(w.x) && frame.y.shows(w.y);
        let (Some(x), Some(y), true) = (frame.x.place(w.x), frame.y.place(w.y), shown) else {
            left_out += 1;
            continue;
        };
        if w.low.is_nan() || w.high.is_nan() {
            left_out += 1;
            continue;
        }
        let scale = match m.along {
            Along::X => &frame.x,
            Along::Y => &frame.y,
        };
        // Which pixel an end lies at, and whether it is cut there.
        let (near, far) = (scale.place_position(scale.low), scale.place_position(scale.high));
        let low = if scale.shows(w.low) {
            (scale.place(w.low).unwrap_or(near), false)
        } else {
            (near, true)
        };
        let high = if scale.shows(w.high) {
            (scale.place(w.high).unwrap_or(far), false)
        } else {
            (far, true)
        };
        let at = |along: f64, across: f64| match m.along {
            Along::X => (along, y + across),
            Along::Y => (x + across, along),
        };
        let stroke = |svg: &mut Svg, points: &[(f64, f64)]| {
            svg.tag("path")
                .path(points, false)
                .attr("fill", "none")
                .paint("stroke", w.paint)
                .num("stroke-width", m.width)
                .attr("stroke-linecap", "round")
                .attr("stroke-linejoin", "round")
                .end();
        };
        stroke(svg, &[at(low.0, 0.0), at(high.0, 0.0)]);
        let cap = 2.0 + 1.6 * m.width;
        for ((end, cut), other) in [(low, high.0), (high, low.0)] {
            let inward = (other - end).signum() * 6.0;
            if cut {
                stroke(svg, &[at(end + inward, -cap), at(end, 0.0), at(end + inward, cap)]);
            } else {
                stroke(svg, &[at(end, -cap), at(end, cap)]);
            }
        }
    }
    left_out
}

fn rule(svg: &mut Svg, m: &Rule, frame: &Frame) -> usize {
    let area = frame.area;
    let scale = match m.along {
        Along::X => &frame.y,
        Along::Y => &frame.x,
    };
    let Some(at) = scale.place(m.value).filter(|_| scale.shows(m.value)) else {
        // A line for orientation may lie off the axes; a value that is no number may not pass unseen.
        return usize::from(m.extend == Extend::Full || !m.value.is_finite());
    };
    let ends = match m.along {
        Along::X => [(area.left, at), (area.right(), at)],
        Along::Y => [(at, area.top), (at, area.bottom())],
    };
    let mut tag =
        svg.tag("path").path(&ends, false).paint("stroke", m.paint).attr("stroke-width", "1.6");
    if let Some(array) = m.dash.array() {
        tag = tag.attr("stroke-dasharray", array);
    }
    tag.end();
    0
}

/// Lines that carry a label at their right end.
pub(crate) fn end_labels(marks: &[Mark]) -> Vec<(&Line, &Rich)> {
    let lines = marks.iter().filter_map(|m| match m {
        Mark::Line(line) => Some((line, line.end_label.as_ref()?)),
        _ => None,
    });
    lines.collect()
}

/// Writes end labels beside the panel, each as near to its line's end as the others allow, with a
/// thin leader where it had to move.
pub(crate) fn write_end_labels(svg: &mut Svg, ends: &[(&Line, &Rich)], frame: &Frame, size: f64) {
    let area = frame.area;
    let mut placed: Vec<(f64, f64, f64, Paint, &Rich)> = ends
        .iter()
        .filter_map(|(line, text)| {
            // The last point inside the panel: a line that leaves earlier is named where it leaves.
            let inside = |p: &&(f64, f64)| frame.x.shows(p.0) && frame.y.shows(p.1);
            let last = line.points.iter().rev().find(inside)?;
            let (x, y) = (frame.x.place(last.0)?, frame.y.place(last.1)?);
            Some((x, y, y, line.paint, *text))
        })
        .collect();
    placed.sort_by(|a, b| a.1.total_cmp(&b.1));
    spread(&mut placed, size + 4.0, area.top + size / 2.0, area.bottom() - size / 2.0);
    for (x, y, wanted, paint, text) in placed {
        let start = area.right() + 10.0;
        svg.tag("path")
            .path(&[(x.min(area.right()), wanted), (start - 2.0, y)], false)
            .attr("fill", "none")
            .paint("stroke", paint)
            .attr("stroke-width", "1")
            .attr("stroke-opacity", "0.6")
            .end();
        let kind =
            Type { size, weight: Weight::SemiBold, paint, anchor: Anchor::Start, halo: false };
        svg.text(start, y + size * 0.36, text, kind);
    }
}

/// Moves heights (the second field) apart by at least `gap` within `top..bottom`, keeping order.
fn spread(placed: &mut [(f64, f64, f64, Paint, &Rich)], gap: f64, top: f64, bottom: f64) {
    for _ in 0..placed.len() * 8 {
        for i in 1..placed.len() {
            let short = gap - (placed[i].1 - placed[i - 1].1);
            if short > 0.0 {
                placed[i - 1].1 -= short / 2.0;
                placed[i].1 += short / 2.0;
            }
        }
        for p in placed.iter_mut() {
            p.1 = p.1.clamp(top, bottom.max(top));
        }
    }
    for i in 1..placed.len() {
        placed[i].1 = placed[i].1.max(placed[i - 1].1 + gap);
    }
    if let Some(over) = placed.last().map(|p| p.1 - bottom).filter(|over| *over > 0.0) {
        for p in placed.iter_mut() {
            p.1 -= over;
        }
    }
}

/// The dash of a published law, by its place in the list.
pub(crate) fn dash_of(i: usize) -> Dash {
    [Dash::Dashed, Dash::Dotted, Dash::DashDot][i % 3]
}
