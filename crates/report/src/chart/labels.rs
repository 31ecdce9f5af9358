//! Texts inside a panel, written over its marks: each stands where it covers least.

use super::draw::NOTE;
use super::font::{Weight, rich_width};
use super::mark::{Along, Mark, Note, Rule};
use super::panel::{Frame, Rect};
use super::svg::{Anchor, Svg, Type};
use super::text::Rich;

/// Cost of covering a point of the data, part of a line, another text, and of leaving the panel.
const DOT: f64 = 8.0;
const STROKE: f64 = 1.0;
const TEXT: f64 = 100.0;
const OUTSIDE: f64 = 50.0;
/// What a place costs more than the one before it: the first is taken where all are free.
const LATER: f64 = 0.3;
/// Pixels by which a text may leave the panel at its right.
const MARGIN: f64 = 22.0;
/// Pixels between the points that stand for a line.
const STEP: f64 = 6.0;

/// A place for a text: its baseline, and how it hangs there.
#[derive(Debug, Clone, Copy)]
struct Spot {
    x: f64,
    y: f64,
    anchor: Anchor,
}

/// Writes the texts of notes and rules; returns how many notes had no place.
pub(crate) fn write(svg: &mut Svg, marks: &[Mark], frame: &Frame) -> usize {
    let mut taken = Taken::by(marks, frame);
    let mut left_out = 0;
    for mark in marks {
        let (text, paint, spots) = match mark {
            Mark::Note(note) => match beside(note, frame) {
                Some(spots) => (&note.text, note.paint, spots),
                None => {
                    left_out += 1;
                    continue;
                }
            },
            Mark::Rule(rule) => match (&rule.label, along(rule, frame)) {
                (Some(label), Some(spots)) => (label, rule.paint, spots),
                _ => continue,
            },
            _ => continue,
        };
        let Some(spot) = taken.take(&spots, text) else { continue };
        let (anchor, weight) = (spot.anchor, Weight::Regular);
        svg.text(spot.x, spot.y, text, Type { size: NOTE, weight, paint, anchor, halo: true });
    }
    left_out
}

/// The places of a note; `None` where its point has none.
fn beside(note: &Note, frame: &Frame) -> Option<Vec<Spot>> {
    let (x, y) = shown(note.x, note.y, frame)?;
    let anchor = note.anchor;
    Some(note.shifts.iter().map(|s| Spot { x: x + s.0, y: y + s.1, anchor }).collect())
}

/// The places of a rule's label; `None` where the rule is not drawn.
fn along(rule: &Rule, frame: &Frame) -> Option<Vec<Spot>> {
    let area = frame.area;
    let scale = if rule.along == Along::X { &frame.y } else { &frame.x };
    let at = scale.place(rule.value).filter(|_| scale.shows(rule.value))?;
    if rule.along == Along::Y {
        return Some(vec![Spot { x: at + 6.0, y: area.top + 14.0, anchor: Anchor::Start }]);
    }
    let (above, below) = (at - 6.0, at + NOTE + 1.0);
    let right = |y| Spot { x: area.right() - 6.0, y, anchor: Anchor::End };
    let left = |y| Spot { x: area.left + 6.0, y, anchor: Anchor::Start };
    Some(vec![right(above), right(below), left(above), left(below)])
}

fn shown(x: f64, y: f64, frame: &Frame) -> Option<(f64, f64)> {
    if frame.x.shows(x) && frame.y.shows(y) {
        return frame.x.place(x).zip(frame.y.place(y));
    }
    None
}

/// What is drawn already.
struct Taken {
    area: Rect,
    /// `(x, y, radius, cost)`.
    points: Vec<(f64, f64, f64, f64)>,
    texts: Vec<Rect>,
}

impl Taken {
    fn by(marks: &[Mark], frame: &Frame) -> Self {
        let area = frame.area;
        let mut taken = Self { area, points: Vec::new(), texts: Vec::new() };
        for mark in marks {
            match mark {
                Mark::Dots(m) => {
                    let at = m.at.iter().filter_map(|d| shown(d.x, d.y, frame));
                    taken.points.extend(at.map(|(x, y)| (x, y, m.radius, DOT)));
                }
                Mark::Line(m) => {
                    let place = |p: &(f64, f64)| frame.x.place(p.0).zip(frame.y.place(p.1));
                    for pair in m.points.windows(2) {
                        if let (Some(a), Some(b)) = (place(&pair[0]), place(&pair[1])) {
                            taken.stroke(a, b);
                        }
                    }
                }
                Mark::Whiskers(m) => {
                    for w in &m.at {
                        let Some((x, y)) = shown(w.x, w.y, frame) else { continue };
                        let scale = if m.along == Along::X { &frame.x } else { &frame.y };
                        let end = |value, open| scale.place(value).unwrap_or(open);
                        let (low, high) = (end(w.low, scale.from), end(w.high, scale.to));
                        match m.along {
                            Along::X => taken.stroke((low, y), (high, y)),
                            Along::Y => taken.stroke((x, low), (x, high)),
                        }
                    }
                }
                Mark::Rule(m) => match m.along {
                    Along::X => {
                        if let Some(y) = frame.y.place(m.value) {
                            taken.stroke((area.left, y), (area.right(), y));
                        }
                    }
                    Along::Y => {
                        if let Some(x) = frame.x.place(m.value) {
                            taken.stroke((x, area.top), (x, area.bottom()));
                        }
                    }
                },
                Mark::Band(_) | Mark::Note(_) => {}
            }
        }
        taken
    }

    /// Points along a straight line.
    fn stroke(&mut self, a: (f64, f64), b: (f64, f64)) {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let steps = (dx.hypot(dy) / STEP).clamp(1.0, 400.0).floor();
        for i in 0..steps as usize {
            let share = (i as f64 + 0.5) / steps;
            self.points.push((a.0 + share * dx, a.1 + share * dy, 1.0, STROKE));
        }
    }

    /// The place where a text costs least; it is taken from then on.
    fn take(&mut self, spots: &[Spot], text: &Rich) -> Option<Spot> {
        let width = rich_width(text, NOTE, Weight::Regular);
        let boxed = |spot: &Spot| {
            let left = match spot.anchor {
                Anchor::Start => spot.x,
                Anchor::Middle => spot.x - width / 2.0,
                Anchor::End => spot.x - width,
            };
            Rect { left, top: spot.y - 0.75 * NOTE, width, height: 0.95 * NOTE }
        };
        let cost = |(i, spot): (usize, &Spot)| {
            (self.cost(&boxed(spot)) + LATER * i as f64, boxed(spot), *spot)
        };
        let best = spots.iter().enumerate().map(cost).min_by(|a, b| a.0.total_cmp(&b.0))?;
        // What is too wide for its place moves back into the figure, and up from its point.
        let beyond = (best.1.right() - self.area.right() - MARGIN).max(0.0);
        let up = if beyond > 0.0 { NOTE } else { 0.0 };
        self.texts.push(Rect { left: best.1.left - beyond, top: best.1.top - up, ..best.1 });
        Some(Spot { x: best.2.x - beyond, y: best.2.y - up, ..best.2 })
    }

    fn cost(&self, text: &Rect) -> f64 {
        let covers = |&&(x, y, r, _): &&(f64, f64, f64, f64)| {
            x + r > text.left && x - r < text.right() && y + r > text.top && y - r < text.bottom()
        };
        let apart = |other: &&Rect| {
            other.right() < text.left
                || other.left > text.right()
                || other.bottom() < text.top
                || other.top > text.bottom()
        };
        let inside = text.left >= self.area.left
            && text.right() <= self.area.right()
            && text.top >= self.area.top
            && text.bottom() <= self.area.bottom();
        let points: f64 = self.points.iter().filter(covers).map(|p| p.3).sum();
        let texts = self.texts.iter().filter(|other| !apart(other)).count() as f64;
        points + TEXT * texts + if inside { 0.0 } else { OUTSIDE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{
        Along, Axis, Dash, Dots, Extend, Figure, Line, Paint, Panel, Symbol, Theme,
    };

    /// Where a text stands in a drawing.
    fn place(svg: &str, text: &str) -> (f64, f64) {
        let tree = roxmltree::Document::parse(svg).unwrap();
        let found = tree.descendants().find(|n| n.text() == Some(text)).unwrap();
        let number = |a| found.attribute(a).unwrap().parse::<f64>().unwrap();
        (number("x"), number("y"))
    }

    fn draw(marks: Vec<Mark>) -> String {
        let mut panel = Panel::new(Axis::linear("x").include([0.0, 10.0]), Axis::linear("y"));
        panel.y = panel.y.include([0.0, 10.0]);
        marks.into_iter().for_each(|m| panel.push(m));
        Figure::new("labels", "Labels", panel).sized(640.0, 480.0).svg(Theme::Light)
    }

    #[test]
    fn a_note_stands_where_no_run_is() {
        let note = Mark::Note(Note {
            x: 5.0,
            y: 5.0,
            shifts: vec![(0.0, 24.0), (0.0, -24.0)],
            text: "here".into(),
            anchor: Anchor::Middle,
            paint: Paint::Ink,
        });
        let run = |y: f64| {
            Mark::Dots(Dots {
                at: vec![(5.0, y).into()],
                symbol: Symbol::Circle,
                radius: 5.0,
                paint: Paint::Ink,
                hollow: false,
                opacity: 1.0,
            })
        };
        let free = place(&draw(vec![note.clone()]), "here").1;
        assert_eq!(place(&draw(vec![note.clone(), run(9.0)]), "here").1, free);
        assert_eq!(place(&draw(vec![note, run(4.4)]), "here").1, free - 48.0);
    }

    #[test]
    fn the_label_of_a_rule_keeps_off_lines_and_other_labels() {
        let rule = |value, label: &str| {
            Mark::Rule(Rule {
                value,
                along: Along::X,
                paint: Paint::Ink,
                dash: Dash::Dotted,
                label: Some(label.into()),
                extend: Extend::No,
            })
        };
        let free = draw(vec![rule(5.0, "one")]);
        let line = Mark::Line(Line::new(vec![(8.0, 5.2), (10.0, 5.2)], Paint::Ink));
        let crossed = draw(vec![rule(5.0, "one"), line]);
        assert!(place(&crossed, "one").1 > place(&free, "one").1, "{crossed}");
        let two = draw(vec![rule(5.0, "one"), rule(4.9, "two")]);
        assert_eq!(place(&two, "one"), place(&free, "one"));
        assert!(place(&two, "two").1 - place(&two, "one").1 > NOTE, "{two}");
    }
}
