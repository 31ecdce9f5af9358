//! Dots with their intervals inside a table: the numbers of a column as places on one axis.

use isoflop_fit::Estimate;

use crate::chart::{
    Along, Axis, Dash, Extend, Format, Mark, Paint, Rich, Rule, Scale, Theme, Ticks, escape,
};
use crate::plots::usual_ends;

const WIDE: f64 = 220.0;
/// Free pixels at each end.
const EDGE: f64 = 8.0;
const ROW: f64 = 22.0;
/// Pixels between the dots of one row.
const APART: f64 = 9.0;
/// Font size of the axis, and the least width of a label's digit.
const TICK: (f64, f64) = (12.0, 7.0);

/// A column of dots. The page alone draws it; elsewhere the numbers stand by themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// Its head.
    pub label: Rich,
    /// Number of the column that it stands before.
    pub before: usize,
    /// What each row shows, and which hue it has.
    pub rows: Vec<Vec<(Estimate, usize)>>,
    /// Values drawn through all rows, for orientation.
    pub references: Vec<f64>,
}

impl Strip {
    /// `None` where there is no estimate to draw.
    pub(super) fn drawn(&self) -> Option<Drawn<'_>> {
        let all = || self.rows.iter().flatten().map(|(e, _)| e);
        if !all().any(|e| e.point.is_finite()) {
            return None;
        }
        let ends = usual_ends(all().copied());
        let axis = Axis::linear("").include(all().map(|e| e.point).chain(ends));
        let rule = |value: &f64| {
            Mark::Rule(Rule {
                value: *value,
                along: Along::Y,
                paint: Paint::Faint,
                dash: Dash::Dashed,
                label: None,
                extend: Extend::Soft,
            })
        };
        let rules: Vec<Mark> = self.references.iter().map(rule).collect();
        let scale = axis.scale(Along::X, &rules).onto(EDGE, WIDE - EDGE);
        let fits = |labels: &[(f64, Rich)]| {
            let digits: usize = labels.iter().map(|(_, t)| t.to_text().chars().count() + 2).sum();
            digits as f64 * TICK.1 < WIDE
        };
        let ticks = Ticks::choose(&scale, Format::Plain, fits);
        Some(Drawn { strip: self, scale, ticks })
    }
}

/// A strip on its axis.
pub(super) struct Drawn<'a> {
    strip: &'a Strip,
    scale: Scale,
    ticks: Ticks,
}

impl Drawn<'_> {
    pub(super) fn before(&self) -> usize {
        self.strip.before
    }

    /// The head, with the axis below it.
    pub(super) fn head(&self) -> String {
        let mut labels = String::new();
        for (value, text) in self.ticks.major.iter().filter(|(v, _)| self.scale.shows(*v)) {
            let Some(x) = self.scale.place(*value) else { continue };
            labels.push_str(&format!(
                "<text x=\"{x:.1}\" y=\"13\" text-anchor=\"middle\" font-size=\"{}\" fill=\"{}\">{}</text>",
                TICK.0,
                Paint::Muted.css(Theme::Page),
                escape(&text.to_text())
            ));
        }
        let axis = svg(16.0, &labels);
        format!("<th scope=\"col\" class=\"dots\">{}{axis}</th>", self.strip.label.to_html())
    }

    /// The cell of a row.
    pub(super) fn cell(&self, row: usize) -> String {
        let some = self.strip.rows.get(row).map(Vec::as_slice).unwrap_or_default();
        let height = ROW + APART * some.len().saturating_sub(1) as f64;
        let mut body = String::new();
        let mut upright = |value: f64, paint: Paint, dash: &str| {
            if let Some(x) = self.scale.place(value).filter(|_| self.scale.shows(value)) {
                body.push_str(&format!(
                    "<path d=\"M{x:.1} 0V{height}\" stroke=\"{}\"{dash}/>",
                    paint.css(Theme::Page)
                ));
            }
        };
        self.ticks.major.iter().for_each(|(v, _)| upright(*v, Paint::Grid, ""));
        let dashed = " stroke-dasharray=\"3 3\"";
        self.strip.references.iter().for_each(|v| upright(*v, Paint::Faint, dashed));
        for (i, (estimate, hue)) in some.iter().enumerate() {
            let y = ROW / 2.0 + APART * i as f64;
            let colour = Paint::Hue(*hue).css(Theme::Page);
            if let Some(interval) = estimate.interval {
                let (low, high) = (self.end(interval.lo), self.end(interval.hi));
                body.push_str(&format!(
                    "<path d=\"M{low:.1} {y}H{high:.1}\" stroke=\"{colour}\" stroke-width=\"2.2\"/>"
                ));
            }
            if let Some(x) = self.scale.place(estimate.point) {
                body.push_str(&format!(
                    "<circle cx=\"{x:.1}\" cy=\"{y}\" r=\"4\" fill=\"{colour}\"/>"
                ));
            }
        }
        format!("<td class=\"dots\">{}</td>", svg(height, &body))
    }

    /// Where an interval ends, at the edge where it is cut.
    fn end(&self, value: f64) -> f64 {
        match self.scale.place(value) {
            Some(x) => x.clamp(0.0, WIDE),
            None if value < 0.0 => 0.0,
            None => WIDE,
        }
    }
}

/// The numbers stand beside it, so readers of the text alone miss nothing.
fn svg(height: f64, body: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDE} {height}\" width=\"{WIDE}\" height=\"{height}\" aria-hidden=\"true\">{body}</svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Align, Table};
    use isoflop_fit::Interval;

    fn table(estimates: &[Vec<(Estimate, usize)>]) -> Table {
        let mut table = Table::new("", [("Approach", Align::Left), ("a", Align::Right)]);
        estimates.iter().for_each(|_| table.row(["x", "0.5"]));
        table.strip = Some(Strip {
            label: "a".into(),
            before: 1,
            rows: estimates.to_vec(),
            references: vec![0.49, f64::NAN],
        });
        table
    }

    fn estimate(point: f64, lo: f64, hi: f64) -> Estimate {
        let interval = Some(Interval { lo, hi, level: 0.95 });
        Estimate { point, standard_error: None, interval }
    }

    #[test]
    fn every_estimate_has_a_dot_and_wild_intervals_are_cut() {
        let rows = [
            vec![(estimate(0.5, 0.45, 0.55), 0), (estimate(0.48, 0.46, 0.52), 1)],
            vec![(estimate(0.52, -40.0, f64::INFINITY), 0)],
            vec![],
        ];
        let html = table(&rows).to_html();
        let tree = roxmltree::Document::parse(&html).unwrap();
        let dots: Vec<f64> =
            tree.descendants().filter_map(|node| node.attribute("cx")?.parse().ok()).collect();
        assert_eq!(dots.len(), 3, "{html}");
        assert!(
            dots[1] < dots[0]
                && dots[0] < dots[2]
                && dots.iter().all(|x| (8.0..=212.0).contains(x))
        );
        assert!(html.contains("d=\"M0.0 11H220.0\""), "{html}");
        let cells = |row: &roxmltree::Node| row.children().filter(|n| n.is_element()).count();
        assert!(tree.descendants().filter(|n| n.has_tag_name("tr")).all(|row| cells(&row) == 3));
    }

    #[test]
    fn without_an_estimate_there_is_no_strip() {
        let html = table(&[vec![], vec![(Estimate::bare(f64::NAN), 0)]]).to_html();
        assert!(!html.contains("svg"), "{html}");
    }
}
